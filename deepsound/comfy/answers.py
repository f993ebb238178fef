"""Parser of a ComfyUI server's untrusted answers: bounded JSON, outputs, refusals."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from deepsound.runtime.paths import escaped

_MAX_FILES = 256
_MAX_TEXTS, _MAX_TEXT = 256, 100_000
_MAX_REASON = 1000
_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")


@dataclass(frozen=True)
class ServerFile:
    """A file that a run made, by the names the server has for it."""

    filename: str
    subfolder: str
    type: str


def parse(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a server's answer; empty for anything else, JSON that is nested too deeply included."""
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def is_id(value: Any) -> bool:
    """Whether a prompt's id is a plain word, which may become part of an address."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def fraction(value: Any, most: Any) -> float | None:
    """How far a node is, 0 to 1; None for numbers that say nothing."""
    if not (isinstance(value, (int, float)) and isinstance(most, (int, float))):
        return None
    try:
        share = value / most
    except (ZeroDivisionError, OverflowError):
        return None
    return min(max(share, 0.0), 1.0) if most > 0 and math.isfinite(share) else None


def outputs(content: Any) -> tuple[tuple[ServerFile, ...], tuple[str, ...]]:
    """Files in the output folder, or where there are none those in the temporary one, and texts."""
    items = [
        item
        for node in (content.values() if isinstance(content, dict) else ())
        if isinstance(node, dict)
        for many in node.values()
        if isinstance(many, list)
        for item in many
    ]
    files = [
        ServerFile(item["filename"], str(item.get("subfolder") or ""), str(item.get("type")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("filename"), str)
    ]
    saved = [file for file in files if file.type == "output"] or [file for file in files if file.type == "temp"]
    texts = [item[:_MAX_TEXT] for item in items if isinstance(item, str)]
    return tuple(dict.fromkeys(saved))[: _MAX_FILES + 1], tuple(texts[:_MAX_TEXTS])


def refusal(answer: dict[str, Any]) -> str:
    """A refusal's reasons: what is wrong with which node's input."""
    nodes = answer.get("node_errors")
    rows = [
        error
        for node in (nodes.values() if isinstance(nodes, dict) else ())
        if isinstance(node, dict) and isinstance(node.get("errors"), list)
        for error in node["errors"]
        if isinstance(error, dict)
    ]
    said = [f"{error.get('message')}: {error.get('details')}" for error in rows]
    error = answer.get("error")
    if not said and error:
        said = [str(error.get("message") if isinstance(error, dict) else error)]
    return reason("; ".join(said) or "it gives no reason")


def reason(text: Any) -> str:
    """A server's words in a message of ours: on one line, without control characters, no longer than is read."""
    return escaped(" ".join(str(text).split())[:_MAX_REASON])


def too_many(files: tuple[ServerFile, ...]) -> bool:
    """Whether a run claims more files than any workflow makes."""
    return len(files) > _MAX_FILES

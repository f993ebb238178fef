"""API-format workflow: inputs by name, node or title, and the node its video goes to."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsound.batch.clips import VIDEO_SUFFIXES
from deepsound.errors import InputError
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.paths import escaped

_MAX_BYTES = 16 << 20
_MAX_TITLE, _MAX_LISTED, _MAX_BRACKETS = 200, 1000, 1000
# Where loaders keep their file when the workflow was saved without one.
_LOADERS = {"DeepSoundLoadVideo": "file", "LoadVideo": "file", "VHS_LoadVideo": "video"}


@dataclass(frozen=True)
class Input:
    """An input of a node that is not linked to another one."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"{self.node}.{self.name}"


@dataclass(frozen=True)
class Workflow:
    """A prompt as ComfyUI's `/prompt` takes it: node ids to class_type, inputs and title."""

    prompt: dict[str, dict[str, Any]]

    @classmethod
    def load(cls, path: Path | str) -> Workflow:
        """Read a file. Raises InputError when there is none, or it is no workflow in API format."""
        prompt = read_json_object(Path(path), "a workflow in API format", InputError, _MAX_BYTES)
        if isinstance(prompt.get("nodes"), list):
            raise InputError(
                f"{escaped(path)} is a graph as ComfyUI's page saves it; export it in API format (File > Export "
                "(API)), or take one of workflows/api/."
            )
        if problem := _problem(prompt):
            raise InputError(
                f"{escaped(path)}: expected a workflow in API format, with class_type and inputs in each node, but "
                f"{problem}; export it again (File > Export (API))."
            )
        return cls(prompt)

    def title(self, node: str) -> str:
        """What a node is called on the page."""
        known = self.prompt.get(node, {})
        meta = known.get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        return escaped(str(title or known.get("class_type") or node)[:_MAX_TITLE])

    def with_inputs(self, values: Mapping[str, Any]) -> Workflow:
        """The same with inputs replaced.

        A key is a name (`prompt`: every input of that name), a node's id and a name (`2.prompt`), or its title and a
        name (`Step 1: generate.prompt`). Text is turned into the kind of value that stands there. Raises InputError for
        a key that addresses nothing, a linked input, and text that is no such value.
        """
        prompt = copy.deepcopy(self.prompt)
        for address, value in values.items():
            for found in self._resolve_address(address):
                inputs = prompt[found.node]["inputs"]
                inputs[found.name] = _as_present(address, value, inputs[found.name])
        return Workflow(prompt)

    def video_inputs(self, address: str | None = None) -> list[Input]:
        """Where the video's name goes: at `address`, or at the one file name of a video. InputError if not clear."""
        if address is not None:
            return self._resolve_address(address)
        named = [found for found in self._inputs() if _is_video(self._value(found))]
        named = named or [
            found for found in self._inputs() if _LOADERS.get(self.prompt[found.node]["class_type"]) == found.name
        ]
        if len({json.dumps(self._value(found)) for found in named}) != 1:
            found_here = escaped(", ".join(map(str, named))[:_MAX_LISTED]) or "none"
            raise InputError(
                f"Which input takes the video is not clear (candidates: {found_here}); name it with "
                "--video-input NODE.INPUT."
            )
        return named

    def with_video(self, places: list[Input], name: str) -> dict[str, dict[str, Any]]:
        """The prompt with the uploaded video's name in its places."""
        prompt = copy.deepcopy(self.prompt)
        for place in places:
            prompt[place.node]["inputs"][place.name] = name
        return prompt

    def _resolve_address(self, address: str) -> list[Input]:
        node, dot, name = address.rpartition(".")
        found = [place for place in self._inputs() if place.name == name and (not dot or place.node == node)]
        if dot and not found:
            found = [
                place
                for place in self._inputs()
                if place.name == name and self.title(place.node).casefold() == node.casefold()
            ]
        if not found:
            known = escaped(", ".join(map(str, self._inputs()))[:_MAX_LISTED])
            raise InputError(f"The workflow has no input {address!r} that could be set; it has: {known or 'none'}.")
        return found

    def _inputs(self) -> Iterator[Input]:
        for node, body in self.prompt.items():
            for name, value in body["inputs"].items():
                if not _is_link(value):
                    yield Input(node, name)

    def _value(self, place: Input) -> Any:
        return self.prompt[place.node]["inputs"][place.name]


def parse_assignments(texts: list[str]) -> dict[str, str]:
    """`--set NAME=VALUE` options as a mapping. Raises InputError for one without a name or an equals sign."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InputError(f"--set: expected NAME=VALUE, NODE.NAME=VALUE or TITLE.NAME=VALUE, got {text!r}.")
        values[name] = value
    return values


def _problem(prompt: dict[str, Any]) -> str:
    """What is wrong with the first node that is none; empty for a workflow."""
    if not prompt:
        return "it holds no node"
    for node, body in prompt.items():
        name = f"node {escaped(node[:40])!r}"
        if not isinstance(body, dict):
            return f"{name} is {_kind(body)}, not an object"
        if not isinstance(body.get("class_type"), str):
            return (
                f"{name} has {_kind(body['class_type'])} as its class_type"
                if "class_type" in body
                else (f"{name} has no class_type")
            )
        if not isinstance(body.get("inputs"), dict):
            return f"{name} has {_kind(body['inputs'])} as its inputs" if "inputs" in body else f"{name} has no inputs"
    return ""


def _kind(value: Any) -> str:
    kinds = {list: "a list", dict: "an object", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _is_video(value: Any) -> bool:
    return isinstance(value, str) and Path(value).suffix.lower() in VIDEO_SUFFIXES


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _as_present(address: str, value: Any, present: Any) -> Any:
    """`value` as the kind of `present`: the page writes a decimal number without decimals as a whole one."""
    if not isinstance(value, str) or isinstance(present, str):
        return value
    try:
        if isinstance(present, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]
        if value.count("[") + value.count("{") > _MAX_BRACKETS:
            raise ValueError("nested too deeply")
        return json.loads(value, parse_constant=_no_constant)
    except (KeyError, ValueError):
        kind = {bool: "true or false", int: "a number", float: "a number"}.get(type(present), "JSON")
        raise InputError(
            f"--set {address}: expected {kind}, got {escaped(value[:200])!r}; correct the value."
        ) from None

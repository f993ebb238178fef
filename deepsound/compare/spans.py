"""Time spans as text, such as `0.5-1.2, 3-4`, as people and result records write them."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from deepsound.errors import InputError
from deepsound.types import Span

AUTOMATIC = "auto"
MOST_SPANS = 10_000
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_RANGE = re.compile(rf"\s*{_NUMBER}\s*(?:-|–|\.\.|to)\s*{_NUMBER}\s*s?\s*")


def parse_spans(text: str) -> tuple[Span, ...]:
    """The stretches in `text`, in seconds: `0.5-1.2, 3-4` or JSON such as `[[0.5, 1.2], [3, 4]]`; empty means none.

    Raises InputError for anything else, for a stretch that ends before it begins, and for more than 10000 of them.
    """
    text = text.strip()
    if not text:
        return ()
    return spans_of(_pairs_of_json(text) if text[0] in "[{" else _pairs_of_ranges(text), text)


def check_spans(text: str) -> None:
    """Raise InputError for a text that is neither `auto` nor stretches of time."""
    if not is_automatic(text):
        parse_spans(text)


def is_automatic(text: str) -> bool:
    """Whether `text` asks that voices be listened for."""
    return text.strip().lower() == AUTOMATIC


def spans_of(pairs: Any, source: str) -> tuple[Span, ...]:
    """The stretches that a list of pairs of seconds stands for; `source` names it in errors, which are InputErrors."""
    if not isinstance(pairs, list):
        raise _unreadable(source)
    if len(pairs) > MOST_SPANS:
        raise InputError(f"There are {len(pairs)} spans of voice; at most {MOST_SPANS} can be shown.")
    return tuple(_span(pair, source) for pair in pairs)


def _pairs_of_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable(text) from None


def _pairs_of_ranges(text: str) -> list[Any]:
    matches = [_RANGE.fullmatch(part) for part in re.split(r"[,;\n]", text) if part.strip()]
    if None in matches:
        raise _unreadable(text)
    return [match.groups() for match in matches if match is not None]


def _span(pair: Any, text: str) -> Span:
    try:
        start_s, end_s = (float(pair["start_s"]), float(pair["end_s"])) if isinstance(pair, dict) else map(float, pair)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise _unreadable(text) from None
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise InputError(
            f"A span of voice goes from {start_s:g} to {end_s:g} s; expected a start at 0 or later and an end after it."
        )
    return Span(start_s, end_s)


def _unreadable(text: str) -> InputError:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return InputError(
        f"The spans of voice {shown!r} cannot be read; write seconds, as in '0.5-1.2, 3-4', or [[0.5, 1.2], [3, 4]]."
    )

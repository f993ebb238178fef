"""Span lists as data: what a repair treats, as JSON text that people can edit.

The paper reverts, removes and regenerates per segment (arXiv 2503.22208, sections 3.2.3 and 4.4).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepsound.errors import InputError
from deepsound.types import Span, Verdict

# Voiced stretches closer than this are one, and each is widened by this much on both sides.
MERGE_GAP_S = 0.3
PAD_S = 0.15
# More than a person can have drawn or a clip can have spoken; a longer list is a mistake or an attack.
MAX_SEGMENTS = 10_000
MAX_TEXT = 4_000_000

# Also as word processors and Chinese keyboards write dashes, commas and colons; web/span_list.js reads the same.
_TIME = r"\s*([+-]?[\d.]+)\s*(?:(?:s|\u79d2)\s*)?"
_TO = r"(?:[-\u2013\u2014\u2212\uff0d~\uff5e]|\.\.|\u81f3|\u5230)"
_RANGE = re.compile(rf"^{_TIME}{_TO}{_TIME}(?:[:\uff1a]\s*(.*?))?\s*$")
_BETWEEN_RANGES = re.compile(r"[\n;,]|[\uff0c\uff1b\u3001](?=\s*[+-]?[\d.])")


@dataclass(frozen=True)
class Segment:
    """A stretch of the sound, the verdict on it, what was or is to be done there, and why.

    `action` is "" (decided by the pipeline), "keep", "remove" or a fallback mode's name; `silence_ratio` is the share
    of silent frames after removal, 0 to 1, once measured; `prompt` is for engines that regenerate the stretch.
    """

    span: Span
    verdict: Verdict = Verdict.YES
    action: str = ""
    why: str = ""
    silence_ratio: float | None = None
    prompt: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, times in seconds rounded to a tenth of a millisecond."""
        return {
            "start_s": round(self.span.start_s, 4),
            "end_s": round(self.span.end_s, 4),
            "verdict": self.verdict.value,
            "action": self.action,
            "why": self.why,
            "silence_ratio": self.silence_ratio,
            "prompt": self.prompt,
        }


def merge_spans(spans: Iterable[Span], duration_s: float) -> tuple[Span, ...]:
    """The spans in order of time, padded, cut to the clip, and joined where they touch or all but touch."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start_s):
        start_s, end_s = max(0.0, span.start_s - PAD_S), min(duration_s, span.end_s + PAD_S)
        if end_s <= start_s:
            continue
        # What separates two padded spans is the gap between the voices less both pads.
        if merged and start_s - merged[-1].end_s < max(MERGE_GAP_S - 2 * PAD_S, 0.0) + 1e-9:
            merged[-1] = Span(merged[-1].start_s, max(merged[-1].end_s, end_s))
        else:
            merged.append(Span(start_s, end_s))
    return tuple(merged)


def dump_segments(segments: Iterable[Segment]) -> str:
    """The segments as a JSON list, the form `parse_segments` reads."""
    return json.dumps([segment.as_dict() for segment in segments], ensure_ascii=False)


def parse_segments(text: str, duration_s: float) -> tuple[Segment, ...]:
    """Read a span list: JSON as `dump_segments` writes it, or lines and commas such as `1.2-3.4, 5-6: rain`.

    Segments are put in order of time; overlapping ones are joined where they ask for the same, and refused where they
    do not. Times past the end of the clip are cut to it. Raises InputError for anything else that is not a list of
    stretches within 0 and `duration_s` seconds.
    """
    if len(text) > MAX_TEXT:
        raise InputError(f"The span list has {len(text):,} characters; expected at most {MAX_TEXT:,}.")
    stripped = text.strip()
    if not stripped:
        return ()
    rows = _json_rows(stripped) if stripped[0] in "[{" else _text_rows(stripped)
    if len(rows) > MAX_SEGMENTS:
        raise InputError(f"The span list has {len(rows):,} entries; expected at most {MAX_SEGMENTS:,}.")
    return _without_overlaps([_segment(row, number, duration_s) for number, row in enumerate(rows, 1)])


def _json_rows(text: str) -> list[Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The span list is not valid JSON ({_brief(error)}); expected e.g. 1.2-3.4, 5-6.") from error
    if isinstance(data, Mapping):
        data = data.get("segments", data.get("spans", [data]))
    if not isinstance(data, list):
        raise InputError(
            f"The span list is {type(data).__name__}; expected a JSON list of objects with start_s, end_s."
        )
    return data


def _text_rows(text: str) -> list[Any]:
    rows = []
    for part in filter(str.strip, _BETWEEN_RANGES.split(text)):
        found = _RANGE.match(part)
        if not found:
            raise InputError(
                f"expected START-END in seconds, e.g. 1.2-3.4, got '{part.strip()[:60]}'; correct the span list."
            )
        rows.append({"start_s": found[1], "end_s": found[2], "prompt": found[3] or ""})
    return rows


def _segment(row: Any, number: int, duration_s: float) -> Segment:
    if isinstance(row, Sequence) and not isinstance(row, str) and len(row) == 2:
        row = {"start_s": row[0], "end_s": row[1]}
    if not isinstance(row, Mapping):
        raise InputError(
            f"Entry {number} of the span list is {type(row).__name__}; expected an object with start_s, end_s."
        )
    start_s, end_s = (_seconds(row, key, number) for key in ("start_s", "end_s"))
    if end_s <= start_s:
        raise InputError(
            f"Entry {number} of the span list ends at {end_s:g} s; expected an end after its start at {start_s:g} s."
        )
    if start_s < 0 or start_s >= duration_s:
        raise InputError(
            f"Entry {number} of the span list starts at {start_s:g} s; the clip has 0 to {duration_s:g} s."
        )
    span = Span(start_s, min(end_s, duration_s))
    words = {key: str(row.get(key) or "")[:2000] for key in ("action", "why", "prompt")}
    return Segment(span, _verdict(row, number), silence_ratio=None, **words)


def _seconds(row: Mapping[str, Any], key: str, number: int) -> float:
    value = row.get(key)
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not math.isfinite(seconds):
        raise InputError(
            f"{key} of entry {number} of the span list is {str(value)[:60]!r}; expected a number of seconds."
        )
    return seconds


def _verdict(row: Mapping[str, Any], number: int) -> Verdict:
    value = row.get("verdict", Verdict.YES.value)
    if value not in {verdict.value for verdict in Verdict}:
        names = ", ".join(verdict.value for verdict in Verdict)
        raise InputError(f"verdict of entry {number} of the span list is {str(value)[:60]!r}; choose one of: {names}.")
    return Verdict(value)


def _without_overlaps(segments: list[Segment]) -> tuple[Segment, ...]:
    joined: list[Segment] = []
    for segment in sorted(segments, key=lambda each: (each.span.start_s, each.span.end_s)):
        before = joined[-1] if joined else None
        if before is None or segment.span.start_s >= before.span.end_s:
            joined.append(segment)
            continue
        if (before.verdict, before.action, before.prompt) != (segment.verdict, segment.action, segment.prompt):
            raise InputError(
                f"The spans {before.span} and {segment.span} overlap and ask for different things; "
                "make them end where the other begins."
            )
        span = Span(before.span.start_s, max(before.span.end_s, segment.span.end_s))
        joined[-1] = Segment(span, before.verdict, before.action, before.why or segment.why, None, before.prompt)
    return tuple(joined)


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__

"""Prompts per scene: lines such as `0-12: rain`; other lines hold for the whole clip."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepsound.errors import InputError
from deepsound.types import Span

# More scenes than an hour has half-seconds are a mistake.
MAX_SCENES = 10_000

# Between two times, and behind them: also as word processors and Chinese keyboards write it.
_TO = r"(?:[-\u2013\u2014\u2212\uff0d~\uff5e]|\.\.|\u81f3|\u5230)"
_COLON = r"[:\uff1a]"
_SECONDS = r"(?:s|\u79d2)?"
_TIME = r"\s*([+-]?\d[\d.:]*)\s*" + _SECONDS + r"\s*"
_LINE = re.compile(rf"^{_TIME}{_TO}{_TIME}{_COLON}(.*)$")


@dataclass(frozen=True)
class ScenePrompt:
    """`text` for a stretch of the clip."""

    span: Span
    text: str


@dataclass(frozen=True)
class PromptSchedule:
    """`common` text for the whole clip, and `scenes` in order of time, which do not overlap."""

    common: str
    scenes: tuple[ScenePrompt, ...] = ()

    @property
    def whole(self) -> str:
        """One prompt for an engine that takes one: the common text and each different scene's, by commas."""
        return _join_texts([self.common, *dict.fromkeys(scene.text for scene in self.scenes)])

    def text_over(self, span: Span) -> str:
        """The prompt of a stretch: the common text and that of the scene which covers most of it, if any does."""
        covered = [(_overlap_s(scene.span, span), -scene.span.start_s, scene.text) for scene in self.scenes]
        most = max(covered, default=(0.0, 0.0, ""))
        return _join_texts([self.common, most[2] if most[0] > 0 else ""])

    def edges_s(self, duration_s: float) -> tuple[float, ...]:
        """Where a scene begins or ends within the clip, in order."""
        edges = {edge for scene in self.scenes for edge in (scene.span.start_s, scene.span.end_s)}
        return tuple(sorted(edge for edge in edges if 0 < edge < duration_s))


def has_scenes(prompt: str) -> bool:
    """Whether any line of a prompt is a scene's."""
    return any(_LINE.match(line) for line in prompt.splitlines())


def parse_schedule(prompt: str, duration_s: float | None = None) -> PromptSchedule:
    """Read a prompt; one without scene lines is common text as it stands.

    Times are seconds or m:ss. A scene that ends after the clip of `duration_s` is cut to it. Raises InputError for
    scenes that end before they begin, begin after the clip, overlap, or have no text.
    """
    if not has_scenes(prompt):
        return PromptSchedule(prompt)
    common, scenes = [], []
    for line in prompt.splitlines():
        found = _LINE.match(line)
        if found is None:
            common.append(line.strip())
        else:
            scenes.append(_scene(line.strip(), found, duration_s))
    if len(scenes) > MAX_SCENES:
        raise InputError(f"The prompt has {len(scenes):,} scene lines; expected at most {MAX_SCENES:,}.")
    return PromptSchedule(_join_texts(common), _in_order(scenes))


def whole_prompt(prompt: str) -> str:
    """The prompt for an engine without scenes; raises InputError as `parse_schedule` does."""
    return parse_schedule(prompt).whole


def scene_notes(name: str, prompt: str) -> tuple[str, ...]:
    """What an engine without scenes makes of scene lines, in one sentence; nothing where there are none."""
    if not isinstance(prompt, str) or not has_scenes(prompt):
        return ()
    return (f"{name} has one prompt for the whole clip: the scene lines' texts are joined and their times not used.",)


def _scene(line: str, found: re.Match[str], duration_s: float | None) -> ScenePrompt:
    start_s, end_s = _seconds(found[1], line), _seconds(found[2], line)
    if start_s < 0 or end_s <= start_s:
        raise InputError(
            f"The prompt line '{line[:60]}' runs from {start_s:g} to {end_s:g} s; expected START-END: TEXT with "
            "0 <= START < END, e.g. 0-12: rain."
        )
    if duration_s is not None and start_s >= duration_s:
        raise InputError(f"The prompt line '{line[:60]}' begins at {start_s:g} s; the clip has 0 to {duration_s:g} s.")
    text = found[3].strip()
    if not text:
        raise InputError(f"The prompt line '{line[:60]}' has no text; expected START-END: TEXT, e.g. 0-12: rain.")
    return ScenePrompt(Span(start_s, end_s if duration_s is None else min(end_s, duration_s)), text)


def _seconds(text: str, line: str) -> float:
    try:
        *larger, last = (float(part) for part in text.split(":"))
        seconds = last + sum(part * 60.0 ** (index + 1) for index, part in enumerate(reversed(larger)))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or text.count(":") > 2:
        raise InputError(
            f"'{text[:20]}' in the prompt line '{line[:60]}' is not a time; expected seconds or m:ss, "
            "e.g. 0-1:05: rain."
        )
    return seconds


def _in_order(scenes: Sequence[ScenePrompt]) -> tuple[ScenePrompt, ...]:
    ordered = sorted(scenes, key=lambda scene: (scene.span.start_s, scene.span.end_s))
    for before, after in pairwise(ordered):
        if after.span.start_s < before.span.end_s:
            raise InputError(
                f"The prompt lines for {before.span} and {after.span} overlap; make one end where the other begins."
            )
    return tuple(ordered)


def _overlap_s(one: Span, other: Span) -> float:
    return max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))


def _join_texts(texts: Sequence[str]) -> str:
    return ", ".join(text for text in texts if text)

"""Bar chart of a report: a panel per metric, a bar per set, voice rates before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from deepsound.evaluate.metrics import METRICS
from deepsound.evaluate.report import EvaluationReport

if TYPE_CHECKING:
    import numpy as np

_WIDTH = 1200
_MARGIN, _GAP, _BAR, _TITLE = 24, 6, 22, 30
_LABEL_SHARE, _VALUE = 0.36, 90
_BACKGROUND, _TEXT, _DIM = (16, 18, 24), (225, 230, 240), (130, 138, 154)
_SETS = ((150, 205, 250), (248, 146, 70), (170, 220, 150), (220, 140, 200), (252, 208, 110), (120, 200, 200))
_BEFORE = (120, 42, 60)
_FONT_PIXELS = 14


@dataclass(frozen=True)
class Bar:
    """A bar with its label, the text behind it and its colour."""

    label: str
    value: float
    text: str
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class Panel:
    """Bars below a title; `full` is the value of a bar as long as can be, the greatest of them by default."""

    title: str
    bars: tuple[Bar, ...]
    full: float | None = None

    @property
    def height(self) -> int:
        return _TITLE + len(self.bars) * (_BAR + _GAP) + _MARGIN


def chart(report: EvaluationReport) -> np.ndarray:
    """The report's scores and voice rates, uint8 [height, width, 3]; two panels in a row."""
    return draw_panels(_heading(report), [*_metric_panels(report), *_voice_panels(report)])


def draw_panels(heading: str, panels: Sequence[Panel]) -> np.ndarray:
    """Panels of bars below a heading, uint8 [height, width, 3]; two in a row."""
    import numpy as np

    rows = [panels[first : first + 2] for first in range(0, len(panels), 2)]
    heights = [max(panel.height for panel in row) for row in rows]
    top = _TITLE + _MARGIN
    image = np.full((top + sum(heights) + _MARGIN, _WIDTH, 3), _BACKGROUND, np.uint8)
    _write(image, _MARGIN, _MARGIN + 10, heading, _DIM)
    for row, height in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            _draw(image, panel, _MARGIN + column * (_WIDTH // 2), top, _WIDTH // 2 - 2 * _MARGIN)
        top += height
    return image


def _heading(report: EvaluationReport) -> str:
    if report.reference is None:
        return "no reference set"
    return f"reference: {report.reference.name}, {report.reference.clips} clips, {report.reference.fingerprint}"


def _metric_panels(report: EvaluationReport) -> Iterator[Panel]:
    arrows = {"lower": "lower is better", "higher": "higher is better"}
    for name, metric in METRICS.items():
        found = [
            (index, one.name, one.scores[name].value) for index, one in enumerate(report.sets) if name in one.scores
        ]
        bars = tuple(
            Bar(label, value, f"{value:.4g}", _SETS[index % len(_SETS)])
            for index, label, value in found
            if value is not None
        )
        if bars:
            yield Panel(f"{name}  ({arrows[metric.better]})", bars)


def _voice_panels(report: EvaluationReport) -> Iterator[Panel]:
    """The share of clips with a voice, group by group, what was before in another colour."""
    for index, one in enumerate(report.sets):
        groups = dict.fromkeys(group for rates in one.voice.values() for group in rates)
        bars = tuple(
            Bar(
                f"{group} {moment}",
                share,
                f"{share:.0%} of {rates[group].clips}",
                _BEFORE if moment == "before" else _SETS[index % len(_SETS)],
            )
            for group in groups
            for moment, rates in one.voice.items()
            if group in rates and (share := rates[group].of_clips) is not None
        )
        if bars:
            yield Panel(f"clips with a voice: {one.name}", bars, full=1.0)


def _draw(image: np.ndarray, panel: Panel, left: int, top: int, width: int) -> None:
    _write(image, left, top + 18, panel.title, _TEXT)
    start = left + round(_LABEL_SHARE * width)
    longest = width - (start - left) - _VALUE
    greatest = panel.full or max((abs(bar.value) for bar in panel.bars), default=0.0) or 1.0
    for number, bar in enumerate(panel.bars):
        y = top + _TITLE + number * (_BAR + _GAP)
        length = max(round(longest * abs(bar.value) / greatest), 1)
        image[y : y + _BAR, start : start + length] = bar.colour
        _write(image, left, y + _BAR - 6, _fit_text(bar.label, start - left - _GAP), _DIM)
        _write(image, start + length + _GAP, y + _BAR - 6, bar.text, _TEXT)


def _fit_text(label: str, width: int) -> str:
    shown = label
    while shown and _text_width(label) > width:
        shown = shown[:-1]
        label = f"{shown}.."
    return label


def _text_width(text: str) -> int:
    return int(_font().getlength(text))


def _write(image: np.ndarray, left: int, base: int, text: str, colour: Sequence[int]) -> None:
    """Put `text` on `image`, its letters standing on the line `base`."""
    import numpy as np
    from PIL import Image, ImageDraw

    top, bottom = max(base - 2 * _FONT_PIXELS, 0), min(base + _FONT_PIXELS, len(image))
    line = Image.fromarray(image[top:bottom])
    ImageDraw.Draw(line).text((left, base - top), text, font=_font(), fill=tuple(colour), anchor="ls")
    image[top:bottom] = np.asarray(line)


@cache
def _font() -> Any:
    """The typeface that Pillow carries with itself."""
    from PIL import ImageFont

    return ImageFont.load_default(_FONT_PIXELS)

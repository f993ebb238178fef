"""Comparison picture (paper, Figure 6): frames, waveforms and mel spectrograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepsound.compare import drawing
from deepsound.compare.comparison import ComparedTrack, Comparison
from deepsound.compare.text import BACKGROUND, COLOURS, FAINT, INK, VOICE, write
from deepsound.errors import InputError
from deepsound.media.plots import RANGE_DB, heat_image
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

WIDTH = 1280
_LEAST_WIDTH = 480
_LEFT, _RIGHT = 190, 24
_HEAD, _FOOT = 62, 54
_FILM, _WAVE, _MEL = 104, 78, 126
_GAP, _BETWEEN = 2, 18
_LEGEND = (140, 9)


@dataclass(frozen=True)
class _StillLayout:
    width: int
    has_film: bool
    tracks: int

    @property
    def plot_width(self) -> int:
        return self.width - _LEFT - _RIGHT

    def track_top(self, index: int) -> int:
        film = _FILM + _BETWEEN if self.has_film else 0
        return _HEAD + film + index * (_WAVE + _GAP + _MEL + _BETWEEN)

    @property
    def height(self) -> int:
        return self.track_top(self.tracks) - _BETWEEN + _FOOT


def still(
    comparison: Comparison,
    width: int = WIDTH,
    title: str = "",
    progress: Progress = Progress(),
) -> np.ndarray:
    """Frames, and per track waveform and mel spectrogram, on one time axis: uint8 [height, width, 3].

    All tracks share the scale of their waveforms and the colours of their spectrograms, so that what is brighter is
    louder. Raises InputError for a `width` under 480 pixels.
    """
    from PIL.Image import fromarray
    from PIL.ImageDraw import Draw

    if width < _LEAST_WIDTH:
        raise InputError(f"expected a picture at least {_LEAST_WIDTH} pixels wide, got {width}; ask for a wider one.")
    layout = _StillLayout(width, comparison.clip is not None, len(comparison.tracks))
    pixels = np.full((layout.height, width, 3), BACKGROUND, np.uint8)
    _put_plots(pixels, comparison, layout, progress)
    picture = fromarray(pixels)
    _put_words(picture, Draw(picture), comparison, layout, title)
    return np.asarray(picture)


def _put_plots(pixels: np.ndarray, comparison: Comparison, layout: _StillLayout, progress: Progress) -> None:
    columns = slice(_LEFT, _LEFT + layout.plot_width)
    if comparison.clip is not None:
        shown = drawing.columns_of(comparison.clip.duration_s, comparison.duration_s, layout.plot_width)
        pixels[_HEAD : _HEAD + _FILM, _LEFT : _LEFT + max(shown, 1)] = drawing.film_strip(
            comparison.clip, max(shown, 1), _FILM, progress.part(0, 0.5)
        )
    levels = drawing.mel_levels(comparison, layout.plot_width, progress.part(0.5, 1))
    top_db, scale = drawing.common_top_db(levels), drawing.full_scale(comparison)
    for index, (track, level) in enumerate(zip(comparison.tracks, levels, strict=True)):
        top = layout.track_top(index)
        pixels[top : top + _WAVE, columns] = drawing.waveform(
            track,
            COLOURS[track.name],
            layout.plot_width,
            _WAVE,
            comparison.duration_s,
            scale,
            comparison.spans,
            progress,
        )
        top += _WAVE + _GAP
        pixels[top : top + _MEL, columns] = drawing.spectrogram(level, layout.plot_width, _MEL, top_db)


def _put_words(picture: Image, draw: ImageDraw, comparison: Comparison, layout: _StillLayout, title: str) -> None:
    write(draw, (24, 31), title or "What was generated, and what was kept", 23, INK, width=layout.width - 200)
    write(draw, (layout.width - _RIGHT, 31), "DeepSound", 16, FAINT, "rm")
    if comparison.clip is not None:
        write(draw, (24, _HEAD + 14), "Video", 18)
        video = comparison.clip.video
        write(draw, (24, _HEAD + 38), f"{video.width} x {video.height}, {float(video.fps):.4g} fps", 13, FAINT)
    for index, track in enumerate(comparison.tracks):
        _label_track(draw, track, layout.track_top(index))
        drawing.frequency_axis(draw, _LEFT - 2, layout.track_top(index) + _WAVE + _GAP, _MEL, comparison.top_hz)
    bottom = layout.height - _FOOT
    drawing.time_axis(draw, _LEFT, bottom + 2, layout.plot_width, comparison.duration_s)
    _put_legend(picture, draw, comparison, layout)


def _label_track(draw: ImageDraw, track: ComparedTrack, top: int) -> None:
    draw.rounded_rectangle([(24, top + 4), (28, top + _WAVE - 4)], 2, fill=COLOURS[track.name])
    write(draw, (38, top + 15), track.title, 18, width=_LEFT - 48)
    for row, fact in enumerate(track.facts):
        write(draw, (38, top + 39 + 19 * row), fact, 13, FAINT, width=_LEFT - 48)


def _put_legend(picture: Image, draw: ImageDraw, comparison: Comparison, layout: _StillLayout) -> None:
    """What the colours mean, under the time axis."""
    from PIL.Image import fromarray

    width, height = _LEGEND
    middle, right = layout.height - 15, layout.width - _RIGHT
    write(draw, (right, middle), "0 dB", 12, FAINT, "rm")
    ramp = np.tile(np.linspace(-RANGE_DB, 0, width), (2, 1))
    picture.paste(fromarray(heat_image(ramp, height, 0.0)), (right - 36 - width, middle - height // 2))
    write(draw, (right - 42 - width, middle), f"-{RANGE_DB:.0f}", 12, FAINT, "rm")
    write(
        draw,
        (_LEFT, middle),
        "Mel spectrograms on one colour scale, waveforms on one height",
        12,
        FAINT,
        width=layout.plot_width - width - 240,
    )
    if comparison.spans:
        right -= 36 + width + 40
        write(draw, (right, middle), "voice heard", 12, FAINT, "rm")
        draw.rectangle([(right - 90, middle - 5), (right - 78, middle + 5)], fill=VOICE)

"""Drawing primitives of comparisons: waveforms, spectrograms, axes, film strips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from deepsound.compare.comparison import ComparedTrack, Comparison
from deepsound.compare.text import BACKGROUND, FAINT, GRID, PANEL, VOICE, write
from deepsound.media.clip import Clip
from deepsound.media.plots import QUIETEST_TOP_DB, envelope, heat_image, mel_levels_db, tick_label, tick_step_s
from deepsound.media.views import UniformFrames
from deepsound.runtime.progress import Progress
from deepsound.types import Span

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# A peak this small is still drawn larger than a hairline: pictures of quiet sounds are scaled, alike for all tracks.
_LEAST_FULL_SCALE = 0.05
_FREQUENCIES_HZ = (100, 500, 1000, 2000, 4000, 8000, 16000)
_LEAST_LABEL_GAP = 15
_SHADE = 0.24


def full_scale(comparison: Comparison) -> float:
    """The sample value at the waveforms' edge: the greatest of all tracks, so that their heights can be compared."""
    sounds = [track.audio.numpy() for track in comparison.tracks]
    # Not abs(), which would hold a second copy of a long sound.
    return max(
        _LEAST_FULL_SCALE, *(max(float(sound.max(initial=0.0)), -float(sound.min(initial=0.0))) for sound in sounds)
    )


def mel_levels(comparison: Comparison, width: int, progress: Progress) -> list[np.ndarray]:
    """Each track's levels in dB [bands, columns] on the common frequency axis; its columns end where its sound does."""
    levels = []
    for track in progress.track(comparison.tracks, len(comparison.tracks)):
        columns = columns_of(track.audio.duration_s, comparison.duration_s, width)
        levels.append(mel_levels_db(track.audio, columns, comparison.top_hz) if columns else np.zeros((128, 0)))
    return levels


def common_top_db(levels: list[np.ndarray]) -> float:
    """The level in dB that is brightest in all spectrograms."""
    return max([QUIETEST_TOP_DB, *(float(level.max()) for level in levels if level.size)])


def columns_of(time_s: float, duration_s: float, width: int) -> int:
    """The column of a time on an axis of `width` pixels for `duration_s`."""
    return min(max(round(time_s / duration_s * width), 0), width)


def waveform(
    track: ComparedTrack,
    colour: tuple[int, int, int],
    width: int,
    height: int,
    duration_s: float,
    scale: float,
    spans: tuple[Span, ...] = (),
    progress: Progress = Progress(),
) -> np.ndarray:
    """Peaks and RMS over the common time axis, `scale` from edge to edge, voiced `spans` shaded: [height, width, 3]."""
    image = np.full((height, width, 3), PANEL, np.uint8)
    shade(image, spans, duration_s)
    middle = (height - 1) / 2
    image[round(middle)] = GRID
    columns = columns_of(track.audio.duration_s, duration_s, width)
    if not columns or not track.audio.samples:
        return image
    low, high, rms = (values / scale for values in envelope(track.audio.numpy(), columns, progress.check))
    rows = np.arange(height)[:, None]
    plot = image[:, :columns]
    body = tuple(min(255, round(value + (255 - value) * 0.45)) for value in colour)
    for bottom, top, paint in ((low, high, colour), (np.maximum(low, -rms), np.minimum(high, rms), body)):
        first = np.round(middle * (1 - np.clip(top, -1, 1)))
        last = np.round(middle * (1 - np.clip(bottom, -1, 1)))
        plot[(rows >= first) & (rows <= last)] = paint
    return image


def shade(image: np.ndarray, spans: tuple[Span, ...], duration_s: float) -> None:
    """Tint the columns of `image` [height, width, 3] in which a voice was heard."""
    for span in spans:
        first = columns_of(span.start_s, duration_s, image.shape[1])
        last = max(columns_of(span.end_s, duration_s, image.shape[1]), first + 1)
        part = image[:, first:last]
        part[:] = (part * (1 - _SHADE) + np.array(VOICE) * _SHADE).round().astype(np.uint8)


def spectrogram(levels_db: np.ndarray, width: int, height: int, top_db: float) -> np.ndarray:
    """A track's levels [bands, columns] as a picture [height, width, 3], dark where its sound has ended."""
    image = np.full((height, width, 3), PANEL, np.uint8)
    if levels_db.shape[1]:
        image[:, : levels_db.shape[1]] = heat_image(levels_db, height, top_db)
    return image


def film_strip(clip: Clip, width: int, height: int, progress: Progress) -> np.ndarray:
    """The clip's frames in a row [height, width, 3], each in the middle of the stretch of time it stands for."""
    shown = max(1, round(height * clip.video.width / clip.video.height))
    count = min(max(1, round(width / (shown + 2))), 64)
    strip = np.full((height, width, 3), BACKGROUND, np.uint8)
    stills = clip.view(UniformFrames(count, 2 * max(shown, height)), progress)
    for index, still in enumerate(stills):
        left, right = width * index // count, width * (index + 1) // count
        place(strip[:, left : max(left + 1, right - 2)], still.image, cover=True)
    return strip


def place(area: np.ndarray, picture: np.ndarray, cover: bool = False) -> None:
    """Put `picture` in the middle of `area`, whole, or with `cover` filling it with its edges cut off."""
    from deepsound.media.pixels import resize

    height, width = area.shape[:2]
    ratios = (width / picture.shape[1], height / picture.shape[0])
    scale = max(ratios) if cover else min(ratios)
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    scaled = resize(picture, *size)
    top, left = max(0, (size[1] - height) // 2), max(0, (size[0] - width) // 2)
    part = scaled[top : top + height, left : left + width]
    below, beside = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
    area[below : below + part.shape[0], beside : beside + part.shape[1]] = part


def time_axis(draw: ImageDraw, left: int, top: int, width: int, duration_s: float) -> None:
    """Ticks and times under plots that begin at (`left`, `top`)."""
    step_s = tick_step_s(duration_s, width)
    for tick in range(int(duration_s / step_s + 1e-9) + 1):
        at = left + min(tick * step_s / duration_s * width, width - 1)
        draw.line([(at, top), (at, top + 5)], fill=FAINT)
        ends = at > left + width - 20
        write(
            draw,
            (left + width if ends else at, top + 9),
            tick_label(tick * step_s, step_s),
            13,
            FAINT,
            "rt" if ends else "lt" if tick == 0 else "mt",
        )


def frequency_axis(draw: ImageDraw, right: int, top: int, height: int, top_hz: float) -> None:
    """Frequencies beside a spectrogram whose left edge is at `right`, as many as there is room for."""
    last = math.inf
    for hz in _FREQUENCIES_HZ:
        share = math.log1p(hz / 700) / math.log1p(top_hz / 700)
        row = top + height * (1 - share)
        if share > 1 or last - row < _LEAST_LABEL_GAP or row > top + height - 5 or row < top + 5:
            continue
        last = row
        draw.line([(right - 4, row), (right, row)], fill=FAINT)
        write(draw, (right - 8, row), f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz", 12, FAINT, "rm")

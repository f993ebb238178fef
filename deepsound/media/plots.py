"""Waveform and mel-spectrogram images, drawn with numpy alone.

An hour of sound is drawn in pieces, in as little memory as a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from deepsound.errors import InputError
from deepsound.media.png import write_png
from deepsound.runtime.sample_memory import release_pages
from deepsound.types import Audio, Span

__all__ = [
    "envelope",
    "heat_image",
    "mel_levels_db",
    "mel_spectrogram_image",
    "tick_label",
    "tick_step_s",
    "waveform_image",
    "write_png",
]

_BACKGROUND = (16, 18, 24)
_AXIS = (130, 138, 154)
_GRID = (38, 42, 54)
_SPAN = (120, 42, 60)
_PEAK = (70, 132, 196)
_BODY = (150, 205, 250)
_AXIS_HEIGHT = 18
# From near black over violet and coral to pale yellow, each step lighter than the one before.
_HEAT = (
    (8, 8, 18),
    (42, 20, 84),
    (104, 30, 120),
    (170, 48, 110),
    (226, 84, 80),
    (248, 146, 70),
    (252, 208, 110),
    (255, 250, 208),
)
_MEL_BANDS = 128
MAX_HZ = 20000.0
_WINDOW_S = 0.046
RANGE_DB = 80.0
QUIETEST_TOP_DB = -50.0
_LEAST_POWER = 1e-14
_SLICES_PER_COLUMN = 4
_ENVELOPE_BLOCK = 1 << 21
# 3 x 5 pixels a character, one octal digit a row.
_GLYPHS = {
    "0": "75557",
    "1": "26227",
    "2": "71747",
    "3": "71717",
    "4": "55711",
    "5": "74717",
    "6": "74757",
    "7": "71122",
    "8": "75757",
    "9": "75717",
    ".": "00002",
    ":": "02020",
    "s": "07617",
}
_GLYPH_SCALE = 2


def waveform_image(audio: Audio, width: int, height: int, spans: Sequence[Span] = ()) -> np.ndarray:
    """Peaks and RMS over time, full scale from edge to edge, `spans` (seconds) shaded: uint8 [height, width, 3]."""
    image, plot_height = _canvas(audio, width, height)
    plot = image[:plot_height]
    for span in spans:
        plot[:, slice(*_columns(span, audio.duration_s, width))] = _SPAN
    middle = (plot_height - 1) / 2
    plot[[round(middle * 0.5), round(middle), round(middle * 1.5)]] = _GRID
    low, high, rms = envelope(audio.numpy(), width)
    rows = np.arange(plot_height)[:, None]
    for bottom, top, colour in ((low, high, _PEAK), (np.maximum(low, -rms), np.minimum(high, rms), _BODY)):
        first = np.round(middle * (1 - np.clip(top, -1, 1)))
        last = np.round(middle * (1 - np.clip(bottom, -1, 1)))
        plot[(rows >= first) & (rows <= last)] = colour
    return image


def mel_spectrogram_image(audio: Audio, width: int, height: int) -> np.ndarray:
    """The channels' mean as 128 mel bands over 80 dB, low notes at the bottom: uint8 [height, width, 3]."""
    image, plot_height = _canvas(audio, width, height)
    levels_db = mel_levels_db(audio, width)
    image[:plot_height] = heat_image(levels_db, plot_height, max(float(levels_db.max()), QUIETEST_TOP_DB))
    return image


def mel_levels_db(audio: Audio, width: int, top_hz: float | None = None) -> np.ndarray:
    """The channels' mean as levels in dB [128 mel bands, width]; a full-scale sine reads 0 dB.

    The bands end at `top_hz`, left out at half the rate or 20 kHz; where there is no sound so high, they are empty.
    """
    return 10 * np.log10(_mel_power(audio, width, top_hz) + _LEAST_POWER)


def heat_image(levels_db: np.ndarray, height: int, top_db: float) -> np.ndarray:
    """Levels [bands, width] as colours over the 80 dB under `top_db`, low notes below: uint8 [height, width, 3]."""
    heat = np.clip(1 - (top_db - levels_db) / RANGE_DB, 0, 1)
    band_of_row = np.linspace(len(heat) - 1, 0, height)
    below = np.floor(band_of_row).astype(int)
    above = np.minimum(below + 1, len(heat) - 1)
    share = (band_of_row - below)[:, None]
    return _colourise(heat[below] * (1 - share) + heat[above] * share)


def _canvas(audio: Audio, width: int, height: int) -> tuple[np.ndarray, int]:
    """A dark picture with a time axis where there is room for one, and the height left above it."""
    if width < 1 or height < 1:
        raise InputError(f"expected a picture of at least 1 x 1 pixels, got {width} x {height}.")
    image = np.full((height, width, 3), _BACKGROUND, np.uint8)
    if height < 4 * _AXIS_HEIGHT or not audio.samples:
        return image, height
    plot_height = height - _AXIS_HEIGHT
    step_s = tick_step_s(audio.duration_s, width)
    for tick in range(int(audio.duration_s / step_s) + 1):
        column = min(int(tick * step_s / audio.duration_s * width), width - 1)
        image[plot_height : plot_height + 4, column] = _AXIS
        _write(image[plot_height + 6 :], column, tick_label(tick * step_s, step_s))
    return image, plot_height


def tick_step_s(duration_s: float, width: int) -> float:
    """The least round step in seconds that leaves 70 pixels or more between ticks."""
    least = duration_s * 70 / width
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
    return next((step for step in steps if step >= least), max(3600.0, 3600.0 * np.ceil(least / 3600)))


def tick_label(time_s: float, step_s: float) -> str:
    """A time in seconds as it is written at ticks `step_s` apart: 0.25s, 7s or 1:30."""
    if step_s >= 60:
        return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"
    decimals = 0 if step_s >= 1 else 1 if step_s >= 0.1 else 2
    return f"{time_s:.{decimals}f}s"


def _write(image: np.ndarray, left: int, text: str) -> None:
    for character in text:
        rows = [[digit >> 2 & 1, digit >> 1 & 1, digit & 1] for digit in map(int, _GLYPHS[character])]
        glyph = np.kron(np.array(rows, bool), np.ones((_GLYPH_SCALE, _GLYPH_SCALE), bool))
        place = image[: glyph.shape[0], left : left + glyph.shape[1]]
        place[glyph[: place.shape[0], : place.shape[1]]] = _AXIS
        left += glyph.shape[1] + _GLYPH_SCALE


def _columns(span: Span, duration_s: float, width: int) -> tuple[int, int]:
    scale = width / duration_s if duration_s else 0.0
    first = min(max(int(span.start_s * scale), 0), width)
    return first, min(max(int(np.ceil(span.end_s * scale)), first), width)


def envelope(
    samples: np.ndarray,
    width: int,
    check: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and greatest sample and RMS of each of `width` columns, over all channels; zeros for no sound.

    `check` is called between blocks, so that the picture of an hour can be stopped.
    """
    total = samples.shape[1]
    low, high, power = np.zeros((3, width))
    if not total:
        return low, high, power
    starts = np.linspace(0, total, width, endpoint=False).astype(np.int64)
    counts = np.maximum(np.diff(starts, append=total), 1)
    columns = max(1, _ENVELOPE_BLOCK * width // total)
    for first in range(0, width, columns):
        check()
        part = slice(first, min(first + columns, width))
        # Where there are fewer samples than columns, neighbours show the same one.
        end = total if part.stop == width else max(starts[part.stop], starts[part.stop - 1] + 1)
        block, at = samples[:, starts[first] : end], starts[part] - starts[first]
        low[part] = np.minimum.reduceat(block, at, axis=1).min(0)
        high[part] = np.maximum.reduceat(block, at, axis=1).max(0)
        power[part] = np.add.reduceat(np.square(block), at, axis=1).mean(0) / counts[part]
        release_pages()
    return low, high, np.sqrt(power)


def _mel_power(audio: Audio, width: int, top_hz: float | None) -> np.ndarray:
    """Power per band and column [bands, width]; a column wider than the window shows the loudest of a few slices."""
    window = 2 ** max(6, round(np.log2(_WINDOW_S * audio.sample_rate)))
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    bank = mel_filterbank(audio.sample_rate, window, _MEL_BANDS, top_hz)
    samples = audio.numpy()
    column = audio.samples / width
    slices = int(min(max(np.ceil(column / window), 1), _SLICES_PER_COLUMN))
    power = np.zeros((_MEL_BANDS, width))
    for part in range(slices):
        starts = ((np.arange(width) + (part + 0.5) / slices) * column).astype(np.int64)
        spectrum = np.fft.rfft(_mean_at(samples, starts[:, None] + np.arange(window) - window // 2) * taper)
        # A full-scale sine then reads 0 dB, whatever the window.
        power = np.maximum(power, bank @ np.square(np.abs(spectrum) * 2 / taper.sum()).T)
    return power


def _mean_at(samples: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The channels' mean at `places` alone, of any shape; zero beyond both ends."""
    if not samples.shape[1]:
        return np.zeros(places.shape, np.float32)
    inside = (places >= 0) & (places < samples.shape[1])
    return samples[:, places.clip(0, samples.shape[1] - 1)].mean(0) * inside


def mel_filterbank(sample_rate: int, window: int, bands: int, top_hz: float | None = None) -> np.ndarray:
    """Triangular filters [bands, window // 2 + 1], evenly spaced on the mel scale 2595 log10(1 + f / 700).

    They end at `top_hz`, left out at half the rate or 20 kHz.
    """
    top_mel = 2595 * np.log10(1 + (top_hz or min(sample_rate / 2, MAX_HZ)) / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top_mel, bands + 2) / 2595) - 1)
    bins_hz = np.fft.rfftfreq(window, 1 / sample_rate)
    # A band narrower than a bin would see nothing: widen it so that it reaches the bins on both sides.
    reach = np.maximum(np.diff(edges_hz), sample_rate / window)
    rising = 1 - (edges_hz[1:-1, None] - bins_hz) / reach[:-1, None]
    falling = 1 - (bins_hz - edges_hz[1:-1, None]) / reach[1:, None]
    return np.clip(np.minimum(rising, falling), 0, 1)


def _colourise(heat: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as colours, uint8 [..., 3]."""
    stops = np.linspace(0, 1, len(_HEAT))
    table = np.array(_HEAT, float)
    colours = np.stack([np.interp(heat, stops, table[:, channel]) for channel in range(3)], axis=-1)
    return colours.round().astype(np.uint8)

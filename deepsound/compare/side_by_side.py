"""Comparison video (MoviePy): tracks in columns, played in turn at equal loudness."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepsound.compare import drawing
from deepsound.compare.comparison import ComparedTrack, Comparison
from deepsound.compare.text import BACKGROUND, COLOURS, FAINT, INK, write
from deepsound.media.audio import fit_length, resample
from deepsound.media.decode import frames
from deepsound.media.mux import mux
from deepsound.media.plots import tick_label
from deepsound.media.render import FramesInOrder, need_moviepy, write_h264
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import torch

WIDTH = 1280
_RATE = 48000
_MOST_FPS = Fraction(30)
_FPS_WITHOUT_VIDEO = Fraction(25)
_EDGE, _BETWEEN = 20, 16
_HEAD, _FOOT, _AXIS = 64, 46, 26
_WAVE, _MEL, _GAP = 72, 150, 2
_MOST_PICTURE = 420
# How much of its light a column keeps while another one is heard.
_DIM = 0.38
_FADE_S = 0.008


def render_side_by_side(
    comparison: Comparison,
    path: Path | str,
    seconds: float = 0.0,
    progress: Progress = Progress(),
) -> None:
    """Write an mp4, 1280 pixels wide, that shows the tracks in columns and plays them in turn at equal loudness.

    With `seconds` only the beginning is shown; the file is as long as that times the number of tracks. Raises
    InputError when MoviePy is not installed, OutputError when the file cannot be written.
    """
    need_moviepy("Rendering a comparison as a video needs MoviePy", "leave the video out")
    part = comparison.beginning(seconds)
    fps = _FPS_WITHOUT_VIDEO if part.clip is None else min(part.clip.video.fps, _MOST_FPS)
    count = max(1, round(part.duration_s * float(fps)))
    with tempfile.TemporaryDirectory(prefix=".", suffix=".partial", dir=Path(path).parent) as folder:
        silent = Path(folder) / "picture.mp4"
        stage = _FramePainter(part, fps, count, progress)
        write_h264(stage.at, count * len(part.tracks), fps, silent, progress.part(0, 0.95))
        sound = sound_in_turn(part, Fraction(count) / fps, progress)
        mux(silent, sound, path, progress=progress.part(0.95, 1))


def sound_in_turn(comparison: Comparison, turn_s: Fraction, progress: Progress) -> Audio:
    """The tracks one after the other, each for `turn_s` seconds, at equal loudness: stereo at 48 kHz."""
    import torch

    ends = [round((turn + 1) * turn_s * _RATE) for turn in range(len(comparison.tracks))]
    turns = [
        _turn(track, last - first, progress)
        for track, first, last in zip(comparison.tracks, [0, *ends], ends, strict=False)
    ]
    return Audio(torch.cat(turns, dim=1), _RATE)


def _turn(track: ComparedTrack, samples: int, progress: Progress) -> torch.Tensor:
    """One track's samples [2, samples], faded at both ends so that the cut to the next does not click."""
    import torch

    sound = fit_length(resample(track.playback, _RATE, progress), samples).waveform
    sound = sound.expand(2, -1) * 10 ** (track.level.gain_db / 20)
    fade = torch.linspace(0, 1, min(round(_FADE_S * _RATE), samples))
    sound[:, : len(fade)] *= fade
    sound[:, samples - len(fade) :] *= fade.flip(0)
    return sound


@dataclass(frozen=True)
class _VideoLayout:
    columns: int
    picture_height: int

    @property
    def column_width(self) -> int:
        return (WIDTH - 2 * _EDGE - (self.columns - 1) * _BETWEEN) // self.columns

    def column_left(self, column: int) -> int:
        return _EDGE + column * (self.column_width + _BETWEEN)

    @property
    def wave_top(self) -> int:
        return _HEAD + self.picture_height + (10 if self.picture_height else 0)

    @property
    def mel_top(self) -> int:
        return self.wave_top + _WAVE + _GAP

    @property
    def height(self) -> int:
        height = self.mel_top + _MEL + _AXIS + _FOOT
        return height + height % 2


class _FramePainter:
    """Paints the frames in order: what does not move is painted once for each turn."""

    def __init__(self, comparison: Comparison, fps: Fraction, count: int, progress: Progress) -> None:
        self._comparison, self._fps, self._count = comparison, fps, count
        self._progress = Progress(check=progress.check)
        columns = len(comparison.tracks)
        width = _VideoLayout(columns, 0).column_width
        self._layout = _VideoLayout(columns, _picture_height(comparison, width))
        lit = _still_parts(comparison, self._layout, self._progress)
        self._turns = [self._highlight(turn, lit) for turn in range(columns)]
        self._turn = -1
        self._frames: FramesInOrder | None = None

    def at(self, time_s: float) -> np.ndarray:
        """The frame at `time_s` of the whole video, uint8 [height, width, 3]; times only ever grow."""
        turn, index = divmod(round(time_s * float(self._fps)), self._count)
        turn = min(turn, len(self._turns) - 1)
        if turn != self._turn:
            self._turn, self._frames = turn, self._open_frames()
        frame = self._turns[turn].copy()
        shown_s = index / float(self._fps)
        self._put_pictures(frame, shown_s)
        self._put_play_heads(frame, shown_s)
        return frame

    def _highlight(self, turn: int, lit: np.ndarray) -> np.ndarray:
        """The still parts with every column but the one that is heard in the dark, and what is heard in words."""
        from PIL.Image import fromarray
        from PIL.ImageDraw import Draw

        pixels = lit.copy()
        for column in range(self._layout.columns):
            if column != turn:
                area = self._column(pixels, column)
                area[:] = (area * _DIM + np.array(BACKGROUND) * (1 - _DIM)).round().astype(np.uint8)
        picture = fromarray(pixels)
        draw = Draw(picture)
        track = self._comparison.tracks[turn]
        middle = self._layout.height - 22
        draw.ellipse([(_EDGE, middle - 6), (_EDGE + 12, middle + 6)], fill=COLOURS[track.name])
        write(draw, (_EDGE + 22, middle), f"You hear: {track.title.lower()}", 18, INK)
        write(draw, (WIDTH - _EDGE, middle), "In turn, at equal loudness  |  DeepSound", 14, FAINT, "rm")
        return np.asarray(picture)

    def _column(self, pixels: np.ndarray, column: int) -> np.ndarray:
        left = self._layout.column_left(column)
        return pixels[: self._layout.mel_top + _MEL + _AXIS, left : left + self._layout.column_width]

    def _open_frames(self) -> FramesInOrder | None:
        clip = self._comparison.clip
        if clip is None:
            return None
        shown = frames(clip.info, clip.start_s, clip.duration_s, self._progress)
        return FramesInOrder(shown, max(self._layout.column_width, self._layout.picture_height))

    def _put_pictures(self, frame: np.ndarray, shown_s: float) -> None:
        if self._frames is None:
            return
        first = np.zeros((self._layout.picture_height, self._layout.column_width, 3), np.uint8)
        drawing.place(first, self._frames.at(shown_s))
        dark = np.rint(np.arange(256) * _DIM).astype(np.uint8)[first]
        for column in range(self._layout.columns):
            area = self._column(frame, column)[_HEAD : _HEAD + self._layout.picture_height]
            area[:] = first if column == self._turn else dark

    def _put_play_heads(self, frame: np.ndarray, shown_s: float) -> None:
        width = self._layout.column_width
        at = min(drawing.columns_of(shown_s, self._comparison.duration_s, width), width - 2)
        for column in range(self._layout.columns):
            plots = self._column(frame, column)[self._layout.wave_top : self._layout.mel_top + _MEL]
            plots[:, at : at + 2] = INK if column == self._turn else FAINT


def _picture_height(comparison: Comparison, width: int) -> int:
    if comparison.clip is None:
        return 0
    video = comparison.clip.video
    return min(_MOST_PICTURE, max(2, round(width * video.height / video.width)))


def _still_parts(comparison: Comparison, layout: _VideoLayout, progress: Progress) -> np.ndarray:
    """Titles, waveforms, spectrograms and axes of all columns, in full light."""
    from PIL.Image import fromarray
    from PIL.ImageDraw import Draw

    pixels = np.full((layout.height, WIDTH, 3), BACKGROUND, np.uint8)
    width, duration_s = layout.column_width, comparison.duration_s
    levels = drawing.mel_levels(comparison, width, progress)
    top_db, scale = drawing.common_top_db(levels), drawing.full_scale(comparison)
    for column, (track, level) in enumerate(zip(comparison.tracks, levels, strict=True)):
        part = slice(layout.column_left(column), layout.column_left(column) + width)
        pixels[layout.wave_top : layout.wave_top + _WAVE, part] = drawing.waveform(
            track, COLOURS[track.name], width, _WAVE, duration_s, scale, comparison.spans, progress
        )
        pixels[layout.mel_top : layout.mel_top + _MEL, part] = drawing.spectrogram(level, width, _MEL, top_db)
    picture = fromarray(pixels)
    draw = Draw(picture)
    for column, track in enumerate(comparison.tracks):
        left = layout.column_left(column)
        draw.rounded_rectangle([(left, 20), (left + 4, 48)], 2, fill=COLOURS[track.name])
        write(draw, (left + 14, 34), track.title, 22, INK, width=width - 130)
        write(draw, (left + width, 35), track.facts[0], 14, FAINT, "rm")
        bottom = layout.mel_top + _MEL
        write(draw, (left, bottom + 7), "0s", 13, FAINT, "lt")
        write(draw, (left + width, bottom + 7), tick_label(duration_s, 0.1 if duration_s < 60 else 60), 13, FAINT, "rt")
    return np.asarray(picture)

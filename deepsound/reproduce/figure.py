"""The paper's Figure 6 for one clip: frames, mel spectrograms of the sounds, the reasoning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepsound.compare.drawing import columns_of, film_strip, place, spectrogram, time_axis
from deepsound.compare.text import BACKGROUND, FAINT, INK, font, write
from deepsound.errors import InputError
from deepsound.evaluate.clips import find_clips
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.files import atomic_write
from deepsound.media.plots import mel_levels_db
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

FOLDER = "figures"
_WIDTH, _LEFT, _RIGHT, _HEAD = 1400, 170, 20, 56
_FILM, _MEL, _GAP, _AXIS = 110, 130, 10, 28
_SIZE, _LINE = 15, 21
# Dots an inch of the PDF: seven inches wide, a page's width.
_DPI = 200


@dataclass(frozen=True)
class Figure:
    """What is drawn of a clip: `sounds` by their labels, `reasoning` the judge's tagged sections, `verdict` a title."""

    clip: Clip
    sounds: dict[str, Audio]
    verdict: str
    reasoning: str


def figure_of(name: str, record: dict[str, Any], folder: Path, reference: Path, judge: str) -> Figure:
    """The figure of a finished clip. Raises InputError for a clip that was not made or has no ground truth."""
    truth = find_clips(reference).clips.get(name)
    if truth is None:
        raise InputError(f"The figure {name!r} needs a ground truth of that name in {reference}; there is none.")
    clip = Clip.open(record["video"], duration_s=record["duration_s"])
    judged, systems = record["judges"][judge], record["systems"]
    sounds = {"ground truth": decode_audio(truth.sound, duration_s=clip.duration_s)}
    sounds["coarse"] = decode_audio(folder / systems["direct"]["file"])
    sounds["final"] = decode_audio(folder / systems["s4_neg"]["file"])
    category = f" ({judged['category']})" if judged.get("category") else ""
    verdict = f"{name}: voice-over {judged['verdict']}{category}; the final sound is the {systems['s4_neg']['source']}"
    return Figure(clip, sounds, verdict, judged["reasoning"])


def draw(figure: Figure, progress: Progress = Progress()) -> Image:
    """The picture, as wide as a page."""
    from PIL.Image import new
    from PIL.ImageDraw import Draw

    width = _WIDTH - _LEFT - _RIGHT
    lines = _wrap_text(figure.reasoning, _WIDTH - 2 * _RIGHT)
    top = _HEAD + _FILM + _GAP
    height = top + len(figure.sounds) * (_MEL + _GAP) + _AXIS + len(lines) * _LINE + 2 * _GAP
    picture = new("RGB", (_WIDTH, height), BACKGROUND)
    pen = Draw(picture)
    write(pen, (_RIGHT, _HEAD / 2), figure.verdict, 20, INK, width=_WIDTH - 2 * _RIGHT)
    _paste(picture, film_strip(figure.clip, width, _FILM, progress), _HEAD)
    levels = {label: _levels(sound, figure.clip.duration_s, width) for label, sound in figure.sounds.items()}
    top_db = max(float(level.max(initial=-80.0)) for level in levels.values())
    for label, level in levels.items():
        progress.check()
        _paste(picture, spectrogram(level, width, _MEL, top_db), top)
        write(pen, (_RIGHT, top + _MEL / 2), label, 17, INK, width=_LEFT - 2 * _RIGHT)
        top += _MEL + _GAP
    time_axis(pen, _LEFT, top - _GAP, width, figure.clip.duration_s)
    _put_lines(pen, lines, top + _AXIS)
    return picture


def write_figure(figure: Figure, path: Path, progress: Progress = Progress()) -> tuple[Path, Path]:
    """Draw `path`.png and `path`.pdf, each put in place whole. Raises OutputError."""
    from PIL import Image

    picture = draw(figure, progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.pdf")
    for target, kind in zip(made, ("PNG", "PDF"), strict=True):
        Image.init()
        with atomic_write(target) as partial:
            picture.save(partial, format=kind, resolution=_DPI)
    return made


def _levels(sound: Audio, duration_s: float, width: int) -> np.ndarray:
    """Levels in dB over the figure's time axis; columns end where the sound does."""
    samples = round(duration_s * sound.sample_rate)
    cut = replace(sound, waveform=sound.waveform[:, :samples])
    return mel_levels_db(cut, max(columns_of(cut.duration_s, duration_s, width), 1))


def _paste(picture: Image, pixels: np.ndarray, top: int) -> None:
    from PIL.Image import fromarray

    area = np.full((pixels.shape[0], _WIDTH - _LEFT - _RIGHT, 3), BACKGROUND, np.uint8)
    place(area, pixels)
    picture.paste(fromarray(area), (_LEFT, top))


def _put_lines(pen: ImageDraw, lines: list[str], top: int) -> None:
    for number, line in enumerate(lines):
        write(pen, (_RIGHT, top + number * _LINE + _LINE / 2), line, _SIZE, FAINT)


def _wrap_text(text: str, width: float) -> list[str]:
    """The text in lines of at most `width` pixels; a word longer than that has a line of its own."""
    typeface = font(_SIZE)
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and typeface.getlength(longer) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines

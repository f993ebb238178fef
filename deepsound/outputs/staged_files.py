"""Staged files of a run: equal sounds and pictures are written once and linked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepsound.media.files import output_error
from deepsound.media.plots import write_png
from deepsound.media.wav import write_wav
from deepsound.outcome import Outcome
from deepsound.outputs.naming import VOICE
from deepsound.outputs.pictures import ENDS, draw_pictures
from deepsound.outputs.placement import staged_name
from deepsound.runtime.sample_memory import BLOCK, release_pages
from deepsound.types import Audio, Span


@dataclass
class StagedFiles:
    """Files made in `folder`, by the suffix of their final name: `paths` in order, and of `links` the twin's suffix."""

    folder: Path
    paths: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def new(self, suffix: str) -> Path:
        """Where the file of a suffix is made: a short name without the stem, whatever that holds."""
        return self.paths.setdefault(suffix, self.folder / staged_name(len(self.paths), suffix))

    def write_sounds(
        self, sounds: Mapping[str, Audio | None], spans: Sequence[Span], pictures: bool, check: Callable[[], None]
    ) -> None:
        """Write each sound once, its pictures too if wished; a sound that equals an earlier one is a link to it.

        `spans` belong to the first sound, and are shaded in its waveform. Raises OutputError, and what `check` raises.
        """
        written: dict[str, Audio] = {}
        for suffix, audio in sounds.items():
            if audio is None:
                continue
            check()
            twin = next((other for other in written if is_same_sound(written[other], audio)), None)
            if twin is None:
                write_wav(audio, self.new(suffix))
                written[suffix] = audio
            else:
                self.link(suffix, twin)
            # The pictures of a sound that was generated again are those of the final one.
            if pictures and suffix != ".neg.wav":
                is_first = (twin or suffix) == next(iter(written))
                self._draw(suffix, twin, audio, spans if is_first else (), check)

    def _draw(
        self, suffix: str, twin: str | None, audio: Audio, spans: Sequence[Span], check: Callable[[], None]
    ) -> None:
        stem, other = suffix.removesuffix(".wav"), (twin or "").removesuffix(".wav")
        if twin is not None and other + ENDS[0] in self.paths:
            for end in ENDS:
                self.link(stem + end, other + end)
            return
        for end, image in draw_pictures(audio, spans):
            check()
            write_png(image, self.new(stem + end))

    def link(self, suffix: str, twin: str) -> None:
        """Make the file of a suffix the same as that of its twin. Raises OutputError."""
        source, target = self.paths[twin], self.new(suffix)
        try:
            try:
                target.hardlink_to(source)
            except OSError:
                # A file system without links holds it twice.
                shutil.copyfile(source, target)
        except OSError as error:
            raise output_error(target, error) from error
        self.links[suffix] = twin


def is_same_sound(one: Audio, other: Audio) -> bool:
    """Whether two sounds have the same rate and samples."""
    if one is other:
        return True
    alike = one.sample_rate == other.sample_rate and one.waveform.shape == other.waveform.shape
    if not alike:
        return False
    for first in range(0, one.samples, BLOCK):
        block = slice(first, first + BLOCK)
        if not np.array_equal(one.numpy()[:, block], other.numpy()[:, block]):
            return False
        release_pages()
    return True


def sounds_of(outcome: Outcome, final: Audio | None, stems: bool) -> dict[str, Audio | None]:
    """The sounds of an outcome by the suffix of their file; None where a step was not taken."""
    sounds = {
        ".step1.wav": outcome.coarse,
        ".step3.wav": outcome.stems.background if outcome.stems else None,
        ".neg.wav": outcome.regenerated,
        ".wav": final,
    }
    return {**sounds, VOICE: outcome.stems.voice} if stems and outcome.stems else sounds

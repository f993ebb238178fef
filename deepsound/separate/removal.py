"""Partial voice removal: a depth in dB, and room tone in place of what was removed."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import BLOCK, difference, release_pages, zeros_like
from deepsound.types import Audio, Stems

# From here on a voice is removed entirely: it would be below the noise of 16 bit.
ALL_DB = 100.0


@dataclass(frozen=True)
class RemovalSettings:
    """How much of a voice is removed: `db` lower (None: entirely), and with `keep_ambience` room tone in its place.

    Raises InputError for a depth that is no number from 0 to `ALL_DB`.
    """

    db: float | None = None
    keep_ambience: bool = False

    def __post_init__(self) -> None:
        if self.db is not None and not 0 <= self.db <= ALL_DB:
            raise InputError(f"removal_db: expected 0 to {ALL_DB:g} dB, got {self.db!r}; leave it out to remove all.")

    @property
    def lets_through(self) -> float:
        """The share of the voice's amplitude that stays, 0 to 1."""
        return 0.0 if self.db is None or self.db >= ALL_DB else 10 ** (-self.db / 20)


def apply_removal(
    mix: Audio, stems: Stems, settings: RemovalSettings = RemovalSettings(), progress: Progress = Progress()
) -> Stems:
    """`stems` of `mix` with as much voice and room tone in the background as the settings say; both still add up to it.

    The separator's own stems, unchanged, where the voice is removed entirely and no ambience is kept.
    """
    background, share = stems.background, settings.lets_through
    if not share and not settings.keep_ambience:
        return stems
    waveform = zeros_like(background.waveform)
    for first in range(0, mix.samples, BLOCK):
        block = slice(first, first + BLOCK)
        waveform[:, block] = background.waveform[:, block] + share * stems.voice.waveform[:, block]
        release_pages()
    if settings.keep_ambience:
        from deepsound.separate.ambience import add_room_tone

        add_room_tone(waveform, mix, stems.voice, progress)
    background = Audio(waveform, mix.sample_rate, mix.layout)
    return Stems(Audio(difference(mix.waveform, waveform), mix.sample_rate, mix.layout), background)

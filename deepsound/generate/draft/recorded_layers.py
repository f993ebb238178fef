"""The recordings of one draft: those its palette names, read, by the part they play."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.prompt_parser import NEUTRAL_MATERIAL, Palette
from deepsound.generate.draft.recordings import Recording
from deepsound.generate.draft.score import FoleyScore
from deepsound.generate.draft.sound_beds import bed_blocks
from deepsound.generate.draft.sound_events import Placed, occurrences, placed_waves, usable_takes
from deepsound.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class RecordedTakes:
    """A recording and its takes, float32 [2, samples] at 44100 Hz."""

    recording: Recording
    takes: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class RecordedLayers:
    """Beds, hits and events of one sound; `replaced` are the synthesised beds that recorded ones stand for."""

    beds: tuple[RecordedTakes, ...] = ()
    hits: tuple[RecordedTakes, ...] = ()
    events: tuple[RecordedTakes, ...] = ()

    @property
    def replaced(self) -> frozenset[str]:
        return frozenset().union(*(bed.recording.replaces for bed in self.beds))

    def lead(self, palette: Palette) -> bool:
        """Whether beds and events are all that the prompt names, and hits are not: these then stay behind."""
        hits_named = self.hits or palette.impacts_named or palette.materials != (NEUTRAL_MATERIAL,)
        return bool(self.beds or self.events) and not hits_named

    def bed_layers(self, score: FoleyScore, seed: int) -> Iterator[Iterator[np.ndarray]]:
        """One endless layer of blocks with a mean square of 1 for each bed."""
        for number, bed in enumerate(self.beds):
            yield bed_blocks(bed.takes, score.cuts_s, np.random.default_rng([seed, 6, number]))

    def placed(self, score: FoleyScore, distant: bool, seed: int, progress: Progress) -> Iterator[Placed]:
        """Every hit and event, one recording after the other."""
        for number, each in enumerate((*self.hits, *self.events)):
            rng = np.random.default_rng([seed, 7, number])
            times = occurrences(each.recording, each in self.hits, score, rng)
            for placed in placed_waves(each.recording, each.takes, times, distant, rng):
                progress.check()
                yield placed


NO_RECORDINGS = RecordedLayers()


def choose_recordings(
    palette: Palette, library: Mapping[str, Recording], note: Callable[[str], None]
) -> RecordedLayers:
    """The palette's recordings from the library; `note` is called for each that is missing or cannot be read."""
    parts: dict[str, list[RecordedTakes]] = {"bed": [], "hit": [], "event": []}
    missing = []
    for name in palette.sounds:
        recording = library.get(name)
        takes = usable_takes(recording) if recording is not None else []
        if recording is None or not takes:
            missing.append(name)
            continue
        if len(takes) < len(recording.paths):
            note(
                f"draft could not read {len(recording.paths) - len(takes)} of {len(recording.paths)} files of '{name}'."
            )
        role = recording.role_of(int(np.median([take.shape[1] for take in takes])))
        parts[role].append(RecordedTakes(recording, tuple(takes)))
    if missing:
        note(f"draft has no readable recording of {', '.join(missing)} and synthesises what it can in their place.")
    return RecordedLayers(*(tuple(parts[role]) for role in ("bed", "hit", "event")))

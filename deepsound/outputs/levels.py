"""Loudness of a run's sounds: measured, brought to a target, silence reported."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.media import loudness
from deepsound.media.loudness import Levelling
from deepsound.outcome import Outcome
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness


@dataclass(frozen=True)
class FinalLevels:
    """The final sound (None: dropped) at its final level, the levels by name, and the notes for the user."""

    final: Audio | None
    levels: dict[str, Loudness]
    levelling: Levelling | None = None
    notes: tuple[str, ...] = ()


def final_levels(outcome: Outcome, target_lufs: float | None, progress: Progress) -> FinalLevels:
    """Measure the coarse and the final sound; with a target the final one is brought to it first."""
    final = outcome.final
    levels = {"step1": loudness.measure(outcome.coarse, progress)}
    if final is None:
        return FinalLevels(None, levels)
    levelling = None
    if target_lufs is not None:
        final, levelling = loudness.limit_to_loudness(final, target_lufs, progress=progress)
    levels["final"] = levels["step1"] if final is outcome.coarse else loudness.measure(final, progress)
    notes = []
    if levelling is not None and not levelling.is_reached:
        notes.append(f"Loudness: {levelling}.")
    if loudness.is_inaudible(levels["final"]):
        notes.append(_nothing_to_hear(levels["final"]))
    return FinalLevels(final, levels, levelling, tuple(notes))


def _nothing_to_hear(level: Loudness) -> str:
    if level.true_peak_dbtp is None:
        return "There is nothing to hear: the final sound is silent. Try another generator, prompt or seed."
    loud = "under -70 LUFS" if level.integrated_lufs is None else f"{level.integrated_lufs:.0f} LUFS"
    return (
        f"There is next to nothing to hear: the final sound is at {loud}, its peak at {level.true_peak_dbtp:.0f} dBTP. "
        f"Set a loudness target ({loudness.TARGET_LUFS:.0f}, say), or try another generator, prompt or seed."
    )

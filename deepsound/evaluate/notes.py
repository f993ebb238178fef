"""Caveats of a report: what limits the comparison of its scores."""

from __future__ import annotations

from collections.abc import Sequence

from deepsound.evaluate.av_align import has_opencv_flow
from deepsound.evaluate.metrics import METRICS
from deepsound.evaluate.report import ReferenceReport, SetReport

# The number of features is the least at which a covariance can have full rank; published sets have 15,000 clips.
_WIDTHS = {"FD_PaSST": 768, "FD_PANNs": 2048}


def notes_on(
    sets: Sequence[SetReport],
    reference: ReferenceReport | None,
    duration_s: float,
    trouble: str,
) -> tuple[str, ...]:
    """One sentence for everything that limits what the scores can be compared with."""
    return tuple(
        note
        for note in (
            *_on_reference(reference),
            f"Networks and metrics of sync looked at the first {duration_s:g} s of every clip; voice and levels "
            "are of the whole sound.",
            *_on_own_flow(sets),
            *_on_counts(sets),
            trouble and f"Not everything could be written: {trouble}",
        )
        if note
    )


def _on_own_flow(sets: Sequence[SetReport]) -> list[str]:
    if has_opencv_flow() or not any("AV-Align" in one.scores for one in sets):
        return []
    return [
        "AV-Align's optical flow was computed without OpenCV, which takes some 17 s of processor time for 8 s of video "
        "in place of one; install opencv-python-headless (any version) or leave the metric out."
    ]


def _on_reference(reference: ReferenceReport | None) -> list[str]:
    if reference is None:
        return []
    notes = [
        f"Compared with '{reference.name}', {reference.clips} clips, fingerprint {reference.fingerprint}: only "
        "scores with the same fingerprint belong side by side."
    ]
    if reference.voice is not None and reference.voice.of_clips is not None:
        notes.append(
            f"A voice is heard in {reference.voice.of_clips:.1%} of the reference's clips; that tells an "
            "original set from a voice-free one. DeepSound-V1's README compares its own rows with a "
            "voice-free set and 'direct' with the original one; differences across the two say nothing."
        )
    return notes


def _on_counts(sets: Sequence[SetReport]) -> list[str]:
    notes = []
    for one in sets:
        few = [
            f"{name} ({one.scores[name].clips} clips, {width} features)"
            for name, width in _WIDTHS.items()
            if name in one.scores and one.scores[name].value is not None and one.scores[name].clips <= width
        ]
        if few:
            notes.append(
                f"{one.name}: with fewer clips than features, {' and '.join(few)} come out larger than they "
                "would for more; compare them with sets of as many clips alone."
            )
        partly = [
            f"{name} of {score.clips}"
            for name, score in one.scores.items()
            if score.value is not None and score.clips < _expected_counts(one, name)
        ]
        if partly:
            notes.append(
                f"{one.name}: not all of its {one.clips} clips are in {', '.join(partly)}; see the problems "
                "and the clips without a partner."
            )
    if len({one.clips for one in sets}) > 1:
        counts = ", ".join(f"{one.name} {one.clips}" for one in sets)
        notes.append(f"The sets have different numbers of clips ({counts}).")
    return notes


def _expected_counts(one: SetReport, metric: str) -> int:
    return one.pairs if METRICS[metric].needs == "reference" else one.clips

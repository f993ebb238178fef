"""Comparison data: the tracks of one clip, measured, on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepsound.compare.levels import MatchedLevel, equal_loudness, to_playable
from deepsound.errors import InputError
from deepsound.media.clip import Clip
from deepsound.media.wav import refuse_nonfinite
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Span

_BLOCK = 1 << 22
TITLES = {"coarse": "Coarse audio", "final": "Final audio", "voice": "Removed voice"}


@dataclass(frozen=True, eq=False)
class ComparedTrack:
    """A sound that is compared: `name` (coarse, final or voice), `audio` as it is and `heard` as browsers play it."""

    name: str
    audio: Audio
    playback: Audio
    level: MatchedLevel

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def facts(self) -> tuple[str, str]:
        """Loudness, and rate with channels, as text."""
        lufs = self.level.loudness.integrated_lufs
        is_silent = self.level.loudness.true_peak_dbtp is None
        loudness = "silence" if is_silent else "too quiet to measure" if lufs is None else f"{lufs:.1f} LUFS"
        channels = {1: "mono", 2: "stereo"}.get(self.audio.channels, f"{self.audio.channels} channels")
        return loudness, f"{self.audio.sample_rate / 1000:g} kHz, {channels}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two or three `tracks` in the order coarse, final, voice, the `clip` they belong to, and where a voice is heard.

    `duration_s` is the time axis's length: that of the longest of them all.
    """

    tracks: tuple[ComparedTrack, ...]
    clip: Clip | None
    spans: tuple[Span, ...]
    duration_s: float

    @property
    def top_hz(self) -> float:
        """Where the spectrograms' common frequency axis ends: at half the highest rate, at most 20 kHz."""
        return min(20000.0, max(track.audio.sample_rate for track in self.tracks) / 2)

    def beginning(self, seconds: float) -> Comparison:
        """The first `seconds` alone (0 for all of it), their loudness as measured over the whole.

        Raises InputError for less than nothing.
        """
        if not seconds >= 0:
            raise InputError(f"The part of a comparison is {seconds} s; expected 0 seconds (all of it) or more.")
        if not 0 < seconds < self.duration_s:
            return self
        clip = self.clip
        if clip is not None:
            clip = Clip.open(clip.path, clip.start_s, min(seconds, clip.duration_s))
        tracks = tuple(
            replace(track, audio=_trim(track.audio, seconds), playback=_trim(track.playback, seconds))
            for track in self.tracks
        )
        return Comparison(tracks, clip, tuple(_within(self.spans, seconds)), seconds)


def compare(
    sounds: Mapping[str, Audio],
    clip: Clip | None = None,
    spans: Sequence[Span] = (),
    progress: Progress = Progress(),
) -> Comparison:
    """Measure `sounds`, named coarse, final and voice (any of them may be left out), for a comparison.

    Raises InputError for no sound, another name, a time axis of no length, or samples that are not finite.
    """
    unknown = sorted(set(sounds) - set(TITLES))
    if unknown or not sounds:
        raise InputError(
            f"expected sounds named {', '.join(TITLES)}, got {', '.join(unknown) or 'none'}; name them so."
        )
    given = [(name, sounds[name]) for name in TITLES if name in sounds]
    for name, audio in given:
        if not _is_finite(audio, progress):
            refuse_nonfinite(audio.numpy(), f"compared ({TITLES[name].lower()})")
    duration_s = max([*(audio.duration_s for _, audio in given), clip.duration_s if clip is not None else 0.0])
    if not duration_s:
        raise InputError("expected a video or a sound with samples to compare, got neither; name other files.")
    heard = [to_playable(audio, progress) for _, audio in given]
    levels = equal_loudness(heard, progress)
    tracks = tuple(
        ComparedTrack(name, audio, played, level)
        for (name, audio), played, level in zip(given, heard, levels, strict=True)
    )
    return Comparison(tracks, clip, tuple(_within(spans, duration_s)), duration_s)


def _is_finite(audio: Audio, progress: Progress) -> bool:
    samples = audio.numpy()
    for start in range(0, audio.samples, _BLOCK):
        progress.check()
        if not np.isfinite(samples[:, start : start + _BLOCK]).all():
            return False
    return True


def _within(spans: Sequence[Span], duration_s: float) -> list[Span]:
    cut = (Span(max(span.start_s, 0.0), min(span.end_s, duration_s)) for span in spans)
    return [span for span in cut if span.duration_s > 0]


def _trim(audio: Audio, seconds: float) -> Audio:
    return Audio(audio.waveform[:, : max(1, round(seconds * audio.sample_rate))], audio.sample_rate)

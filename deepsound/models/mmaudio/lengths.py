"""Sequence lengths and windows: latents, CLIP tokens and sync features of a duration."""

from __future__ import annotations

import math
from dataclasses import dataclass

CLIP_FPS = 8
SYNC_FPS = 25
FRAMES_PER_SEGMENT = 16
FRAMES_BETWEEN_SEGMENTS = 8
FEATURES_PER_SEGMENT = 8
MEL_FRAMES_PER_LATENT = 2
MIN_DURATION = FRAMES_PER_SEGMENT / SYNC_FPS


@dataclass(frozen=True)
class LatentRate:
    """The autoencoder's and vocoder's rates: `sample_rate` in Hz, `hop_length` in samples per mel frame."""

    sample_rate: int
    hop_length: int

    def latents(self, duration: float) -> int:
        """Latents that cover `duration` seconds, the last one perhaps in part."""
        # The order of these divisions decides where a float falls just above or below a whole number.
        return math.ceil(duration * self.sample_rate / self.hop_length / MEL_FRAMES_PER_LATENT)

    def samples(self, latents: int) -> int:
        return latents * MEL_FRAMES_PER_LATENT * self.hop_length


LATENTS_16K = LatentRate(sample_rate=16000, hop_length=256)
LATENTS_44K = LatentRate(sample_rate=44100, hop_length=512)


@dataclass(frozen=True)
class SequenceLengths:
    """Lengths of the three timed sequences: latents, CLIP tokens (8 per second), sync features (8 per segment)."""

    latent: int
    clip: int
    sync: int


def sequence_lengths(duration: float, rate: LatentRate) -> SequenceLengths:
    """The lengths that `duration` seconds have; ValueError under 0.64 s, which hold no sync segment."""
    if not math.isfinite(duration) or duration < MIN_DURATION:
        raise ValueError(f"a duration of {duration} s is too short: the shortest is {MIN_DURATION} s")
    return SequenceLengths(rate.latents(duration), clip_frames(duration), sync_features(duration))


def clip_frames(duration: float) -> int:
    """How many pictures CLIP is shown of `duration` seconds."""
    return int(CLIP_FPS * duration)


def sync_frames(duration: float) -> int:
    """How many pictures Synchformer is shown of `duration` seconds."""
    return int(SYNC_FPS * duration)


def sync_features(duration: float) -> int:
    """How many sync features `duration` seconds have: eight for each of the overlapping segments of 16 frames."""
    segments = math.floor((SYNC_FPS * duration - FRAMES_PER_SEGMENT) / FRAMES_BETWEEN_SEGMENTS) + 1
    return FEATURES_PER_SEGMENT * segments


@dataclass(frozen=True)
class LatentWindow:
    """Latents [start, stop) of the whole sound, and how many of them fade in and out where windows overlap."""

    start: int
    stop: int
    fade_in: int = 0
    fade_out: int = 0

    @property
    def length(self) -> int:
        return self.stop - self.start

"""VAD gate: limits separation to voiced spans (voice activity detection), with fades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepsound.media.vad import voice_probabilities
from deepsound.media.voice_activity import VoiceSettings, gap_s, spans_of
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import BLOCK, release_pages, zeros
from deepsound.types import Audio, Span

if TYPE_CHECKING:
    import torch

# Wider spans than the reasoner's: a missed syllable stays audible, a removed pause hardly.
WIDE = VoiceSettings(start=0.4, keep=0.15, min_voice_s=0.16, min_alone_s=0.16, max_gap_s=0.4, margin_s=0.15)

# What only the wide settings take for a voice counts this near a span of the reasoner's: by itself it is a bark, a
# chirp or a hit, in 7 of 90 sounds without a voice.
NEAR_S = 2.0


def gate_spans(audio: Audio, progress: Progress, settings: VoiceSettings = WIDE) -> tuple[Span, ...]:
    """The stretches, in seconds, in which a voice may be removed: none where the reasoner's settings find no voice.

    Raises InputError for NaN or infinite samples, EngineError when silero-vad is not installed.
    """
    activity = voice_probabilities(audio, progress)
    sure = spans_of(activity, audio.duration_s, VoiceSettings())
    wide = spans_of(activity, audio.duration_s, settings)
    return tuple(span for span in wide if any(gap_s(span, other) <= NEAR_S for other in sure))


def gate_of(spans: Sequence[Span], audio: Audio, fade: int) -> torch.Tensor:
    """1 in voiced spans, 0 outside, with fades of `fade` samples within them, [samples]."""
    import torch

    gate = torch.from_numpy(zeros(1, audio.samples))[0]
    for span in spans:
        first, last = round(span.start_s * audio.sample_rate), round(span.end_s * audio.sample_rate)
        rise, fall = first if first > 0 else -fade, last if last < audio.samples else last + fade
        for begin in range(first, min(last, audio.samples), BLOCK):
            end = min(begin + BLOCK, last, audio.samples)
            gate[begin:end] = trapezoid(begin, end, rise, fall - fade, fade)
    return gate


def apply_gate(voice: torch.Tensor, gate: torch.Tensor, inverted: bool = False) -> None:
    """Multiply `voice` [channels, samples] by `gate` [samples], or by 1 less the gate, in place."""
    for first in range(0, len(gate), BLOCK):
        part = gate[first : first + BLOCK]
        voice[:, first : first + BLOCK] *= 1 - part if inverted else part
        release_pages()


def trapezoid(begin: int, end: int, rise: int, fall: int, fade: int) -> torch.Tensor:
    """For samples `begin` to `end`: 0, up over `fade` samples from `rise`, 1, down over `fade` from `fall`, 0."""
    import torch

    at = torch.arange(begin, end)
    return torch.minimum((at - rise) / fade, 1 - (at - fall) / fade).clamp(0.0, 1.0)

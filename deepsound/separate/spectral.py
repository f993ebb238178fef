"""Step 3's embedded separator: where a voice is heard, whatever rises above the background next to it is the voice.

Stereo is treated as middle and side, so that a voice in the middle leaves the side untouched; other layouts channel
by channel. Outside the voiced spans not one sample changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from deepsound.media.voice import VoiceSettings, voice_spans
from deepsound.runtime.progress import Progress
from deepsound.separate.mask import MaskSettings, voice_in
from deepsound.types import Audio, Span, Stems

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SpectralSettings:
    """Times in seconds: work goes in blocks of `block_s`, which see `context_s` more on both sides.

    The voice spans are wider than the reasoner's: a missed syllable stays audible, a removed pause hardly.
    """

    voice: VoiceSettings = VoiceSettings(start=0.4, keep=0.15, min_voice_s=0.16, max_gap_s=0.6, margin_s=0.2)
    mask: MaskSettings = MaskSettings()
    block_s: float = 12.0
    context_s: float = 4.0
    fade_s: float = 0.02


class SpectralSeparator:
    """Voice-activity-gated spectral masking: simple, no weights of its own, quick on any machine."""

    def __init__(self, settings: SpectralSettings | None = None) -> None:
        self.settings = settings or SpectralSettings()

    def separate(self, audio: Audio, progress: Progress) -> Stems:
        """Split `audio` into voice and background = mix - voice; bit for bit the mix where no voice is heard.

        Both stems keep the rate, the number of samples and the channels. Raises InputError for NaN samples,
        EngineError when silero-vad is missing.
        """
        import torch

        mix = audio.waveform.detach().cpu()
        voice = torch.zeros_like(mix)
        gate = self._gate(voice_spans(audio, progress, self.settings.voice), audio)
        blocks = self._blocks(audio)
        for first, last in progress.track(blocks, len(blocks)):
            if bool(gate[max(first, 0):last].any()):
                self._add_voice(mix, voice, gate, audio.sample_rate, (first, last), progress)
        voice *= gate
        return Stems(Audio(voice, audio.sample_rate), Audio(mix - voice, audio.sample_rate))

    def _gate(self, spans: Sequence[Span], audio: Audio) -> torch.Tensor:
        """1 in voiced spans, 0 outside, with short fades within them, [samples]."""
        import torch

        gate = torch.zeros(audio.samples)
        fade = self._fade(audio)
        for span in spans:
            first, last = round(span.start_s * audio.sample_rate), round(span.end_s * audio.sample_rate)
            rise, fall = first if first > 0 else -fade, last if last < audio.samples else last + fade
            gate[first:last] = _trapezoid(first, min(last, audio.samples), rise, fall - fade, fade)
        return gate

    def _blocks(self, audio: Audio) -> list[tuple[int, int]]:
        """Nearly equal stretches in samples; the outer two reach past the ends, where nothing is faded."""
        count = -(-audio.samples // max(round(self.settings.block_s * audio.sample_rate), 1))
        fade = self._fade(audio)
        cuts = [audio.samples * index // count for index in range(1, count)] if count else []
        return list(pairwise([-fade, *cuts, audio.samples + fade]))

    def _add_voice(self, mix: torch.Tensor, voice: torch.Tensor, gate: torch.Tensor, rate: int,
                   block: tuple[int, int], progress: Progress) -> None:
        """Estimate the voice in a block with context around it and cross-fade it into `voice` in place."""
        import torch

        context = round(self.settings.context_s * rate)
        begin, end = max(block[0] - context, 0), min(block[1] + context, mix.shape[1])
        fade = max(round(self.settings.fade_s * rate), 1)
        estimates = []
        for row in _middle_and_side(mix[:, begin:end]):
            progress.check()
            estimates.append(voice_in(row, gate[begin:end] > 0, rate, self.settings.mask))
        shape = _trapezoid(begin, end, block[0], block[1], fade)
        voice[:, begin:end] += _left_and_right(torch.stack(estimates)) * shape

    def _fade(self, audio: Audio) -> int:
        return max(round(self.settings.fade_s * audio.sample_rate), 1)


def _trapezoid(begin: int, end: int, rise: int, fall: int, fade: int) -> torch.Tensor:
    """For samples `begin` to `end`: 0, up over `fade` samples from `rise`, 1, down over `fade` from `fall`, 0."""
    import torch

    at = torch.arange(begin, end)
    return torch.minimum((at - rise) / fade, 1 - (at - fall) / fade).clamp(0.0, 1.0)


def _middle_and_side(channels: torch.Tensor) -> torch.Tensor:
    import torch

    if channels.shape[0] != 2:
        return channels
    left, right = channels
    return torch.stack([(left + right) / 2, (left - right) / 2])


def _left_and_right(rows: torch.Tensor) -> torch.Tensor:
    import torch

    if rows.shape[0] != 2:
        return rows
    middle, side = rows
    return torch.stack([middle + side, middle - side])

"""The embedded separator `spectral`: spectral subtraction gated by voice activity detection.

Stereo is treated as middle and side, so that a voice in the middle leaves the side untouched; other layouts channel
by channel. Outside the voiced spans not one sample changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from deepsound.media.voice_activity import VoiceSettings
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import difference, release_pages, zeros_like
from deepsound.separate.mask import MaskSettings, voice_estimate
from deepsound.separate.voice_gate import WIDE, apply_gate, gate_of, gate_spans, trapezoid
from deepsound.types import Audio, Stems

if TYPE_CHECKING:
    import torch

MASK = MaskSettings()


@dataclass(frozen=True)
class SpectralSettings:
    """Times in seconds: work goes in blocks of `block_s`, which see `context_s` more on both sides."""

    voice: VoiceSettings = WIDE
    mask: MaskSettings = MASK
    # The background's power varies: what is less than twice its mean is left, unless a voice is still heard then.
    tolerances: tuple[float, ...] = (2.0, 1.0)
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
        voice = zeros_like(mix)
        heard = torch.zeros(audio.samples, dtype=torch.bool)
        rounds = len(self.settings.tolerances)
        for done, tolerance in enumerate(self.settings.tolerances):
            share = progress.part(done / rounds, (done + 1) / rounds)
            left = Audio(difference(mix, voice), audio.sample_rate)
            gate = gate_of(gate_spans(left, share.part(0.0, 0.5), self.settings.voice), audio, self._fade(audio))
            if not bool(gate.any()):
                break
            heard |= gate > 0
            apply_gate(voice, gate, inverted=True)
            self._add_voice(voice, audio, gate, heard, tolerance, share.part(0.5, 1.0))
        progress.update(1.0)
        return Stems(Audio(voice, audio.sample_rate), Audio(difference(mix, voice), audio.sample_rate))

    def _add_voice(
        self,
        voice: torch.Tensor,
        audio: Audio,
        gate: torch.Tensor,
        heard: torch.Tensor,
        tolerance: float,
        progress: Progress,
    ) -> None:
        """Estimate the voice block by block and add it to `voice` [channels, samples] as far as `gate` is open.

        In place, because an hour of sound has no room for copies.
        """
        blocks = self._blocks(audio)
        for first, last in progress.track(blocks, len(blocks)):
            if bool(gate[max(first, 0) : last].any()):
                begin, end, estimate = self._estimate(audio, heard, tolerance, first, last, progress)
                voice[:, begin:end] += estimate * gate[begin:end]
            release_pages()

    def _blocks(self, audio: Audio) -> list[tuple[int, int]]:
        """Nearly equal stretches in samples; the outer two reach past the ends, where nothing is faded."""
        count = -(-audio.samples // max(round(self.settings.block_s * audio.sample_rate), 1))
        fade = self._fade(audio)
        cuts = [audio.samples * index // count for index in range(1, count)] if count else []
        return list(pairwise([-fade, *cuts, audio.samples + fade]))

    def _estimate(
        self, audio: Audio, heard: torch.Tensor, tolerance: float, first: int, last: int, progress: Progress
    ) -> tuple[int, int, torch.Tensor]:
        """The voice in block `first` to `last` with context around it, faded to the block; and where that begins."""
        import torch

        context = round(self.settings.context_s * audio.sample_rate)
        begin, end = max(first - context, 0), min(last + context, audio.samples)
        rows = []
        for row in _middle_and_side(audio.waveform[:, begin:end].detach().cpu()):
            progress.check()
            rows.append(voice_estimate(row, heard[begin:end], audio.sample_rate, tolerance, self.settings.mask))
        shape = trapezoid(begin, end, first, last, self._fade(audio))
        return begin, end, _left_and_right(torch.stack(rows)) * shape

    def _fade(self, audio: Audio) -> int:
        return max(round(self.settings.fade_s * audio.sample_rate), 1)


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

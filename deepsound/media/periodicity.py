"""Periodicity of a sound, frame by frame: high where it has a pitch, low in a whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000


def periodicity(sound: Tensor, size: int, hop: int, pitch_hz: tuple[float, float]) -> Tensor:
    """The largest autocorrelation, about 0 to 1, at a period of a pitch, [B, 1 + samples // hop].

    Of sounds [B, samples] at 16 kHz, in frames of `size` samples about every `hop`th; 0 in silence.
    """
    import torch
    from torch.nn.functional import pad

    frames = pad(sound, (size // 2, size)).unfold(1, size, hop)[:, : 1 + sound.shape[1] // hop]
    frames = frames - frames.mean(dim=-1, keepdim=True)
    shortest, longest = (round(RATE / hz) for hz in reversed(pitch_hz))
    products = torch.fft.irfft(torch.fft.rfft(frames, 2 * size).abs().square())[..., : longest + 1]
    # Fewer samples overlap at a longer lag.
    overlap = 1 - torch.arange(longest + 1) / size
    return (products / products[..., :1].clamp_min(1e-12) / overlap)[..., shortest:].amax(dim=-1)

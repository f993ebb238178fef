"""Sizes of PANNs' Cnn14; the defaults are Cnn14_16k_mAP=0.438."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cnn14Config:
    """`hop` is in samples, frequencies in Hz; `channels` are those of the blocks, each of which halves but the last."""

    sample_rate: int = 16000
    n_fft: int = 512
    hop: int = 160
    n_mels: int = 64
    f_min: float = 50.0
    f_max: float = 8000.0
    power_floor: float = 1e-10
    channels: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    width: int = 2048
    classes: int = 527

    @property
    def shortest(self) -> int:
        """Samples that leave one frame after all halvings."""
        return (2 ** (len(self.channels) - 1) - 1) * self.hop


CNN14_16K = Cnn14Config()

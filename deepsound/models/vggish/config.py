"""Sizes of VGGish and of its log-mel front end; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VggishConfig:
    """Convolutions of 3 x 3 with the picture halved after the first, second, fourth and sixth of them."""

    channels: tuple[int, ...] = (64, 128, 256, 256, 512, 512)
    hidden: int = 4096
    width: int = 128

    @property
    def halved_after(self) -> tuple[int, ...]:
        return (0, 1, 3, 5)


@dataclass(frozen=True)
class VggishMelConfig:
    """The spectrogram that VGGish hears: lengths in samples, frequencies in Hz, examples in frames."""

    sample_rate: int = 16000
    window: int = 400
    hop: int = 160
    n_fft: int = 512
    n_mels: int = 64
    f_min: float = 125.0
    f_max: float = 7500.0
    log_offset: float = 0.01
    example_frames: int = 96
    example_hop: int = 96

    @property
    def shortest(self) -> int:
        """Samples that make one example."""
        return self.window + (self.example_frames - 1) * self.hop


VGGISH = VggishConfig()
VGGISH_MEL = VggishMelConfig()

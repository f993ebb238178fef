"""PaSST, for FD_PaSST and KL_PaSST (arXiv 2110.05069)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.evaluate.extractors.base import DTYPE, NetworkExtractor, read_config, require_library, tensors_in
from deepsound.evaluate.extractors.sound import mono
from deepsound.models.passt.model import Passt
from deepsound.models.passt.weights import config_of
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from deepsound.weights.load import load_into_meta

SAMPLE_RATE = 32000
# What the network was trained on: every sound is cut or padded to it.
SAMPLES = 10 * SAMPLE_RATE
_N_FFT, _WINDOW, _HOP, _MEL_BINS = 1024, 800, 320, 128
# The original's default is half the rate less half of the range that training varied it by.
_F_MAX_HZ = 15000.0
_PREEMPHASIS = 0.97
_FLOOR, _SHIFT, _SCALE = 1e-5, 4.5, 5.0


class PasstExtractor(NetworkExtractor):
    """`features` [768], the mean of the two summaries, and `logits` [527] of them."""

    name = "passt"
    needs = ("metrics/passt",)
    outputs = ("features", "logits")
    libraries = ("torchaudio",)

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, config_of, tensors)
        return load_into_meta(lambda: Passt(config), tensors, DTYPE, path)

    def prepare(self, subject: Audio, progress: Progress) -> Tensor:
        waveform = mono(subject, SAMPLE_RATE, self.duration_s)[:SAMPLES]
        return spectrogram(F.pad(waveform, (0, SAMPLES - len(waveform))))

    def run(self, network: Passt, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        heard = network(batch)
        return {"features": heard.features, "logits": heard.logits}


def spectrogram(waveform: Tensor) -> Tensor:
    """Log-mel values [128, frames] of a waveform [samples] at 32 kHz, scaled as in training (hear21passt)."""
    emphasised = waveform[1:] - _PREEMPHASIS * waveform[:-1]
    window = torch.hann_window(_WINDOW, periodic=False)
    spectrum = torch.stft(emphasised, _N_FFT, _HOP, _WINDOW, window, center=True, return_complex=True)
    powers = torch.view_as_real(spectrum).square().sum(-1)
    return ((_triangles() @ powers + _FLOOR).log() + _SHIFT) / _SCALE


@cache
def _triangles() -> Tensor:
    """Kaldi's mel triangles [128, 513]; they do not reach the highest bin."""
    with require_library("torchaudio"):
        from torchaudio.compliance import kaldi
    triangles, _ = kaldi.get_mel_banks(_MEL_BINS, _N_FFT, SAMPLE_RATE, 0.0, _F_MAX_HZ, 100.0, -500.0, 1.0)
    return F.pad(triangles, (0, 1))

"""PANNs' Cnn14 at 16 kHz, for FD_PANNs, KL_PANNs and IS (arXiv 1912.10211)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from deepsound.errors import InputError
from deepsound.evaluate.extractors.base import DTYPE, NetworkExtractor, read_config, tensors_in
from deepsound.evaluate.extractors.sound import mono
from deepsound.models.panns.config import CNN14_16K
from deepsound.models.panns.model import Cnn14
from deepsound.models.panns.weights import config_of
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from deepsound.weights.load import load_into_meta


class PannsExtractor(NetworkExtractor):
    """`features` [2048], behind the last activation, and `logits` [527], before any."""

    name = "panns"
    needs = ("metrics/panns_cnn14_16k",)
    outputs = ("features", "logits")
    libraries = ("torchaudio",)

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, config_of, tensors)
        return load_into_meta(lambda: Cnn14(config), tensors, DTYPE, path)

    def prepare(self, subject: Audio, progress: Progress) -> Tensor:
        waveform = mono(subject, CNN14_16K.sample_rate, self.duration_s)
        if len(waveform) < CNN14_16K.shortest:
            raise InputError(
                f"The sound is too short for PANNs: expected {CNN14_16K.shortest / 16000:.2f} s or more, got "
                f"{len(waveform) / 16000:.2f} s; measure longer ones."
            )
        return waveform

    def run(self, network: Cnn14, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        heard = network(batch)
        return {"features": heard.features, "logits": heard.logits}

"""VGGish, for FD_VGG (arXiv 1609.09430)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from deepsound.errors import InputError
from deepsound.evaluate.extractors.base import DTYPE, NetworkExtractor, read_config, tensors_in
from deepsound.evaluate.extractors.sound import mono
from deepsound.models.vggish.config import VGGISH_MEL
from deepsound.models.vggish.frontend import examples
from deepsound.models.vggish.model import Vggish
from deepsound.models.vggish.weights import config_of, state_dict
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from deepsound.weights.load import load_into_meta


class VggishExtractor(NetworkExtractor):
    """`features` [examples, 128], one for every 0.96 s; the examples of all clips are the samples of FD_VGG."""

    name = "vggish"
    needs = ("metrics/vggish",)
    outputs = ("features",)
    libraries = ("torchaudio",)

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, config_of, tensors)
        return load_into_meta(lambda: Vggish(config), state_dict(tensors), DTYPE, path)

    def prepare(self, subject: Audio, progress: Progress) -> Tensor:
        waveform = mono(subject, VGGISH_MEL.sample_rate, self.duration_s)
        if len(waveform) < VGGISH_MEL.shortest:
            raise InputError(
                f"The sound is too short for VGGish: expected {VGGISH_MEL.shortest / 16000:.3f} s or more, got "
                f"{len(waveform) / 16000:.3f} s; measure longer ones."
            )
        return examples(waveform)

    def run(self, network: Vggish, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        return {"features": network(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])}

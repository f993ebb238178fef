"""Golden: the metrics' networks and preprocessing against the originals', small sizes.

The stored numbers were computed by the code that each file names; only every so many of them are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepsound.evaluate.extractors import imagebind as imagebind_extractor
from deepsound.evaluate.extractors import passt as passt_extractor
from deepsound.evaluate.extractors import synchformer as sync_extractor
from deepsound.evaluate.extractors.sound import mono, resample_as_function
from deepsound.models.imagebind.config import IMAGEBIND_HUGE
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.imagebind.weights import config_of as imagebind_config
from deepsound.models.panns.config import Cnn14Config
from deepsound.models.panns.model import Cnn14
from deepsound.models.passt.config import PasstConfig
from deepsound.models.passt.model import Passt
from deepsound.models.synchformer.audio import SynchformerAudio
from deepsound.models.synchformer.config import SyncAudioConfig
from deepsound.models.vggish.config import VggishConfig
from deepsound.models.vggish.model import Vggish
from deepsound.types import Audio
from tests.goldens import logarithms
from tests.goldens.formula import formula_weights, noise
from tests.goldens.networks import group, tolerance

Rows = Iterator[tuple[str, Any, Any, float]]


@torch.no_grad()
def compare_networks(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    model = built(golden["network"], golden["config"])
    model.load_state_dict(weights(model, golden["seed"]), strict=True)
    given = {
        name: formula_input(name, row["shape"], row["scale"], golden["seed"]) for name, row in golden["inputs"].items()
    }
    got = _RUN[golden["network"]](model.eval(), given)
    for name, expected in group(tensors, "outputs").items():
        yield name, got[name], expected, tolerance(expected)


def built(network: str, config: dict[str, Any]) -> nn.Module:
    """The network of a golden's name and sizes."""
    return _BUILD[network]({name: tuple(value) if isinstance(value, list) else value for name, value in config.items()})


def weights(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """By formula, but for the transform and the triangles that Cnn14 is published with."""
    computed = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name.startswith(("spectrogram_extractor.", "logmel_extractor."))
    }
    return formula_weights(model, seed) | computed


def formula_input(name: str, shape: list[int], scale: float, seed: int) -> Tensor:
    """An input by formula; its name counts, so that two of one shape differ."""
    drawn = noise(sum(name.encode()), int(np.prod(shape)), seed).reshape(shape)
    return torch.from_numpy((scale * drawn).astype(np.float32))


@torch.no_grad()
def compare_front_ends(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    sound = formula_input("sound", golden["shape"], golden["scale"], golden["seed"]) + golden["offset"]
    got = front_ends(Audio(sound, golden["sample_rate"]), golden["duration_s"])
    for name, expected in group(tensors, "outputs").items():
        kept = got[name][tuple(slice(None, None, step) for step in golden["every"][name])]
        if name == "imagebind":
            # Natural logarithms of powers, scaled; what is padded on after the logarithm is 0 there, a magnitude too.
            nats = partial(torch.mul, other=IMAGEBIND_HUGE.audio.std / 2)
            yield from logarithms.compare(name, kept, expected, tolerance(expected), nats, dim=-2)
        else:
            yield name, kept, expected, tolerance(expected)


def front_ends(audio: Audio, duration_s: float) -> dict[str, Tensor]:
    """What each network is given of a sound."""
    at_16k = mono(audio, 16000, duration_s)
    at_32k = mono(audio, passt_extractor.SAMPLE_RATE, duration_s)
    padded = torch.nn.functional.pad(at_32k, (0, passt_extractor.SAMPLES - len(at_32k)))
    for_imagebind = resample_as_function(audio.waveform, audio.sample_rate, 16000)
    scaling = IMAGEBIND_HUGE.audio
    return {
        "at_16k": at_16k,
        "at_32k": at_32k,
        "passt": passt_extractor.spectrogram(padded),
        "synchformer": sync_extractor.spectrograms(mono(audio, 16000, duration_s, centred=False)),
        "imagebind": (imagebind_extractor.spectrograms(for_imagebind) - scaling.mean) / scaling.std,
    }


def _imagebind(sizes: dict[str, Any]) -> nn.Module:
    shapes = {
        "modality_preprocessors.vision.rgbt_stem.proj.1.weight": (sizes["vision_width"], 3, 2, 14, 14),
        "modality_preprocessors.vision.pos_embedding_helper.pos_embed": (1, 257, sizes["vision_width"]),
        "modality_preprocessors.audio.rgbt_stem.proj.weight": (sizes["audio_width"], 1, 16, 16),
        "modality_heads.audio.2.weight": (sizes["embed_dim"], sizes["audio_width"]),
    }
    for modality in ("vision", "audio"):
        for block in range(sizes["depth"]):
            width = sizes[f"{modality}_width"]
            shapes[f"modality_trunks.{modality}.blocks.{block}.mlp.fc1.weight"] = (4 * width, width)
    return ImageBind(imagebind_config({name: torch.empty(shape, device="meta") for name, shape in shapes.items()}))


def _run_imagebind(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"vision": model.embed_video(given["video"]), "audio": model.embed_audio(given["spectrograms"])}


def _run_heard(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    heard = model(given["input"])
    return {"features": heard.features, "logits": heard.logits}


_BUILD: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "panns": lambda sizes: Cnn14(Cnn14Config(**sizes)),
    "passt": lambda sizes: Passt(PasstConfig(**sizes)),
    "vggish": lambda sizes: Vggish(VggishConfig(**sizes)),
    "imagebind": _imagebind,
    "synchformer_audio": lambda sizes: SynchformerAudio(SyncAudioConfig(**sizes)),
}
_RUN: dict[str, Callable[[Any, dict[str, Tensor]], dict[str, Tensor]]] = {
    "panns": _run_heard,
    "passt": _run_heard,
    "imagebind": _run_imagebind,
    "vggish": lambda model, given: {"features": model(given["input"])},
    "synchformer_audio": lambda model, given: {"features": model(given["input"])},
}

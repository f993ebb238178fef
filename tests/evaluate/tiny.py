"""Miniature metric networks, seeded and written in the published layout.

Only widths and depths are small: sounds, pictures and everything before the networks are of full size.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from deepsound.models.imagebind.config import IMAGEBIND_HUGE, ImageBindConfig
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.panns.config import CNN14_16K
from deepsound.models.panns.model import Cnn14
from deepsound.models.passt.config import PASST
from deepsound.models.passt.model import Passt
from deepsound.models.synchformer.audio import SynchformerAudio
from deepsound.models.synchformer.config import OFFSET, SYNC_AUDIO, SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.offset import SynchformerOffset
from deepsound.models.vggish.config import VGGISH
from deepsound.models.vggish.model import Vggish

CLASSES = 11
PANNS_CONFIG = replace(CNN14_16K, channels=(2, 2, 4, 4, 4, 8), width=16, classes=CLASSES)
PASST_CONFIG = replace(PASST, width=16, depth=1, heads=1, mlp_width=32, classes=CLASSES)
VGGISH_CONFIG = replace(VGGISH, channels=(2, 2, 4, 4, 4, 4), hidden=16, width=8)
IMAGEBIND_CONFIG = ImageBindConfig(
    embed_dim=12,
    vision=replace(IMAGEBIND_HUGE.vision, width=16, depth=1, heads=1, mlp_width=32, patch_size=56),
    audio=replace(IMAGEBIND_HUGE.audio, width=16, depth=1, heads=1, mlp_width=32),
)
SYNC_CONFIG = replace(SYNCHFORMER, width=16, depth=1, heads=1, patch_size=56)
SYNC_AUDIO_CONFIG = replace(SYNC_AUDIO, width=16, depth=1, heads=1, mlp_width=32)
OFFSET_CONFIG = replace(OFFSET, width=16, depth=1, heads=1, mlp_width=32)

# Below a host's models folder, where the catalogue looks for them.
FILES = {
    "metrics/panns_cnn14_16k": "metrics/Cnn14_16k_mAP=0.438.pth",
    "metrics/vggish": "metrics/vggish-10086976.pth",
    "metrics/passt": "metrics/passt-s-f128-p16-s10-ap.476-swa.pt",
    "metrics/imagebind": "metrics/imagebind_huge.pth",
    "synchformer/visual": "mmaudio/synchformer_state_dict.pth",
}


def write(models: Path) -> dict[str, Path]:
    """Every file the metrics need, below `models`; returns them by catalogue id, as `Execution.weights` takes them."""
    files = {id: models / name for id, name in FILES.items()}
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    _save_trained(_panns(), files["metrics/panns_cnn14_16k"])
    torch.save(seeded(Vggish(VGGISH_CONFIG), 2).state_dict(), files["metrics/vggish"])
    torch.save(seeded(Passt(PASST_CONFIG), 3).state_dict(), files["metrics/passt"])
    torch.save(_imagebind(), files["metrics/imagebind"])
    torch.save(_synchformer(), files["synchformer/visual"])
    return files


def _save_trained(state: dict[str, Tensor], path: Path) -> None:
    """As PANNs' trainer did, with an older torch and numpy: the sampler's arrays lie beside the network."""
    sampler = {"indexes_per_class": [np.arange(3), np.arange(2)], "queue": [1, 0], "pointers_of_classes": [0, 1]}
    torch.save({"iteration": 600000, "model": state, "sampler": sampler}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.", b"numpy.core."))


def _imagebind() -> dict[str, Tensor]:
    model = seeded(ImageBind(IMAGEBIND_CONFIG), 4)
    return model.state_dict() | {
        "modality_trunks.text.blocks.0.norm_1.weight": torch.ones(2),
        "modality_heads.imu.0.weight": torch.ones(2),
        "modality_postprocessors.audio.1.log_logit_scale": torch.tensor(20.0).log(),
    }


def _synchformer() -> dict[str, Tensor]:
    parts = (Synchformer(SYNC_CONFIG), SynchformerAudio(SYNC_AUDIO_CONFIG), SynchformerOffset(OFFSET_CONFIG))
    state: dict[str, Tensor] = {}
    for seed, part in enumerate(parts, 5):
        state |= seeded(part, seed).state_dict()
    return state


def _panns() -> dict[str, Tensor]:
    """Decibels of ordinary sounds are far below zero; the first norm brings them near it, as a trained one does."""
    state = seeded(Cnn14(PANNS_CONFIG), 1).state_dict()
    return state | {"bn0.running_mean": torch.full((64,), -20.0), "bn0.running_var": torch.full((64,), 100.0)}


def seeded(network: nn.Module, seed: int) -> nn.Module:
    """`network` with every parameter drawn anew; what normalises and what is computed stays as it was built."""
    generator = torch.Generator().manual_seed(seed)
    fixed = ("spectrogram_extractor.", "logmel_extractor.")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            normalises = name.endswith("weight") and ("norm" in name or "bn" in name)
            if not name.startswith(fixed) and not normalises:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return network

"""VGGish's checkpoint: keys to load, sizes read from the tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from deepsound.models.vggish.config import VggishConfig

_PARTS = ("features.", "embeddings.")


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `Vggish.load_state_dict` takes, strictly; a whitening that was saved along (`pproc.`) is left."""
    return {name: tensor for name, tensor in published.items() if name.startswith(_PARTS)}


def config_of(published: Mapping[str, Tensor]) -> VggishConfig:
    """The network's sizes, read from its tensors; ValueError if these are not the weights of VGGish."""
    convolutions = [name for name in published if name.startswith("features.") and name.endswith(".weight")]
    try:
        hidden = published["embeddings.0.weight"].shape[0]
        width = published["embeddings.4.weight"].shape[0]
    except KeyError as missing:
        raise ValueError(f"these are not the weights of VGGish: {missing} is missing") from missing
    ordered = sorted(convolutions, key=lambda name: int(name.split(".")[1]))
    return VggishConfig(tuple(published[name].shape[0] for name in ordered), hidden, width)

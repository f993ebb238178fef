"""FoleyCrafter's checkpoints: keys renamed to what the networks take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from deepsound.models.foleycrafter.config import OnsetConfig

_WRAPPER = "module."
_TEXT = "text_model."


def strip_module_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` as it was before it was trained on several devices at once: without a leading `module.`."""
    return {name.removeprefix(_WRAPPER): tensor for name, tensor in state.items()}


def adapter_state(file: Mapping[str, Any]) -> dict[str, Tensor]:
    """An IP-Adapter's two groups of tensors as one. Raises ValueError for a file of another form."""
    groups = ("image_proj", "ip_adapter")
    if set(file) != set(groups) or not all(isinstance(file[group], Mapping) for group in groups):
        some = ", ".join(sorted(map(str, file))[:4])
        raise ValueError(f"an adapter's file holds the groups {' and '.join(groups)}, this one holds {some}")
    return {f"{group}.{name}": tensor for group in groups for name, tensor in file[group].items()}


def embed_dim_of(adapter: Mapping[str, Tensor]) -> int:
    """The width of the image embeddings an adapter takes. Raises ValueError if it is no IP-Adapter of this kind."""
    projection = adapter.get("image_proj.proj.weight")
    if projection is None or projection.dim() != 2:
        raise ValueError(
            "these are not the weights of an IP-Adapter with a linear projection: image_proj.proj.weight is missing"
        )
    return int(projection.shape[1])


def onset_config_of(state: Mapping[str, Tensor]) -> OnsetConfig:
    """The detector's sizes, read from its tensors; ValueError if these are not the weights of one."""
    try:
        widths = [state[f"net.model.layer{stage}.0.conv1.0.3.weight"].shape[0] for stage in range(1, 5)]
        stem, head = state["net.model.stem.0.weight"].shape[0], state["fc.0.weight"].shape[0]
    except KeyError as missing:
        raise ValueError(
            f"these are not the weights of FoleyCrafter's onset detector: {missing} is missing"
        ) from missing
    blocks = len({name.split(".")[3] for name in state if name.startswith("net.model.layer1.")})
    return OnsetConfig((widths[0], widths[1], widths[2], widths[3]), stem, head, blocks)


def encoder_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A CLIP tower's tensors under the names of the installed transformers, without the positions older ones stored.

    Text towers are named `text_model.` or not, by version; `network` shows which.
    """
    kept = {name: tensor for name, tensor in state.items() if not name.endswith("embeddings.position_ids")}
    if "visual_projection.weight" in network.state_dict():
        return kept
    prefix = _TEXT if any(name.startswith(_TEXT) for name in network.state_dict()) else ""
    return {prefix + name.removeprefix(_TEXT): tensor for name, tensor in kept.items()}

"""What of the published Synchformer file belongs to the visual encoder."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PREFIX = "vfeat_extractor."


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `Synchformer.load_state_dict` takes, all of them and strictly; the rest of the file is left."""
    return {name: tensor for name, tensor in published.items() if name.startswith(PREFIX)}

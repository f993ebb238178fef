"""What the published CLIP file needs before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `Clip.load_state_dict` takes, all of them and strictly.

    `logit_scale` has shape [] or [1], depending on the open_clip version that wrote the file; both are taken.
    """
    tensors = dict(published)
    if "logit_scale" in tensors:
        tensors["logit_scale"] = tensors["logit_scale"].reshape(())
    return tensors

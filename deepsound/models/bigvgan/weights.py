"""BigVGAN's checkpoint: folds weight norm, reads the sizes from the tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from deepsound.models.bigvgan.config import BigVganConfig

# A weight v of size g: torch's older names and those of its parametrisations. Without either, it is folded already.
_PAIRS = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))


def fold_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with every weight-normalised pair multiplied out, in float32, to a plain `.weight`; the rest as it is.

    Raises ValueError for a pair with one half missing.
    """
    folded = dict(state)
    for ends in _PAIRS:
        for layer in sorted({name.removesuffix(end) for end in ends for name in state if name.endswith(end)}):
            missing = [layer + end for end in ends if layer + end not in state]
            if missing:
                raise ValueError(
                    f"The vocoder's weights lack {missing[0]}, the other half of a weight-normalised "
                    "pair; the file is not complete."
                )
            size, direction = (folded.pop(layer + end).float() for end in ends)
            folded[layer + ".weight"] = _fold(size, direction)
    return folded


def config_of(folded: Mapping[str, Tensor]) -> BigVganConfig:
    """The vocoder's sizes, read off its folded tensors; ValueError if these are not the weights of a BigVGAN.

    What tensors do not show is as in both published vocoders: kernels twice as long as their rates, dilations 1, 3, 5,
    and a last convolution with bias before a tanh, without bias before a clamp.
    """
    try:
        channels, num_mels, _ = folded["conv_pre.weight"].shape
    except KeyError as missing:
        raise ValueError(f"these are not the weights of a BigVGAN vocoder: {missing} is missing") from missing
    stages = _count(folded, "ups.")
    kernels = tuple(folded[f"ups.{stage}.0.weight"].shape[-1] for stage in range(stages))
    branches = _count(folded, "resblocks.") // stages
    branch_kernels = tuple(folded[f"resblocks.{index}.convs1.0.weight"].shape[-1] for index in range(branches))
    ends_with_bias = "conv_post.bias" in folded
    return BigVganConfig(
        num_mels=num_mels,
        upsample_initial_channel=channels,
        upsample_rates=tuple(kernel // 2 for kernel in kernels),
        upsample_kernel_sizes=kernels,
        resblock_kernel_sizes=branch_kernels,
        resblock_dilation_sizes=((1, 3, 5),) * branches,
        use_tanh_at_final=ends_with_bias,
        use_bias_at_final=ends_with_bias,
    )


def _count(state: Mapping[str, Tensor], start: str) -> int:
    return len({name[len(start) :].split(".")[0] for name in state if name.startswith(start)})


def _fold(size: Tensor, direction: Tensor) -> Tensor:
    # One size per first dimension: output channels, but input channels of a transposed convolution.
    norm = torch.linalg.vector_norm(direction, dim=tuple(range(1, direction.dim())), keepdim=True)
    return direction * (size / norm)

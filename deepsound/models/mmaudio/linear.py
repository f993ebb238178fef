"""Linear layers that run as oneDNN convolutions on a CPU.

torch hands float32 products to MKL and convolutions to oneDNN. With more than one thread and no more rows than a sound
has latents, oneDNN was measured to be faster by up to a half; with one thread both are alike.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.cpu_attention import has_bf16_tiles

# With fewer rows the arranging of weights, which oneDNN does every time, weighs more.
_FEWEST_ROWS = 64


def runs_as_convolution(sequence: Tensor) -> bool:
    """Whether maps of `sequence` run as convolutions: in float32 on a CPU that has oneDNN, without gradients.

    Not in what torch.compile traces: it arranges products by itself.
    """
    return (
        not torch.compiler.is_compiling()
        and sequence.device.type == "cpu"
        and sequence.dtype == torch.float32
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()
    )


def is_limited_by_bf16_products(tensor: Tensor) -> bool:
    """Whether bfloat16 work on `tensor` waits for products: on a CPU without tiles, where sums cost less than these."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.bfloat16 and not has_bf16_tiles()


def linear_as_convolution(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`rows` [..., width] times `weight` [out, width], as a picture one pixel high: [..., out]."""
    picture = F.conv2d(rows.reshape(1, -1, rows.shape[-1]).transpose(1, 2).unsqueeze(2), weight[:, :, None, None], bias)
    return picture.squeeze(2).transpose(1, 2).reshape(*rows.shape[:-1], -1)


class Linear(nn.Linear):
    """A linear map of the members of a sequence, [..., width]."""

    def forward(self, rows: Tensor) -> Tensor:
        if rows.numel() < _FEWEST_ROWS * self.in_features or not runs_as_convolution(rows):
            return super().forward(rows)
        return linear_as_convolution(rows, self.weight, self.bias)

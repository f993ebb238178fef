"""The anti-aliased snake as one fused Triton kernel.

Every sample is read and written once.

It was compared with the plain form in Triton's interpreter and compiled for a GPU, but none was there to run it on.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    import triton.language as tl

# A lane walks so many samples of one channel; six steps more fill its window.
_SEGMENT = 32
_LANES = 128


def runs_on(x: Tensor) -> bool:
    """Whether this form is the one for `x`: on a GPU, where Triton is installed (torch brings it on Linux)."""
    return x.is_cuda and _is_installed()


@cache
def _is_installed() -> bool:
    return find_spec("triton") is not None


def anti_aliased_snake(x: Tensor, up: Tensor, down: Tensor, frequency: Tensor, amplitude: Tensor) -> Tensor:
    """As `snake_rows.anti_aliased_snake`."""
    x = x.contiguous()
    batch, length, channels = x.shape
    out = torch.empty_like(x)
    lanes = -(-length // _SEGMENT) * channels
    with torch.cuda.device_of(x):
        kernel()[(-(-lanes // _LANES), batch)](
            x,
            out,
            up.contiguous(),
            down.contiguous(),
            frequency.contiguous(),
            amplitude.contiguous(),
            length,
            channels,
            SEGMENT=_SEGMENT,
            LANES=_LANES,
        )
    return out


@cache
def kernel() -> Any:
    """The kernel, which Triton compiles for every dtype when it first meets it."""
    import triton
    import triton.language

    # Triton looks names up in the kernel's module, and that must import without Triton.
    globals()["tl"] = triton.language
    return triton.jit(_anti_aliased_snake)


def _anti_aliased_snake(  # type: ignore[no-untyped-def]  # Triton reads annotations, and knows its own only
    x,
    out,
    up,
    down,
    frequency,
    amplitude,
    length,
    channels,
    SEGMENT: tl.constexpr,
    LANES: tl.constexpr,
):
    lane = tl.program_id(0) * LANES + tl.arange(0, LANES)
    channel = lane % channels
    begin = lane // channels * SEGMENT
    entry = tl.program_id(1).to(tl.int64) * length * channels
    x += entry + channel
    out += entry + channel
    rate, size = tl.load(frequency + channel), tl.load(amplitude + channel)
    u0, u1, u2, u3 = tl.load(up), tl.load(up + 1), tl.load(up + 2), tl.load(up + 3)
    u4, u5, u6, u7 = tl.load(up + 4), tl.load(up + 5), tl.load(up + 6), tl.load(up + 7)
    u8, u9, u10, u11 = tl.load(up + 8), tl.load(up + 9), tl.load(up + 10), tl.load(up + 11)
    d0, d1, d2, d3 = tl.load(down), tl.load(down + 1), tl.load(down + 2), tl.load(down + 3)
    d4, d5, d6, d7 = tl.load(down + 4), tl.load(down + 5), tl.load(down + 6), tl.load(down + 7)
    d8, d9, d10, d11 = tl.load(down + 8), tl.load(down + 9), tl.load(down + 10), tl.load(down + 11)
    # The window: eleven samples at twice the rate, odd and even in turn, that the next even one completes.
    none = tl.full((LANES,), 0.0, tl.float32)
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10 = none, none, none, none, none, none, none, none, none, none, none
    for step in range(SEGMENT + 6):
        ahead = begin + step - 3
        here = tl.minimum(tl.maximum(ahead, 0), length - 1)
        x0 = tl.load(x + tl.maximum(here - 3, 0) * channels).to(tl.float32)
        x1 = tl.load(x + tl.maximum(here - 2, 0) * channels).to(tl.float32)
        x2 = tl.load(x + tl.maximum(here - 1, 0) * channels).to(tl.float32)
        x3 = tl.load(x + here * channels).to(tl.float32)
        x4 = tl.load(x + tl.minimum(here + 1, length - 1) * channels).to(tl.float32)
        x5 = tl.load(x + tl.minimum(here + 2, length - 1) * channels).to(tl.float32)
        x6 = tl.load(x + tl.minimum(here + 3, length - 1) * channels).to(tl.float32)
        even = x0 * u0 + x1 * u2 + x2 * u4 + x3 * u6 + x4 * u8 + x5 * u10
        odd = x1 * u1 + x2 * u3 + x3 * u5 + x4 * u7 + x5 * u9 + x6 * u11
        wave = tl.sin(even * rate)
        even += wave * wave * size
        wave = tl.sin(odd * rate)
        odd += wave * wave * size
        # Outside the signal its first or last sample at twice the rate is repeated.
        even, odd = tl.where(ahead >= length, odd, even), tl.where(ahead < 0, even, odd)
        total = (
            w0 * d0
            + w1 * d1
            + w2 * d2
            + w3 * d3
            + w4 * d4
            + w5 * d5
            + w6 * d6
            + w7 * d7
            + w8 * d8
            + w9 * d9
            + w10 * d10
            + even * d11
        )
        done = ahead - 3
        tl.store(out + done * channels, total.to(out.dtype.element_ty), mask=(step >= 6) & (done < length))
        w0, w1, w2, w3, w4, w5, w6, w7, w8 = w2, w3, w4, w5, w6, w7, w8, w9, w10
        w9, w10 = even, odd

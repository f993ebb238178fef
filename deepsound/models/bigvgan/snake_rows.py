"""The anti-aliased snake as banded matrix products over rows, on any device.

Written out, an activation stuffs zeros between samples, filters, applies the snake, filters and drops every other
sample. Half of each filter meets zeros or makes samples nobody keeps, so each sample needs six taps and no zeros. With
the taps in a small banded matrix, one product filters a tile of rows, and a batch of products a whole signal.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Rows of a tile: more would multiply more of the bands' zeros, fewer make products too small.
TILE = 8
# Samples to each side that a sample depends on, under the one filter and under the other.
REACH = 3
# Numbers at a time: for every CPU thread so many that they stay in its core's cache; elsewhere memory is bounded.
_CPU_BLOCK = 1 << 16
_DEVICE_BLOCK = 1 << 22


def anti_aliased_snake(
    x: Tensor, up: Tensor, down: Tensor, frequency: Tensor, amplitude: Tensor, dtype: torch.dtype | None = None
) -> Tensor:
    """`x` [B, T, C] brought to twice its rate, through the snake, and back, in float32; edges repeat at both rates.

    `up` and `down` are 12 taps each, in the order in which they meet the signal; `frequency` and `amplitude` are [C].
    The result is in `dtype`, else in that of `x`.
    """
    batch, length, channels = x.shape
    upsampling_taps, lowering = upsampling_matrix(up), downsampling_matrix(down)
    out = torch.empty(batch, _whole_tiles(length), channels, device=x.device, dtype=dtype or x.dtype)
    for entry, written in zip(x, out, strict=True):
        for start, rows in _blocks(length, channels, x.device):
            doubled = snake(upsample_2x(entry, upsampling_taps, start - REACH, rows + TILE), frequency, amplitude)
            target = written[start : start + rows]
            exact = target if target.dtype == torch.float32 else torch.empty(rows, channels, device=x.device)
            # The first that is needed, five before the block at twice the rate, is the second one.
            _filter(doubled[1:], lowering, 2 * TILE, exact)
            if exact is not target:
                target.copy_(exact)
    return out[:, :length]


def upsample_2x(x: Tensor, upsampling_taps: Tensor, start: int, rows: int) -> Tensor:
    """Whole tiles of `rows` of `x` [T, C], from `start` on, at twice the rate: [2 rows, C].

    Rows may lie before the beginning and behind the end: the doubled signal's first and last one are repeated there.
    """
    length, channels = x.shape
    begin, stop = start - REACH, start + rows + REACH
    if begin >= 0 and stop <= length:
        inputs = x[begin:stop].contiguous()
    else:
        inputs = x.index_select(0, torch.arange(begin, stop, device=x.device).clamp_(0, length - 1))
    doubled = torch.empty(2 * rows, channels, device=x.device)
    _filter(inputs.float(), upsampling_taps, TILE, doubled)
    first, end = max(0, -2 * start), min(2 * rows, 2 * (length - start))
    doubled[:first] = doubled[first]
    doubled[end:] = doubled[end - 1]
    return doubled


def snake(x: Tensor, frequency: Tensor, amplitude: Tensor) -> Tensor:
    """x + amplitude · sin²(frequency · x) in place, with coefficients [C] for the last dimension of `x`."""
    return x.addcmul_((x * frequency).sin_().square_(), amplitude)


def upsampling_matrix(taps: Tensor) -> Tensor:
    """[2 TILE, TILE + 6]: from a tile's rows, with 3 more to each side, to as many rows twice over."""
    matrix = taps.new_zeros(TILE, 2, TILE + 2 * REACH)
    for phase in (0, 1):
        _diagonals(matrix[:, phase, phase:], len(taps) // 2, step=1).copy_(taps[phase::2].expand(TILE, -1))
    return matrix.flatten(0, 1)


def downsampling_matrix(taps: Tensor) -> Tensor:
    """[TILE, 2 TILE + 10]: from a tile's doubled rows, with 5 more to each side, to its rows."""
    matrix = taps.new_zeros(TILE, 2 * TILE + len(taps) - 2)
    _diagonals(matrix, len(taps), step=2).copy_(taps.expand(TILE, -1))
    return matrix


def _diagonals(matrix: Tensor, width: int, step: int) -> Tensor:
    """The `width` numbers in each row of `matrix` that start `step` columns further right in every row, as a view."""
    return matrix.as_strided((matrix.shape[0], width), (matrix.stride(0) + step, 1), matrix.storage_offset())


def _filter(rows: Tensor, matrix: Tensor, advance: int, out: Tensor) -> None:
    """Fill `out` [tiles · n, C] with `matrix` [n, window] times windows of `rows` [R, C] that lie `advance` apart."""
    size, window = matrix.shape
    tiles, channels = out.shape[0] // size, out.shape[1]
    windows = rows.as_strided((tiles, window, channels), (advance * channels, channels, 1))
    torch.bmm(matrix.expand(tiles, -1, -1), windows, out=out.view(tiles, size, channels))


def _blocks(length: int, channels: int, device: torch.device) -> list[tuple[int, int]]:
    """Where blocks of whole tiles start, and how many rows they have; the last one may reach past the end."""
    numbers = _CPU_BLOCK * torch.get_num_threads() if device.type == "cpu" else _DEVICE_BLOCK
    size = max(1, numbers // channels // TILE) * TILE
    return [(start, _whole_tiles(min(size, length - start))) for start in range(0, length, size)]


def _whole_tiles(rows: int) -> int:
    return -(-rows // TILE) * TILE

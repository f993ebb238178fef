"""Channel layout adapters: maps any number of channels to a network's one or two and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Rows = tuple[tuple[float, ...], ...]

# WAV order: front left and right, centre, low frequencies (no voice), back, side.
_PAIRS: dict[int, tuple[tuple[int, ...], ...]] = {6: ((0, 1), (2,), (4, 5)), 8: ((0, 1), (2,), (4, 5), (6, 7))}


@dataclass(frozen=True)
class ChannelPass:
    """One pass of a network: the matrices that map channels to its inputs, and its outputs to channels."""

    inputs: Rows
    outputs: Rows

    def downmix(self, channels: Tensor) -> Tensor:
        """[network's channels, samples] of [channels, samples]."""
        return channels.new_tensor(self.inputs) @ channels

    def upmix(self, output: Tensor) -> Tensor:
        """[channels, samples] of [network's channels, samples]."""
        return output.new_tensor(self.outputs) @ output


def channel_passes(channels: int, network_channels: int) -> list[ChannelPass]:
    """The passes that a sound of `channels` needs.

    A stereo network is given pairs, and a single channel twice, as DeepSound-V1 does with mono. A mono network is given
    the middle and the side of a pair. The low-frequency channel of 5.1 and 7.1 is left out and stays as it is.
    """
    pairs = _PAIRS.get(channels) or tuple(
        tuple(range(first, min(first + 2, channels))) for first in range(0, channels, 2)
    )
    single = _single_of_two if network_channels == 2 else _single
    both = _pair if network_channels == 2 else _middle_and_side
    return [one for pair in pairs for one in (both if len(pair) == 2 else single)(pair, channels)]


def _unit(index: int, channels: int, value: float = 1.0) -> tuple[float, ...]:
    return tuple(value if channel == index else 0.0 for channel in range(channels))


def _transposed_pass(inputs: Rows, gain: float = 1.0) -> ChannelPass:
    """A pass whose output goes back to the channels its input came from, times `gain`."""
    outputs = tuple(tuple(gain * value for value in column) for column in zip(*inputs, strict=True))
    return ChannelPass(inputs, outputs)


def _single(pair: tuple[int, ...], channels: int) -> list[ChannelPass]:
    return [_transposed_pass((_unit(pair[0], channels),))]


def _single_of_two(pair: tuple[int, ...], channels: int) -> list[ChannelPass]:
    return [_transposed_pass((_unit(pair[0], channels),) * 2, gain=0.5)]


def _pair(pair: tuple[int, ...], channels: int) -> list[ChannelPass]:
    return [_transposed_pass((_unit(pair[0], channels), _unit(pair[1], channels)))]


def _middle_and_side(pair: tuple[int, ...], channels: int) -> list[ChannelPass]:
    left, right = (_unit(index, channels, 0.5) for index in pair)
    middle = tuple(a + b for a, b in zip(left, right, strict=True))
    side = tuple(a - b for a, b in zip(left, right, strict=True))
    return [_transposed_pass((middle,), gain=2.0), _transposed_pass((side,), gain=2.0)]

"""Passes of a voice network over the channels of a sound, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deepsound.runtime.progress import Progress
from deepsound.separate.buffers import blocks, resample_stream
from deepsound.separate.channels import ChannelPass
from deepsound.separate.demix import DemixSettings, stream

if TYPE_CHECKING:
    from torch import Tensor


def add_voice(
    voice: Tensor,
    mix: Tensor,
    sample_rate: int,
    channel_pass: ChannelPass,
    network: Callable[[Tensor], Tensor],
    network_rate: int,
    settings: DemixSettings,
    progress: Progress,
) -> None:
    """Add what one pass finds in `mix` to `voice`, both [channels, samples]: an hour of sound has no room for copies.

    `network` maps chunks [B, channels, samples] at `network_rate` to the voice in them.
    """
    samples = mix.shape[1]
    length = -(-samples * network_rate // sample_rate)
    inputs = resample_stream((channel_pass.downmix(block) for block in blocks(mix)), sample_rate, network_rate, length)
    stem = stream(inputs, length, network, settings, progress)
    done = 0
    for part in resample_stream(stem, network_rate, sample_rate, samples):
        voice[:, done : done + part.shape[1]] += channel_pass.upmix(part)
        done += part.shape[1]

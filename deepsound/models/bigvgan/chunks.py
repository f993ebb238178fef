"""Long spectrograms to waveforms in memory that does not grow with them: a part at a time, each with what leads to it.

A part is computed from its own frames and those within the network's reach. After every step only what the following
ones need is kept, since the widest reach, some 20 frames, is that of the first stage alone. So parts of
some seconds cost what the whole costs, and give it up to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from deepsound.models.bigvgan.model import BigVgan, Step

# Mel frames, 2 s at 44.1 kHz. Shorter parts repeat more than their smaller signals save on a CPU.
FRAMES_AT_ONCE = 172


class Span(NamedTuple):
    """Positions `start` to `stop` of a signal, at the rate of one step's input or output."""

    start: int
    stop: int


def decode(
    network: BigVgan,
    mel: Tensor,
    frames_at_once: int = FRAMES_AT_ONCE,
    on_chunk: Callable[[int, int], None] | None = None,
) -> Tensor:
    """What `network(mel)` gives, [B, 1, T · hop] of `mel` [B, num_mels, T], computed `frames_at_once` at a time.

    `on_chunk(done, frames)` is called after every part; what it raises ends the work. ValueError for no frame at once.
    """
    if frames_at_once < 1:
        raise ValueError(f"a vocoder decodes at least one frame at a time, not {frames_at_once}")
    frames, hop = mel.shape[-1], network.config.hop
    steps = list(network.steps())
    audio = mel.new_empty(mel.shape[0], 1, frames * hop)
    for start in range(0, frames, frames_at_once):
        stop = min(start + frames_at_once, frames)
        samples = Span(start * hop, stop * hop)
        audio[..., samples.start:samples.stop] = _part(steps, mel, samples)
        if on_chunk is not None:
            on_chunk(stop, frames)
    return audio


def _part(steps: Sequence[Step], mel: Tensor, samples: Span) -> Tensor:
    needed = spans(steps, samples, mel.shape[-1])
    x, at = mel[..., needed[0].start:needed[0].stop].transpose(1, 2), needed[0]
    for step, keep in zip(steps, needed[1:], strict=True):
        begins = at.start * step.rate
        x = step.run(x)[:, keep.start - begins:keep.stop - begins]
        at = keep
    return x.transpose(1, 2)


def spans(steps: Sequence[Step], samples: Span, frames: int) -> list[Span]:
    """What each of `steps` has to be given, first to last, and `samples` behind them, of a signal of `frames`."""
    lengths = [frames]
    for step in steps:
        lengths.append(lengths[-1] * step.rate)
    needed = [samples]
    for step, length in zip(reversed(steps), reversed(lengths[:-1]), strict=True):
        start, stop = needed[0].start - step.reach, needed[0].stop + step.reach
        needed.insert(0, Span(max(0, start // step.rate), min(length, -(-stop // step.rate))))
    return needed

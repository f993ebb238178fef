"""Streaming overlap-add inference of a separator, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress
from deepsound.separate.buffers import SlidingBuffer, reflect_pad
from deepsound.separate.chunking import Chunk, ChunkPlan, Mode, current_mode, equal_overlap, published_chunks
from deepsound.separate.overlap_add import OverlapAdd

if TYPE_CHECKING:
    from torch import Tensor

    Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class DemixSettings:
    """Lengths in samples at the network's rate. Raises InputError for those that leave nothing to do.

    In `equal_overlap` mode chunks of at most `chunk` samples share `overlap`; in `published` mode they follow each
    other at `chunk` / `overlaps`. `augment` is test-time augmentation: the mean of three passes (as it is, channels
    swapped, inverted). Inputs shorter than `shortest` samples are padded. The network gets at most `at_once` chunks,
    which changes nothing but memory (0: a whole batch).
    """

    chunk: int = 352_800
    overlap: int = 44_100
    overlaps: int = 2
    batch: int = 4
    mode: Mode = "equal_overlap"
    augment: bool = False
    shortest: int = 2048
    at_once: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.chunk:
            raise InputError(
                f"overlap: expected 0 to {self.chunk - 1} samples for chunks of {self.chunk}, got {self.overlap}."
            )
        if not 1 <= self.overlaps <= self.chunk or self.batch < 1:
            raise InputError(
                f"overlaps, batch: expected 1 to {self.chunk} and at least 1, got {self.overlaps} and "
                f"{self.batch}; correct them."
            )
        object.__setattr__(self, "mode", current_mode(self.mode))

    def plan(self, samples: int) -> ChunkPlan:
        """The chunks of a sound of `samples` samples."""
        if self.mode == "published":
            return published_chunks(samples, self.chunk, self.overlaps, self.batch)
        return equal_overlap(samples, self.chunk, self.overlap, self.batch)


def demix(mix: Tensor, network: Network, settings: DemixSettings, progress: Progress = Progress()) -> Tensor:
    """What `network` answers to `mix` [channels, samples], in one piece."""
    import torch

    parts = list(stream([mix], mix.shape[1], network, settings, progress))
    return torch.cat(parts, dim=1) if parts else mix.clone()


def stream(
    parts: Iterable[Tensor],
    samples: int,
    network: Network,
    settings: DemixSettings,
    progress: Progress = Progress(),
) -> Iterator[Tensor]:
    """What `network` answers to a sound of `samples` samples that comes in `parts` [channels, any], in order.

    `network` takes and gives [B, channels, chunk]. A piece is given out as soon as no later chunk touches it.
    Reports, and asks whether to go on, whenever the network has answered.
    """
    if not samples:
        return
    plan = settings.plan(samples)
    buffer, sums = SlidingBuffer(parts, samples), OverlapAdd(samples, settings.mode == "published")
    model = with_test_time_augmentation(network) if settings.augment else network
    together = list(_sub_batches(plan, settings.at_once))
    for chunks in progress.track(together, len(together)):
        # Chunks to come reach back to their start, or mirror the sound's end from as far before it as the border.
        buffer.forget(min(chunks[0].start, samples - 1 - plan.border))
        for chunk, answer in zip(chunks, _run_network(chunks, buffer, model, settings), strict=True):
            yield from sums.finish(chunk.start)
            sums.add(chunk, answer)
    yield from sums.finish(samples)


def _sub_batches(plan: ChunkPlan, at_once: int) -> Iterator[tuple[Chunk, ...]]:
    for batch in plan.batches:
        size = at_once or len(batch)
        for first in range(0, len(batch), size):
            yield batch[first : first + size]


def _run_network(
    chunks: tuple[Chunk, ...], buffer: SlidingBuffer, network: Network, settings: DemixSettings
) -> Iterable[Tensor]:
    """The network's answers [channels, samples] to the chunks; silence is answered with silence, without running it."""
    import torch

    stretches = [_network_input(chunk, buffer, settings) for chunk in chunks]
    loud = [index for index, stretch in enumerate(stretches) if bool(stretch.any())]
    answers = [torch.zeros_like(stretch) for stretch in stretches]
    if loud:
        made = network(torch.stack([stretches[index] for index in loud]))
        for index, answer in zip(loud, made, strict=True):
            answers[index] = answer
    return [answer[:, : chunk.samples] for chunk, answer in zip(chunks, answers, strict=True)]


def _network_input(chunk: Chunk, buffer: SlidingBuffer, settings: DemixSettings) -> Tensor:
    from torch.nn.functional import pad

    stretch = buffer.read(chunk.start, chunk.stop)
    missing = max(chunk.input_samples, settings.shortest) - chunk.samples
    if chunk.filled_by_mirroring:
        return reflect_pad(stretch, chunk.samples + missing)
    return pad(stretch, (0, missing))


def with_test_time_augmentation(network: Network) -> Network:
    """The mean of what `network` answers to a chunk, to its channels swapped and to its negative."""
    import torch

    def mean_of_three(chunks: Tensor) -> Tensor:
        plain, upside_down = network(chunks), -network(-chunks)
        # Equal channels swapped are the same input.
        swapped = plain if torch.equal(chunks, chunks.flip(1)) else network(chunks.flip(1))
        return (plain + swapped.flip(1) + upside_down) / 3

    return mean_of_three


def normalisation(mix: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of the mean of the channels, by which some published settings normalise the mix."""
    mono = mix.mean(dim=0)
    return float(mono.mean()), float(mono.std(unbiased=False))

"""Streaming audio buffers: block-wise resampling, sliding window, reflect padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from deepsound.runtime.sample_memory import release_pages

if TYPE_CHECKING:
    from torch import Tensor

_BLOCK = 1 << 16


def blocks(waveform: Tensor) -> Iterator[Tensor]:
    """`waveform` [channels, samples] in pieces, as views."""
    for start in range(0, waveform.shape[1], _BLOCK):
        yield waveform[:, start : start + _BLOCK]
        release_pages()


def resample_stream(parts: Iterable[Tensor], from_hz: int, to_hz: int, length: int) -> Iterator[Tensor]:
    """The same sound at `to_hz` (soxr, high quality), in step with it and exactly `length` samples long."""
    if from_hz == to_hz:
        yield from _fit_length(parts, length)
    else:
        yield from _fit_length(_resample_blocks(parts, from_hz, to_hz), length)


def _resample_blocks(parts: Iterable[Tensor], from_hz: int, to_hz: int) -> Iterator[Tensor]:
    import soxr
    import torch

    stream, channels = None, 0
    for part in parts:
        if stream is None:
            channels = part.shape[0]
            stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="HQ")
        yield torch.from_numpy(stream.resample_chunk(part.T.contiguous().numpy())).T
    if stream is not None:
        yield torch.from_numpy(stream.resample_chunk(torch.zeros(0, channels).numpy(), last=True)).T


def _fit_length(parts: Iterable[Tensor], length: int) -> Iterator[Tensor]:
    """Cut, or filled up with zeros, to `length` samples."""
    from torch.nn.functional import pad

    done, last = 0, None
    for part in parts:
        part = part[:, : length - done]
        done, last = done + part.shape[1], part
        yield part
    if done < length and last is not None:
        yield pad(last[:, :0], (0, length - done))


class SlidingBuffer:
    """Reads stretches of a sound of known length from blocks that come once, mirrored beyond its ends.

    What lies before `forget` is dropped: stretches must not go back further.
    """

    def __init__(self, parts: Iterable[Tensor], samples: int) -> None:
        self.samples = samples
        self._parts = iter(parts)
        self._held: list[Tensor] = []
        self._begin = self._end = 0

    def read(self, start: int, stop: int) -> Tensor:
        """[channels, stop - start]; indices below 0 and from `samples` on are mirrored, the ends not repeated."""
        import torch

        inside = self._inside(max(start, 0), min(stop, self.samples))
        before = self._inside(1, 1 - start).flip(1) if start < 0 else inside[:, :0]
        beyond = stop - self.samples
        after = self._inside(self.samples - 1 - beyond, self.samples - 1).flip(1) if beyond > 0 else inside[:, :0]
        return torch.cat((before, inside, after), dim=1)

    def forget(self, before: int) -> None:
        """Drop blocks that end at or before sample `before`."""
        while self._held and self._begin + self._held[0].shape[1] <= before:
            self._begin += self._held.pop(0).shape[1]

    def _inside(self, start: int, stop: int) -> Tensor:
        import torch

        while self._end < stop:
            part = next(self._parts)
            self._held.append(part)
            self._end += part.shape[1]
        if start < self._begin:
            raise RuntimeError(f"samples from {start} on were asked for after those before {self._begin} were dropped")
        parts, at = [], self._begin
        for part in self._held:
            parts.append(part[:, max(start - at, 0) : max(stop - at, 0)])
            at += part.shape[1]
        return torch.cat(parts, dim=1)


def reflect_pad(stretch: Tensor, samples: int) -> Tensor:
    """`stretch` [channels, n] filled up to `samples` at its end by mirroring, or with zeros where it is too short."""
    from torch.nn.functional import pad

    missing = samples - stretch.shape[1]
    mode = "reflect" if missing < stretch.shape[1] else "constant"
    return pad(stretch, (0, missing), mode=mode)

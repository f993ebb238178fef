"""Recorded beds of the draft: stretches of a recording, joined, and parted at hard cuts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.noise import BLOCK
from deepsound.generate.draft.recordings import SAMPLE_RATE
from deepsound.generate.draft.scene_gate import CUT_FADE_S

_LONGEST_STRETCH_S = 2.4
_FADE_SHARE = 0.3
_SCENE_LEVEL_DB = 1.5
_TARGET_RMS = 1.0


@dataclass(frozen=True)
class _Stretch:
    """Samples `begin` to `end` of the bed, taken from `start` of a take, with fades at both ends."""

    begin: int
    end: int
    take: int
    start: int
    fade_in: int
    fade_out: int
    gain: float


def bed_blocks(takes: Sequence[np.ndarray], cuts_s: Sequence[float], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless blocks float32 [2, BLOCK] with a mean square of 1, made of stretches of the takes float32 [2, samples].

    No stretch goes on across one of `cuts_s`: within 20 ms around a cut one ends and another begins.
    """
    level = [max(float(np.sqrt(np.square(take).mean())), 1e-9) for take in takes]
    stretches = _stretches(takes, [round(cut * SAMPLE_RATE) for cut in cuts_s], rng)
    open_ones: list[_Stretch] = [next(stretches)]
    for first in range(0, 1 << 62, BLOCK):
        while open_ones[-1].begin < first + BLOCK:
            open_ones.append(next(stretches))
        block = np.zeros((2, BLOCK), np.float32)
        for stretch in open_ones:
            _add(block, first, stretch, takes[stretch.take], _TARGET_RMS / level[stretch.take])
        open_ones = [stretch for stretch in open_ones if stretch.end > first + BLOCK]
        yield block


def _stretches(takes: Sequence[np.ndarray], cuts: list[int], rng: np.random.Generator) -> Iterator[_Stretch]:
    half = round(CUT_FADE_S * SAMPLE_RATE) // 2
    edges = [0]
    for cut in sorted(cuts):
        if cut - edges[-1] > 4 * half:
            edges.append(cut)
    for number, edge in enumerate(edges):
        begin = max(edge - half, 0)
        end = edges[number + 1] + half if number + 1 < len(edges) else 1 << 62
        yield from _scene(takes, begin, end, 2 * half if number else 0, 2 * half, rng)


def _scene(
    takes: Sequence[np.ndarray], begin: int, end: int, fade_in: int, last_fade: int, rng: np.random.Generator
) -> Iterator[_Stretch]:
    """One scene's stretches, at a level of its own."""
    gain = float(10 ** (rng.uniform(-_SCENE_LEVEL_DB, _SCENE_LEVEL_DB) / 20))
    while True:
        take = int(rng.integers(len(takes)))
        size = takes[take].shape[1]
        length = max(round(min(_LONGEST_STRETCH_S * SAMPLE_RATE, 0.65 * size) * rng.uniform(0.75, 1.0)), 32)
        fade = max(round(_FADE_SHARE * length), 1)
        # What would be left of the scene is no stretch of its own.
        is_last = begin + length + fade >= end
        stop, fade_out = (end, min(last_fade, end - begin)) if is_last else (begin + length, fade)
        start = int(rng.integers(max(size - (stop - begin), 0) + 1))
        yield _Stretch(begin, stop, take, start, min(fade_in, stop - begin), fade_out, gain)
        if is_last:
            return
        begin, fade_in = stop - fade_out, fade_out


def _add(block: np.ndarray, first: int, stretch: _Stretch, take: np.ndarray, level: float) -> None:
    """Add the part of a stretch that lies in the block from sample `first` on; its fades add up to one in power."""
    begin, end = max(stretch.begin, first), min(stretch.end, first + block.shape[1], stretch.begin + take.shape[1])
    if end <= begin:
        return
    within = np.arange(begin, end) - stretch.begin
    length = stretch.end - stretch.begin
    rise = np.clip((within + 0.5) / max(stretch.fade_in, 1), 0, 1) if stretch.fade_in else 1.0
    fall = np.clip((length - within - 0.5) / max(stretch.fade_out, 1), 0, 1)
    gains = (np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall) * stretch.gain * level).astype(np.float32)
    source = (within + stretch.start) % take.shape[1]
    block[:, begin - first : end - first] += take[:, source] * gains

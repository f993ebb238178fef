"""Interleaved timing of several implementations: background load meets all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import torch

GEMM_SIDE = 2048


@dataclass(frozen=True)
class Times:
    """Seconds of every turn by the wall clock, and processor seconds of the whole process, sorted."""

    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return statistics.median(self.wall_s)

    @property
    def median_cpu_s(self) -> float:
        return statistics.median(self.cpu_s)

    def row(self) -> dict[str, object]:
        return asdict(self) | {"median_s": self.median_s, "median_cpu_s": self.median_cpu_s}


def side_by_side(ways: Mapping[str, Callable[[], object]], turns: int, device: torch.device) -> dict[str, Times]:
    """All `ways` in turn, `turns` times; they should have run before."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken[name].append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
    return {name: Times(*(tuple(sorted(column)) for column in zip(*rows, strict=True))) for name, rows in taken.items()}


def plain_product(device: torch.device, dtype: torch.dtype) -> tuple[Callable[[], object], float]:
    """A large product of two square matrices, for what the machine can do, and its FLOPs."""
    side = GEMM_SIDE if device.type == "cpu" else 4 * GEMM_SIDE
    left, right = torch.randn(2, side, side, device=device, dtype=dtype)
    out = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=out), 2.0 * side**3

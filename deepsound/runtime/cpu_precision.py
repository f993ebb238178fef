"""Detects whether this CPU is fast in bfloat16: instruction set and one cached measurement."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from functools import cache
from pathlib import Path
from typing import Any

from deepsound.runtime.cache_folder import own_cache

# Both precisions multiply square matrices of this size; the faster of a few runs counts, taken in turn, so that other
# work on the machine slows both.
SIZE = 768
RUNS = 4
# Networks gain less than plain products do: below this they would gain nothing for their loss of digits.
FASTER_BY = 1.5
# "auto" measures; "fp32" and "bf16" settle what `auto` means on a CPU without measuring (tests, clusters).
VARIABLE = "DEEPSOUND_CPU_PRECISION"


def cpu_is_fast_in_bf16() -> bool:
    """True where the CPU has bf16 products (AVX512-BF16, AMX, Arm BF16) that measure 1.5 times as fast as float32."""
    settled = os.environ.get(VARIABLE, "auto").strip().lower()
    if settled in ("fp32", "bf16"):
        return settled == "bf16"
    return has_bf16_products() and _ratio() >= FASTER_BY


@cache
def has_bf16_products() -> bool:
    """Whether the instruction set has bfloat16 dot products; without them bf16 is emulated, and slow."""
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(bool(check()) for name in checks if callable(check := getattr(torch.cpu, name, None)))


@cache
def _ratio() -> float:
    """How many times as fast bf16 products are: from the cache folder for this CPU and torch, else measured now."""
    path, machine = own_cache() / "cpu_precision.json", machine_name()
    known = _read(path)
    if isinstance(known.get(machine), int | float):
        return float(known[machine])
    ratio = measured_ratio()
    _write(path, {**known, machine: round(ratio, 3)})
    return ratio


def measured_ratio() -> float:
    """Seconds of a float32 product over those of a bfloat16 one, each the best of a few; about 20 ms in all."""
    import torch

    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    matrices = {dtype: torch.ones(SIZE, SIZE, dtype=dtype) for dtype in best}
    for run in range(RUNS + 1):
        for dtype, matrix in matrices.items():
            began = time.perf_counter()
            torch.mm(matrix, matrix)
            # The first run of each packs and tunes.
            if run:
                best[dtype] = min(best[dtype], time.perf_counter() - began)
    return best[torch.float32] / max(best[torch.bfloat16], 1e-9)


def machine_name() -> str:
    """The CPU's model, torch's version and the number of threads: what a measurement holds for."""
    import torch

    return f"{_cpu_model()} | torch {torch.__version__} | {torch.get_num_threads()} threads"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(path: Path, known: dict[str, Any]) -> None:
    """Keep the measurement; where it cannot be kept it is made again next time."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

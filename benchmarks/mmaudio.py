"""Benchmark of MMAudio's networks, beside the original project's.

`python -m benchmarks.mmaudio [--reference DIR]`.

DIR is a checkout of https://github.com/hkchengrex/MMAudio whose requirements can be imported (PYTHONPATH may point to
them). Both get the same random weights and inputs, take turns in one process, and their outputs are compared. Without
DIR only this project's side is measured. Whole runs, a second one on the same clip among them, are measured by
`benchmarks.mmaudio_run`.

Times are medians of the turns by the wall clock; processor seconds of the process stand beside them, since other work
on the machine lengthens the former more. Utilisation is measured against a plain product of two square matrices of
side 2048, timed in the same turns: the share of that rate at which the *original's* count of FLOPs was done (which
doing less work raises), and the share of those that were really done.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import _mmaudio_memory, _mmaudio_pairs
from benchmarks._measure import save
from benchmarks._mmaudio_pairs import Pair, autoencoder, guided_pair, vocoder
from benchmarks._side_by_side import plain_product, side_by_side

PUBLISHED_SECONDS = {"small_16k": 1.23}
CPU = torch.device("cpu")

# What is compared: how, how many turns, and the most it may take of the original's time, where that was set.
Build = Callable[[bool], Pair]
CASES: dict[str, tuple[Build, int, float | None]] = {
    "guided pair small_16k, 8 s": (lambda compare: guided_pair("small_16k", compare), 9, 0.75),
    "guided pair small_44k, 8 s": (lambda compare: guided_pair("small_44k", compare), 5, None),
    "guided pair large_44k_v2, 8 s": (lambda compare: guided_pair("large_44k_v2", compare), 3, None),
    "BigVGAN v2 44k, 8 s": (lambda compare: vocoder("44k", 690, compare), 3, 0.5),
    "BigVGAN v2 44k, 1 s": (lambda compare: vocoder("44k", 86, compare), 3, None),
    "BigVGAN 16k, 8 s": (lambda compare: vocoder("16k", 500, compare), 3, None),
    "autoencoder 16k, 8 s": (lambda compare: autoencoder("16k", compare), 5, None),
    "autoencoder 44k, 8 s": (lambda compare: autoencoder("44k", compare), 5, None),
}
# Both networks and what ours keeps beside its weights, where that is more than machines commonly have free.
NEEDED_BYTES = {"guided pair large_44k_v2, 8 s": 12e9}


@torch.inference_mode()
def compare_case(build: Build, turns: int, limit: float | None, reference: bool) -> dict[str, Any]:
    """One case as a row of results."""
    pair = build(reference)
    product, product_flops = plain_product(CPU, torch.float32)
    ways: dict[str, Callable[[], object]] = {"ours": pair.ours, "product": product}
    got, flops_done = count_flops(pair.ours)
    row: dict[str, Any] = {"limit": limit, "flops_done": flops_done}
    if pair.original is not None:
        ways["original"] = pair.original
        expected, row["flops_original"] = count_flops(pair.original)
        row |= {"largest": float(expected.abs().max()), "error": float((got - expected).abs().max())}
    product()
    times = side_by_side(ways, turns, CPU)
    rate = product_flops / times["product"].median_s
    row |= {name: taken.row() for name, taken in times.items()} | {"product_flops_per_s": rate}
    row["utilisation_done"] = row["flops_done"] / times["ours"].median_s / rate
    if pair.original is not None:
        row["ratio"] = times["ours"].median_s / times["original"].median_s
        row["ratio_cpu"] = times["ours"].median_cpu_s / times["original"].median_cpu_s
        row["utilisation"] = row["flops_original"] / times["ours"].median_s / rate
        row["utilisation_original"] = row["flops_original"] / times["original"].median_s / rate
    return row


def free_bytes() -> float:
    """Host memory that is available; boundless where the system does not tell."""
    info = Path("/proc/meminfo")
    rows = dict(row.split(":") for row in info.read_text().splitlines()) if info.exists() else {}
    return float(rows["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in rows else float("inf")


def count_flops(run: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """What `run` gives and its FLOPs, a multiplication and an addition being two; it is warm afterwards."""
    with FlopCounterMode(display=False) as counter:
        made = run()
    return made, float(counter.get_total_flops())


def line(name: str, row: dict[str, Any]) -> str:
    def spread(way: str) -> str:
        wall_s = row[way]["wall_s"]
        return f"{row[way]['median_s']:7.3f} s [{wall_s[0]:.3f} .. {wall_s[-1]:.3f}], {row[way]['median_cpu_s']:.2f} s"

    text = f"{name:<31} ours {spread('ours'):<41}"
    if "ratio" not in row:
        return f"{text} utilisation {row['utilisation_done']:.0%}"
    limit = "" if row["limit"] is None else f" (at most {row['limit']}: {'met' if meets_target(row) else 'MISSED'})"
    return (
        f"{text} original {spread('original'):<41}\n{'':<31} ratio {row['ratio']:.3f}, by processor time "
        f"{row['ratio_cpu']:.3f}{limit}; largest error {row['error']:.1e} of {row['largest']:.1e};\n{'':<31} "
        f"utilisation {row['utilisation']:.0%} ({row['utilisation_done']:.0%} of the FLOPs done; original "
        f"{row['utilisation_original']:.0%}) of {row['product_flops_per_s'] / 1e9:.0f} GFLOP/s"
    )


def meets_target(row: dict[str, Any]) -> bool:
    return bool(row["ratio"] <= row["limit"])


def on_a_gpu(device: torch.device) -> dict[str, dict[str, float] | str]:
    """Seconds per 8 s clip of every variant in bfloat16; "not measured" where there is no GPU."""
    from deepsound.models.mmaudio.config import VARIANTS

    if device.type != "cuda":
        return dict.fromkeys(VARIANTS, "not measured")
    from benchmarks._mmaudio_clip import seconds

    return {variant: seconds(variant, device) for variant in VARIANTS}


def machine(threads: int) -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    models = (
        [row.split(":")[1].strip() for row in info.read_text().splitlines() if row.startswith("model name")]
        if info.exists()
        else []
    )
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "load_average": os.getloadavg()[0],
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mmaudio", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reference", type=Path, help="checkout of the original project to compare with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="where whole clips are timed; the comparison is always on the CPU",
    )
    parser.add_argument("--only", nargs="*", metavar="WORDS", help="cases whose names contain one of these, no tables")
    return parser.parse_args()


def main() -> None:
    asked = options()
    torch.set_num_threads(asked.threads)
    if asked.reference is not None:
        _mmaudio_pairs.use_reference(asked.reference)
    results: dict[str, Any] = {"machine": machine(asked.threads), "cases": {}}
    for name, case in CASES.items():
        if asked.only and not any(words in name for words in asked.only):
            continue
        if name in NEEDED_BYTES and free_bytes() < NEEDED_BYTES[name]:
            print(f"{name:<31} not measured: {NEEDED_BYTES[name] / 1e9:.0f} GB of memory are not free")
            results["cases"][name] = "not measured"
            continue
        results["cases"][name] = compare_case(*case, asked.reference is not None)
        print(line(name, results["cases"][name]), flush=True)
    if not asked.only:
        results["memory"] = _mmaudio_memory.table()
        _mmaudio_memory.print_table(results["memory"])
        results["seconds_per_clip_bf16"] = on_a_gpu(torch.device(asked.device))
        print("\nSeconds per 8 s clip on a GPU in bfloat16")
        for variant, taken in results["seconds_per_clip_bf16"].items():
            print(f"{variant:<14} {taken}  published: {PUBLISHED_SECONDS.get(variant, 'not found')}")
        print("written to", save(results, "mmaudio"))


if __name__ == "__main__":
    main()

"""Benchmark of MMAudio's networks beside the original project's, in fp32 and at defaults.

`python -m benchmarks.mmaudio [--reference DIR] [--only WORDS]`.

DIR is a checkout of https://github.com/hkchengrex/MMAudio whose requirements can be imported (PYTHONPATH may point to
them). The original's default is bf16 on every device; ours is what `--precision auto` takes on this CPU. All four get
the same random weights and inputs (rounded for bf16), take turns in one process, and their outputs are compared.
Without DIR only this project's side is measured. Whole runs are measured by `benchmarks.mmaudio_run`.

Seconds are medians of the turns by the wall clock; processor seconds of the process stand beside them. Ratios are of
the least processor seconds of the turns, which other work on the machine changes least. Utilisation is measured against
a plain product of two square matrices of side 2048 in the same precision, timed in the same turns: the share of that
rate at which the *original's* count of FLOPs was done, and the share of those that were really done. `--only` measures
some cases; the saved rows of the others stay if they are of this processor and torch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import _mmaudio_memory, _mmaudio_pairs
from benchmarks._measure import save
from benchmarks._mmaudio_features import clip_picture, sync_segment
from benchmarks._mmaudio_pairs import Pair, autoencoder, guided_pair, vocoder
from benchmarks._side_by_side import plain_product, side_by_side
from deepsound.runtime.execution import Execution, torch_dtype

PUBLISHED_SECONDS = {"small_16k": 1.23}
CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results" / "mmaudio.json"

Build = Callable[[bool, torch.dtype], Pair]


@dataclass(frozen=True)
class Case:
    """What is compared, how often, and the most it may take of the original's time.

    `fp32` limits fp32 beside fp32, `default` the default beside the original's default, `faster` the default beside
    the faster of the original's two.
    """

    build: Build
    turns: int
    fp32: float | None = None
    default: float | None = None
    faster: float | None = None


def _pair(variant: str, turns: int) -> Case:
    return Case(lambda compare, dtype: guided_pair(variant, compare, dtype), turns, fp32=0.7, default=0.5)


def _vocoder(name: str, frames: int, turns: int) -> Case:
    return Case(lambda compare, dtype: vocoder(name, frames, compare, dtype), turns, faster=0.25)


CASES: dict[str, Case] = {
    "guided pair small_16k, 8 s": _pair("small_16k", 7),
    "guided pair small_44k, 8 s": _pair("small_44k", 5),
    "guided pair large_44k_v2, 8 s": _pair("large_44k_v2", 3),
    "BigVGAN v2 44k, 8 s": _vocoder("44k", 690, 1),
    "BigVGAN v2 44k, 1 s": _vocoder("44k", 86, 3),
    "BigVGAN 16k, 8 s": _vocoder("16k", 500, 2),
    "autoencoder 16k, 8 s": Case(lambda compare, dtype: autoencoder("16k", compare, dtype), 5),
    "autoencoder 44k, 8 s": Case(lambda compare, dtype: autoencoder("44k", compare, dtype), 5),
    "CLIP, a picture": Case(clip_picture, 2),
    "Synchformer, a segment": Case(sync_segment, 2),
}
# How often a run of small_16k on 8 s needs each: 8 pictures a second, a segment of 0.64 s every 0.32, and 25 steps.
FIRST_RUN = {
    "CLIP, a picture": 64,
    "Synchformer, a segment": 24,
    "guided pair small_16k, 8 s": 25,
    "autoencoder 16k, 8 s": 1,
    "BigVGAN 16k, 8 s": 1,
}
RUN_LIMITS = {"ratio": 0.3, "second_of_first": 0.15}
# All four networks and what ours keeps beside its weights, where that is more than machines commonly have free.
NEEDED_BYTES = {"guided pair large_44k_v2, 8 s": 17e9, "CLIP, a picture": 9e9}
PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@torch.inference_mode()
def compare_case(case: Case, reference: bool) -> dict[str, Any]:
    """One case as a row of results."""
    default = torch_dtype(Execution(device="cpu"), CPU)
    pairs = {dtype: case.build(reference, dtype) for dtype in dict.fromkeys((torch.float32, torch.bfloat16, default))}
    networks = {"ours": pairs[torch.float32].ours, "ours_default": pairs[default].ours}
    for name, dtype in (("original", torch.float32), ("original_default", torch.bfloat16)):
        if (original := pairs[dtype].original) is not None:
            networks[name] = original
    row: dict[str, Any] = {"default": PRECISIONS[default], "limits": _limits(case)}
    outputs: dict[str, Tensor] = {}
    for name, network in networks.items():
        outputs[name], row[f"flops_{name}"] = count_flops(network)
    ways: dict[str, Callable[[], object]] = {**networks}
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        name = f"product_{PRECISIONS[dtype]}"
        ways[name], rates[name] = plain_product(CPU, dtype)
        ways[name]()
    times = side_by_side(ways, case.turns, CPU)
    row |= {name: taken.row() for name, taken in times.items()}
    row |= {f"{name}_flops_per_s": flops / times[name].cpu_s[0] for name, flops in rates.items()}
    return row | _errors(outputs) | _comparison(row, {name: taken.cpu_s[0] for name, taken in times.items()})


def _limits(case: Case) -> dict[str, float | None]:
    return {"ratio": case.fp32, "ratio_default": case.default, "ratio_faster": case.faster}


def _errors(outputs: dict[str, Tensor]) -> dict[str, float]:
    """Ours beside the original in fp32, and each default beside its own fp32 (2-norms, relative)."""
    exact = {name: tensor.float() for name, tensor in outputs.items()}

    def relative(name: str, expected: str) -> float:
        return float((exact[name] - exact[expected]).norm() / exact[expected].norm())

    errors = {"error_default": relative("ours_default", "ours")}
    if "original" in exact:
        errors["error_original_default"] = relative("original_default", "original")
        errors["largest"] = float(exact["original"].abs().max())
        errors["error"] = float((exact["ours"] - exact["original"]).abs().max())
    return errors


def _comparison(row: dict[str, Any], least: dict[str, float]) -> dict[str, float]:
    """Ratios and utilisations from the least processor seconds of every way."""
    products = {"ours": "fp32", "original": "fp32", "ours_default": row["default"], "original_default": "bf16"}
    compared = {
        f"utilisation_done_{name}": row[f"flops_{name}"] / seconds / row[f"product_{products[name]}_flops_per_s"]
        for name, seconds in least.items()
        if name in products
    }
    if "original" in least:
        faster = min(least["original"], least["original_default"])
        compared |= {
            "ratio": least["ours"] / least["original"],
            "ratio_default": least["ours_default"] / least["original_default"],
            "ratio_faster": least["ours_default"] / faster,
            "utilisation": row["flops_original"] / least["ours"] / row["product_fp32_flops_per_s"],
        }
    return compared


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
    ways = [way for way in ("original", "original_default", "ours", "ours_default") if way in row]
    times = ", ".join(f"{way} {row[way]['cpu_s'][0]:.3f} s" for way in ways)
    text = f"{name:<31} {times} of processor time; default {row['default']}, error {row['error_default']:.1e}"
    if "ratio" not in row:
        return text
    ratios = ", ".join(
        f"{kind} {row[kind]:.3f}{_verdict(row[kind], row['limits'][kind])}"
        for kind in ("ratio", "ratio_default", "ratio_faster")
    )
    return (
        f"{text} (original {row['error_original_default']:.1e})\n{'':<31} {ratios}; largest error in fp32 "
        f"{row['error']:.1e} of {row['largest']:.1e}"
    )


def _verdict(ratio: float, limit: float | None) -> str:
    return "" if limit is None else f" (at most {limit}: {'met' if ratio <= limit else 'MISSED'})"


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
    parser.add_argument("--only", nargs="*", metavar="WORDS", help="cases whose names contain one of these")
    return parser.parse_args()


def earlier(here: dict[str, Any]) -> dict[str, Any]:
    """What was saved of this processor and torch."""
    saved: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    is_same = saved and all(saved["machine"][key] == here[key] for key in ("processor", "torch"))
    return saved if is_same else {}


def measure_cases(only: list[str] | None, reference: bool, known: dict[str, Any]) -> dict[str, Any]:
    """A row of every case, in their order; of those that `only` leaves out the known ones."""
    rows: dict[str, Any] = {}
    for name, case in CASES.items():
        if only and not any(words in name for words in only):
            if name in known:
                rows[name] = known[name]
        elif name in NEEDED_BYTES and free_bytes() < NEEDED_BYTES[name]:
            print(f"{name:<31} not measured: {NEEDED_BYTES[name] / 1e9:.0f} GB of memory are not free")
            rows[name] = known.get(name, "not measured")
        else:
            rows[name] = compare_case(case, reference)
            rows[name] |= {"threads": torch.get_num_threads(), "load_average": os.getloadavg()[0]}
            print(line(name, rows[name]), flush=True)
    return rows


def composed_run(rows: dict[str, Any]) -> dict[str, Any]:
    """Processor seconds of a run of small_16k on 8 s, added up from its networks; decoding and the text are left out.

    A second run is another seed, whose features are kept. Empty where a network was not measured at both defaults.
    """
    parts = {name: rows.get(name) for name in FIRST_RUN}
    if not all(isinstance(row, dict) and "ratio_default" in row for row in parts.values()):
        return {}
    seen = ("CLIP, a picture", "Synchformer, a segment")
    sides = {}
    for side in ("ours_default", "original_default"):
        times = {name: count * rows[name][side]["cpu_s"][0] for name, count in FIRST_RUN.items()}
        sides[side] = {
            "first_s": sum(times.values()),
            "second_s": sum(s for name, s in times.items() if name not in seen),
        }
    ours, original = sides["ours_default"], sides["original_default"]
    ratios = {"ratio": ours["first_s"] / original["first_s"], "second_of_first": ours["second_s"] / ours["first_s"]}
    return {**sides, **ratios, "limits": RUN_LIMITS}


def main() -> None:
    asked = options()
    torch.set_num_threads(asked.threads)
    if asked.reference is not None:
        _mmaudio_pairs.use_reference(asked.reference)
    here = machine(asked.threads)
    before = earlier(here)
    # Of one thread apart: its processor seconds compare also while other work runs, its wall clock does not.
    kind = "cases" if asked.threads > 1 else "cases_one_thread"
    rows = measure_cases(asked.only, asked.reference is not None, before.get(kind, {}))
    run = composed_run(rows)
    if run:
        print(f"a run of small_16k on 8 s, added up from its networks: {run}")
    results: dict[str, Any] = {**before, "run_small_16k": run, "machine": {**here, "threads": 2}, kind: rows}
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

"""Golden: the metrics' formulas against av-benchmark's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deepsound.errors import InputError
from deepsound.evaluate.av_sync import GREATEST_OFFSET_S, OFFSETS, ib_scores, offsets_s
from deepsound.evaluate.frechet_distance import frechet_distance, kernel_distance
from deepsound.evaluate.kl_divergence import inception_score, kl_divergence, shuffle_order
from deepsound.evaluate.pairing import clean_name, pair

# float64 throughout: what is left is the order of sums, and the root's rounding. A singular product's root is good to
# half of the digits only.
RELATIVE = 1e-9
RANK_DEFICIENT = 1e-6
# The original computes these in float32.
FLOAT32 = 2e-6
# The golden numbers were made with five subsets of forty, in float32; the kernel's cube makes up most of the error.
SUBSETS, SUBSET_SIZE = 5, 40

Row = tuple[str, Any, Any, float]


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    inputs = {name.removeprefix("inputs/"): tensor for name, tensor in tensors.items() if name.startswith("inputs/")}
    for name, expected in golden["expected"].items():
        part = next((part for prefix, part in PARTS.items() if name.startswith(prefix)), None)
        if part is None:
            raise KeyError(f"no formula of this project computes {name!r}")
        yield from part(name, expected, inputs)
    if "outputs/sync_grid" in tensors:
        grid = np.linspace(-GREATEST_OFFSET_S, GREATEST_OFFSET_S, OFFSETS)
        yield "sync_grid", grid, tensors["outputs/sync_grid"], FLOAT32
    if "outputs/sync_abs_seconds_first" in tensors:
        yield (
            "sync_abs_seconds_first",
            offsets_s(inputs["sync_logits_first14"]),
            tensors["outputs/sync_abs_seconds_first"],
            FLOAT32,
        )


def _distance(name: str, expected: float, inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    few = "_few" if name.endswith("rank_deficient") else ""
    predicted, reference = inputs[f"emb_pred{few}"], inputs[f"emb_gt{few}"]
    sides = {"fd_swapped": (reference, predicted), "fd_same": (reference, reference)}.get(name, (predicted, reference))
    scale = float(np.trace(np.cov(reference, rowvar=False)))
    # -1 is the original's word for a root that is not real.
    got = _or_failure(lambda: frechet_distance(*sides))
    yield name, got, expected, (RANK_DEFICIENT if few else RELATIVE) * max(abs(expected), scale)


def _or_failure(distance: Callable[[], float]) -> float:
    try:
        return distance()
    except InputError:
        return -1.0


def _divergence(name: str, expected: dict[str, float], inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    sides = inputs["logits_pred"], inputs["logits_gt"]
    got = kl_divergence(*(reversed(sides) if "reversed" in name else sides))
    yield f"{name}/softmax", got.softmax, expected["kl_softmax"], FLOAT32 * expected["kl_softmax"]
    yield f"{name}/sigmoid", got.sigmoid, expected["kl_sigmoid"], FLOAT32 * expected["kl_sigmoid"]


def _inception(name: str, expected: dict[str, float] | None, inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    logits = inputs["logits_pred"]
    rows, splits = re.search(r"_n(\d+)", name), re.search(r"_(\d+)split", name)
    options: dict[str, Any] = {"shuffle": "noshuffle" not in name}
    if splits:
        options["splits"] = int(splits.group(1))
    got = inception_score(logits[: int(rows.group(1))] if rows else logits, **options)
    if expected is None or got is None:
        yield f"{name}/is left out", got is None, expected is None, 0.0
        return
    yield f"{name}/mean", got.mean, expected["inception_score_mean"], RELATIVE * expected["inception_score_mean"]
    yield f"{name}/std", got.std, expected["inception_score_std"], RELATIVE * expected["inception_score_mean"]


def _permutation(name: str, expected: list[int], inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    count = re.search(r"_n(\d+)", name)
    rows = int(count.group(1)) if count else len(inputs["logits_pred"])
    yield name, shuffle_order(rows)[: len(expected)], expected, 0.0


def _kernel(name: str, expected: dict[str, float], inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    got = kernel_distance(inputs["emb_pred"], inputs["emb_gt"], SUBSETS, SUBSET_SIZE)
    for statistic, value in (("mean", got.mean), ("std", got.std)):
        stored = expected[f"kernel_inception_distance_{statistic}"]
        yield f"{name}/{statistic}", value, stored, FLOAT32 * max(abs(stored), 1.0)


def _ib(name: str, expected: float, inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    yield name, ib_scores(inputs["ib_video"], inputs["ib_audio"]).mean(), expected, FLOAT32


def _desync(name: str, expected: float, inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    windows = np.stack([inputs["sync_logits_first14"], inputs["sync_logits_last14"]], axis=1)
    yield name, offsets_s(windows).mean(), expected, FLOAT32


def _pairing(name: str, expected: dict[str, Any], inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    paired = pair(expected["pred"], expected["gt"])
    yield f"{name}/gt", [reference for _, reference in paired.pairs.values()], expected["gt_out"], 0.0
    yield f"{name}/pred", [predicted for predicted, _ in paired.pairs.values()], expected["pred_out"], 0.0
    unpaired = sorted((*paired.only_predicted, *paired.only_reference))
    yield f"{name}/unpaired", unpaired == expected["unpaired_sorted"], True, 0.0


def _names(name: str, expected: dict[str, str], inputs: dict[str, np.ndarray]) -> Iterator[Row]:
    for given, cleaned in expected.items():
        yield f"{name}/{given}", clean_name(given) == cleaned, True, 0.0


PARTS: dict[str, Callable[[str, Any, dict[str, np.ndarray]], Iterator[Row]]] = {
    "fd": _distance,
    "kl": _divergence,
    "isc_permutation": _permutation,
    "isc": _inception,
    "kid": _kernel,
    "ib_score": _ib,
    "desync": _desync,
    "pairing": _pairing,
    "clean_names": _names,
}

"""Golden: MMAudio's Euler sampler and classifier-free guidance against the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.models.mmaudio import lengths
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance, euler, initial_noise, time_grid
from deepsound.models.synchformer.config import SYNCHFORMER
from tests.goldens.flow import Named, Row, lengths_of, load, rows
from tests.goldens.networks import group

# Stored as decimals: seven places for values, four or five for sums.
DECIMALS, SUM_DECIMALS = 1e-7, 1e-4


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    network, given, expected = load(golden, tensors), group(tensors, "inputs"), group(tensors, "outputs")
    at, batch = lengths_of(golden["config"]), given["x0"].shape[0]
    wanted = network.preprocess_conditions(at, given["clip_f"], given["sync_f"], given["text_f"], batch)
    unwanted = {
        "empty": network.preprocess_conditions(at, batch=batch),
        "negative": network.preprocess_conditions(at, text=given["negative_text_f"], batch=batch),
    }
    got: Named = {name: time_grid(tensor.numel() - 1) for name, tensor in expected.items() if name.startswith("time_")}
    for case in golden["cases"]:
        away = unwanted["negative" if case.startswith("negative") else "empty"]
        field = classifier_free_guidance(network, wanted, away, _strength(case))
        states: list[Tensor] = []
        final = euler(field, given["x0"], _steps(case, expected), lambda _, state, seen=states: seen.append(state))
        got |= {
            f"{case}.states": torch.stack(states),
            f"{case}.x1": final,
            f"{case}.x1_unnormalized": network.unnormalise(final),
        }
    yield from rows(got, expected)


def _strength(case: str) -> float:
    """Of "empty_cfg4.5", 4.5."""
    return float(case.partition("cfg")[2].partition("_")[0])


def _steps(case: str, expected: Named) -> int:
    """As many as there are stored states; else of "negative_cfg4.5_25steps", 25."""
    states = expected.get(f"{case}.states")
    return len(states) if states is not None else int(case.rpartition("_")[2].removesuffix("steps"))


def compare_lengths(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    for row in golden["rows"]:
        for name, got in _lengths_at(row["duration"]).items():
            yield f"{row['duration']}/{name}", got, row[name], 0.0


def _lengths_at(duration: float) -> dict[str, int]:
    at_16k = lengths.sequence_lengths(duration, lengths.LATENTS_16K)
    at_44k = lengths.sequence_lengths(duration, lengths.LATENTS_44K)
    return {
        "latent_16k": at_16k.latent,
        "samples_16k": lengths.LATENTS_16K.samples(at_16k.latent),
        "latent_44k": at_44k.latent,
        "samples_44k": lengths.LATENTS_44K.samples(at_44k.latent),
        "clip_len": at_44k.clip,
        "sync_len": at_44k.sync,
        "clip_frames": lengths.clip_frames(duration),
        "sync_frames": lengths.sync_frames(duration),
        "sync_features_from_frames": 8 * SYNCHFORMER.segments(lengths.sync_frames(duration)),
    }


def compare_noise(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    """Noise by seed, shape and dtype. Newer torches (seen: 2.14) draw half precision as rounded float32 draws.

    Which way this torch draws is its own affair, and asked of it; either way the values are known: the recorded ones,
    or the recorded float32 ones rounded, but for the last sixteen, which float32 draws anew, and for sums over them.
    """
    full = {(row["seed"], *row["shape"]): row for row in golden["rows"] if row["dtype"] == "float32"}
    for row in golden["rows"]:
        dtype = getattr(torch, row["dtype"])
        noise = initial_noise(tuple(row["shape"]), row["seed"], dtype, "cpu").double()
        name = f"{row['seed']}/{'x'.join(map(str, row['shape']))}/{row['dtype']}"
        expected = row
        if dtype != torch.float32 and draws_rounded(dtype):
            exact = full[(row["seed"], *row["shape"])]
            expected = {"first8": torch.tensor(exact["first8"]).to(dtype).double()}
        yield f"{name}/first8", noise.flatten()[:8], expected["first8"], DECIMALS
        for part, value, allowed in (
            ("last4", noise.flatten()[-4:], DECIMALS),
            ("sum", noise.sum(), SUM_DECIMALS),
            ("abs_sum", noise.abs().sum(), SUM_DECIMALS),
        ):
            yield f"{name}/{part}", value if part in expected else None, row[part], allowed


def draws_rounded(dtype: torch.dtype) -> bool:
    """Whether this torch draws `dtype` by rounding float32 draws of the same generator state."""
    halves, wholes = (
        torch.randn(64, generator=torch.Generator().manual_seed(1), dtype=kind) for kind in (dtype, torch.float32)
    )
    return torch.equal(halves, wholes.to(dtype))

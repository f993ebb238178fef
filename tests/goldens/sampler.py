"""MMAudio's sampler against the original: states, guidance, times; and the lengths and noise it starts from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.models.mmaudio import lengths
from deepsound.models.mmaudio.sampler import euler, guided, initial_noise, time_grid
from deepsound.models.synchformer.config import SYNCHFORMER
from tests.goldens.flow import Named, Row, lengths_of, load, rows
from tests.goldens.networks import group

# Stored as decimals: seven places for values, four or five for sums.
DECIMALS, SUM_DECIMALS = 1e-7, 1e-4


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    network, given, expected = load(golden, tensors), group(tensors, "inputs"), group(tensors, "outputs")
    at, batch = lengths_of(golden["config"]), given["x0"].shape[0]
    wanted = network.conditions(at, given["clip_f"], given["sync_f"], given["text_f"], batch)
    unwanted = {
        "empty": network.conditions(at, batch=batch),
        "negative": network.conditions(at, text=given["negative_text_f"], batch=batch),
    }
    got: Named = {name: time_grid(tensor.numel() - 1) for name, tensor in expected.items() if name.startswith("time_")}
    for case in golden["cases"]:
        away = unwanted["negative" if case.startswith("negative") else "empty"]
        field = guided(network, wanted, away, _strength(case))
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
    for row in golden["rows"]:
        noise = initial_noise(tuple(row["shape"]), row["seed"], getattr(torch, row["dtype"]), "cpu").double()
        name = f"{row['seed']}/{'x'.join(map(str, row['shape']))}/{row['dtype']}"
        yield f"{name}/first8", noise.flatten()[:8], row["first8"], DECIMALS
        yield f"{name}/last4", noise.flatten()[-4:], row["last4"], DECIMALS
        yield f"{name}/sum", noise.sum(), row["sum"], SUM_DECIMALS
        yield f"{name}/abs_sum", noise.abs().sum(), row["abs_sum"], SUM_DECIMALS

"""Golden: MMAudio's training against the original Runner."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.models.mmaudio.model import MMAudio
from deepsound.train.ema import EmaCheckpoint, PowerEma, decay, synthesise
from deepsound.train.flow_matching import (
    FlowBatch,
    FlowDraws,
    FlowMatchingSettings,
    flow_matching_loss,
    normalised_latents,
)
from deepsound.train.schedule import ScheduleSettings, learning_rate
from tests.goldens.flow import load
from tests.goldens.networks import group, tolerance

Row = tuple[str, Any, Any, float]

# float32 sums in another order: losses are means of some hundred squares; Adam's first steps divide by gradients that
# are as small as rounding, so changes are compared by their norms, against the largest one.
LOSS = 2e-5
GRADIENT_RELATIVE = 1e-4
CHANGE_RELATIVE = 1e-3
AVERAGE = 2e-6


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    settings, order = golden["settings"], golden["gradient_order"]
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    network = load(golden, tensors).float().train()
    parameters = {name: value for name, value in network.named_parameters() if value.requires_grad}
    optimiser = torch.optim.AdamW(
        parameters.values(),
        lr=settings["learning_rate"],
        betas=tuple(settings["betas"]),
        eps=settings["eps"],
        weight_decay=settings["weight_decay"],
    )
    averages = [PowerEma(sigma) for sigma in settings["ema"]["sigma_rels"]]
    checkpoints: list[EmaCheckpoint] = []
    for step, told in enumerate(golden["steps"]):
        rate = learning_rate(step, _schedule(settings))
        yield f"step{step}.learning_rate", rate, told["learning_rate"], 1e-12
        yield from _one_step(network, optimiser, step, rate, order, given, expected, settings)
        for index, average in enumerate(averages):
            average.update(network.state_dict())
            wanted = settings["ema"]["betas_per_step"][index][step]
            yield f"step{step}.decay{index}", decay(average.updates, average.gamma), wanted, 1e-9
            yield from _averages(average.averages, f"step{step}.ema{index}.", expected)
        if (step + 1) % settings["ema"]["checkpoint_every"] == 0:
            checkpoints += [EmaCheckpoint(step + 1, each.gamma, _copy(each.averages)) for each in averages]
    yield from _averages(dict(network.state_dict()), "after_last_step.", expected)
    for sigma in sorted({name.split(".")[1] for name in expected if name.startswith("synthesised_")}):
        made = synthesise(checkpoints, float(f"0.{sigma}"))
        yield from _averages(made, f"synthesised_0.{sigma}.", expected)


def _one_step(
    network: MMAudio,
    optimiser: torch.optim.Optimizer,
    step: int,
    rate: float,
    order: list[str],
    given: dict[str, Tensor],
    expected: dict[str, Tensor],
    settings: dict[str, Any],
) -> Iterator[Row]:
    batch, draws = _inputs(given, step)
    rules = FlowMatchingSettings(
        settings["min_sigma"], settings["t_mean"], settings["t_scale"], settings["null_condition_probability"]
    )
    for each in optimiser.param_groups:
        each["lr"] = rate
    latents = normalised_latents(network, batch, draws)
    items = flow_matching_loss(network, batch, draws, rules)
    optimiser.zero_grad(set_to_none=True)
    items.mean().backward()
    gradients = _published_gradients(network)
    norms = torch.stack([gradients[name].norm() for name in order])
    total = torch.nn.utils.clip_grad_norm_(network.parameters(), settings["clip_grad_norm"])
    before = _copy(network.state_dict())
    optimiser.step()
    after = network.state_dict()
    changes = torch.stack([(after[name] - before[name]).norm() for name in order])
    got = {
        "x1_normalised": (latents.detach(), 1e-5),
        "item_loss": (items.detach(), LOSS),
        "loss": (items.mean().detach()[None], LOSS),
        "gradient_norms": (norms, GRADIENT_RELATIVE * float(expected[f"step{step}.gradient_norms"].max())),
        "gradient_norm_total": (total[None], GRADIENT_RELATIVE * float(total)),
        "change_norms": (changes, CHANGE_RELATIVE * float(expected[f"step{step}.change_norms"].max())),
    }
    for name, (value, allowed) in got.items():
        yield f"step{step}.{name}", value, expected[f"step{step}.{name}"], allowed


def _inputs(given: dict[str, Tensor], step: int) -> tuple[FlowBatch, FlowDraws]:
    values = {name.split(".", 1)[1]: value for name, value in given.items() if name.startswith(f"step{step}.")}
    sounds = [values[name].float() for name in ("a_mean", "a_std", "clip_features", "sync_features", "text_features")]
    batch = FlowBatch(*sounds, values["video_exist"], values["text_exist"])
    # Stored is which rows were dropped, 1 or 0: a uniform below the probability, or one above it.
    dropped = (1.0 - values[name].float() for name in ("null_video", "null_text"))
    return batch, FlowDraws(*(values[name].float() for name in ("a_randn", "t", "x0")), *dropped)


def _averages(got: dict[str, Tensor], prefix: str, expected: dict[str, Tensor]) -> Iterator[Row]:
    for name, wanted in expected.items():
        if name.startswith(prefix):
            yield name, got[name.removeprefix(prefix)], wanted, max(AVERAGE, tolerance(wanted))


def _published_gradients(network: MMAudio) -> dict[str, Tensor]:
    """Gradients under the published parameters' names, which some of the network's own parameters hold together."""
    holder = copy.deepcopy(network)
    for own, held in zip(network.parameters(), holder.parameters(), strict=True):
        held.data = torch.zeros_like(own) if own.grad is None else own.grad.clone()
    return holder.state_dict()


def _copy(averages: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in averages.items()}


def _schedule(settings: dict[str, Any]) -> ScheduleSettings:
    return ScheduleSettings(
        settings["learning_rate"],
        settings["linear_warmup_steps"],
        settings["lr_schedule"],
        tuple(settings["lr_schedule_steps"]),
        settings["lr_schedule_gamma"],
        settings.get("iterations_of_poly", 300_000),
    )


def compare_schedule(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    for iteration, wanted in golden["learning_rate_at"].items():
        yield (
            f"learning_rate_at.{iteration}",
            learning_rate(int(iteration), _schedule(golden["settings"])),
            wanted,
            1e-18,
        )

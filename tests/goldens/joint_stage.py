"""Golden: VideoLLaMA2's joint stage against the original, and BEATs in training mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.models.beats.model import Beats, BeatsTrainingRules
from deepsound.models.beats.weights import state_dict
from deepsound.train.cot_losses import CotLossSettings, part_sums, total_loss
from deepsound.train.joint_model import JointModel
from deepsound.train.trainable import JOINT_STAGE, TrainingFlags, is_trained, optimiser_groups
from tests.goldens import beats, full_model
from tests.goldens.networks import group, tolerance

Row = tuple[str, Any, Any, float]

# float32 on a CPU in another order of summation: token losses are differences of logits of the order of 10; changes of
# Adam's first steps divide by gradients near rounding and are compared by norm, against the largest.
LOSS, LOSS_RELATIVE = 5e-6, 1e-6
GRADIENT_RELATIVE = 1e-5
CHANGE_RELATIVE = 1e-3


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    model = _model(golden, group(tensors, "weights"))
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    trained = {name: value for name, value in model.published_parameters() if value.requires_grad}
    rule = golden["optimiser"]
    decayed, plain = optimiser_groups(trained)
    optimiser = torch.optim.AdamW(
        [
            {"params": [trained[name] for name in decayed], "weight_decay": rule["weight_decay"]},
            {"params": [trained[name] for name in plain], "weight_decay": 0.0},
        ],
        lr=rule["learning_rate"],
        betas=tuple(rule["betas"]),
        eps=rule["eps"],
    )
    for number, step in enumerate(golden["steps"]):
        for each, rate in zip(optimiser.param_groups, step["learning_rates"], strict=True):
            each["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        yield from _one_step(model, golden, f"step{number}.", given, expected)
        total = torch.nn.utils.clip_grad_norm_(trained.values(), rule["max_grad_norm"])
        wanted = expected[f"step{number}.gradient_norm_total"]
        yield f"step{number}.gradient_norm_total", total[None], wanted, GRADIENT_RELATIVE * float(wanted)
        before = {name: trained[name].detach().clone() for name in golden["change_order"]}
        optimiser.step()
        changes = torch.stack([(trained[name].detach() - old).norm() for name, old in before.items()])
        wanted = expected[f"step{number}.change_norms"]
        yield f"step{number}.change_norms", changes, wanted, CHANGE_RELATIVE * float(wanted.max())
    for name, wanted in expected.items():
        if name.startswith("after_last_step/"):
            # Adam's step is at most the rate for each number: a thousandth of two steps' rates is far above rounding.
            yield name, trained[name.removeprefix("after_last_step/")].detach(), wanted, max(1e-7, tolerance(wanted))


def _one_step(
    model: JointModel, golden: dict[str, Any], prefix: str, given: dict[str, Tensor], expected: dict[str, Tensor]
) -> Iterator[Row]:
    values = {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}
    labels = values["labels"]
    rows = range(len(labels))
    frames = {row: values[f"row{row}.video"] for row in rows if f"row{row}.video" in values}
    sounds = {row: values[f"row{row}.fbank"] for row in rows if f"row{row}.fbank" in values}
    out = model(
        values["input_ids"],
        labels,
        torch.zeros_like(labels),
        values["attention_mask"],
        torch.stack(list(frames.values())) if frames else None,
        torch.tensor(list(frames)),
        torch.cat(list(sounds.values())) if sounds else None,
        torch.tensor(list(sounds)),
    )
    loss = total_loss(*part_sums(out["losses"], out["parts"]), CotLossSettings())
    loss.backward()
    by_token = torch.zeros(len(labels), out["labels"].shape[1] - 1)
    by_token[out["where"][:, 0], out["where"][:, 1]] = out["losses"].detach()
    yield f"{prefix}labels", out["labels"], expected[f"{prefix}labels"], 0.0
    yield f"{prefix}token_loss", by_token, expected[f"{prefix}token_loss"], LOSS
    yield f"{prefix}loss", loss.detach()[None], expected[f"{prefix}loss"], LOSS_RELATIVE * loss.item()
    parameters = dict(model.published_parameters())
    norms = torch.stack([parameters[name].grad.norm() for name in golden["gradient_order"]])
    wanted = expected[f"{prefix}gradient_norms"]
    yield f"{prefix}gradient_norms", norms, wanted, GRADIENT_RELATIVE * float(wanted.max())
    silent = [parameters[name].grad is None for name in golden["trainable_without_gradient"]]
    yield f"{prefix}trainable_without_gradient", silent, [True] * len(silent), 0.0


def _model(golden: dict[str, Any], weights: dict[str, Tensor]) -> JointModel:
    published = weights | {alias: weights[name] for alias, name in golden["weight_aliases"].items()}
    networks = full_model.load(golden["config"], {name: value.float() for name, value in published.items()})
    rules = BeatsTrainingRules(
        golden["config"]["audio"]["layer_wise_gradient_decay_ratio"], golden["config"]["audio"]["encoder_layerdrop"]
    )
    model = JointModel(networks.vision, networks.audio, networks.language, rules).train()
    for name, parameter in model.published_parameters():
        parameter.requires_grad_(is_trained(name, JOINT_STAGE))
    return model


def compare_audio_tower(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    weights = group(tensors, "weights")
    weights |= {alias: weights[name] for alias, name in golden["weight_aliases"].items()}
    expected = group(tensors, "outputs")
    filterbank = group(tensors, "inputs")["fbank"]
    for number, run in enumerate(golden["runs"]):
        tower = Beats(beats.config_of(golden["config"]))
        tower.load_state_dict(state_dict(weights), strict=True)
        draws = np.random.RandomState(run["numpy_seed"])
        tower.encoder.training_rules = BeatsTrainingRules(
            golden["config"]["layer_wise_gradient_decay_ratio"], run["encoder_layerdrop"], draws.random_sample
        )
        features = tower.train()(filterbank)
        yield f"run{number}.y", features.detach(), expected[f"run{number}.y"], beats.ABSOLUTE
        (features * torch.linspace(-1, 1, features.numel()).view_as(features)).sum().backward()
        parameters = dict(tower.named_parameters())
        norms = [parameters[name].grad for name in golden["gradient_order"]]
        got = torch.stack([torch.zeros(()) if grad is None else grad.norm() for grad in norms])
        wanted = expected[f"run{number}.gradient_norms"]
        yield f"run{number}.gradient_norms", got, wanted, GRADIENT_RELATIVE * float(wanted.max())


def compare_trainable(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    for case in golden["cases"]:
        flags = _flags(case["flags"])
        names = [*case["trainable"], *case["frozen"]]
        trained = [is_trained(name, flags) for name in names]
        yield f"{case['name']}.trainable", trained, [name in case["trainable"] for name in names], 0.0
        yield f"{case['name']}.plain_stage", flags.drops_questions, case["plain_stage"], 0.0
        groups = optimiser_groups(case["trainable"])
        for place, wanted in enumerate(case["optimiser_groups"]):
            yield f"{case['name']}.group{place}", groups[place] == wanted["names"], True, 0.0


def _flags(arguments: list[str]) -> TrainingFlags:
    known = {name: True for name in TrainingFlags.__dataclass_fields__ if f"--{name}" in arguments}
    return TrainingFlags(**{**known, "audio_tower": "--audio_tower" in arguments})

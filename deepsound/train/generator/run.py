"""A training run of MMAudio: clips in, a LoRA or weights out, with held-out loss and EMA.

Objective, optimiser and condition dropout as published (hkchengrex/MMAudio, `runner.py`); the rate stays constant
behind the warm-up, as suits the few thousand steps of a fine-tune.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.errors import EngineError, InputError
from deepsound.generate.mmaudio import checkpoint as build
from deepsound.generate.mmaudio.components import MMAudioComponents, locate_weights
from deepsound.media.files import atomic_write
from deepsound.models.mmaudio.model import MMAudio
from deepsound.runtime.execution import Execution
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.train.checkpoint_file import append_log, note_changes, read_checkpoint, write_checkpoint, write_tensors
from deepsound.train.ema import PowerEma
from deepsound.train.flow_matching import FlowBatch, draw, flow_matching_loss
from deepsound.train.flow_matching import FlowMatchingSettings as Rules
from deepsound.train.generator.features import FlowItem, batch_of, captions_of, extract_features
from deepsound.train.generator.lora_layers import add_lora, lora_updates
from deepsound.train.generator.overfitting import held_out_losses, over_fitting
from deepsound.train.labelling import clips_in
from deepsound.train.run_folder import sole_run
from deepsound.train.schedule import ScheduleSettings, learning_rate
from deepsound.train.seeds import check_seed
from deepsound.weights.load import read_tensors
from deepsound.weights.lora import LoraFile, merge

CHECKPOINT = "checkpoint.pt"
LOG = "train_log.jsonl"
LORA, WEIGHTS = "lora.safetensors", "weights.safetensors"


@dataclass(frozen=True)
class GeneratorRecipe:
    """How MMAudio is trained; `rank` 0 trains all of its weights. Raises InputError for numbers that make no sense."""

    steps: int = 2000
    batch: int = 8
    learning_rate: float = 1e-4
    warm_up: int = 100
    rank: int = 32
    alpha: float = 32.0
    ema: float = 0.05
    drop_probability: float = 0.1
    held_out: float = 0.1
    seconds: float = 8.0
    seed: int = 14159265
    save_every: int = 200
    validate_every: int = 200

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.save_every, self.validate_every) < 1 or min(self.rank, self.warm_up) < 0:
            raise InputError("expected 1 or more steps and items, and a LoRA rank of 0 or more; correct them.")
        if not 0 < self.learning_rate < 1 or not 0 < self.ema < 0.29 or not 0 <= self.held_out < 1:
            raise InputError(
                f"expected a learning rate below 1, a relative EMA width below 0.29 and a share held out below 1, got "
                f"{self.learning_rate}, {self.ema} and {self.held_out}; correct them."
            )
        if not self.seconds >= 0.64:
            raise InputError(f"expected 0.64 s or more of each clip, got {self.seconds}; correct it.")
        if not 0 <= self.drop_probability <= 1 or not math.isfinite(self.alpha):
            raise InputError(
                f"expected a probability from 0 to 1 and a finite alpha, got {self.drop_probability} and {self.alpha}; "
                "correct them."
            )
        check_seed(self.seed)


@dataclass(frozen=True)
class GeneratorJob:
    """Which variant (such as small_44k) is trained on which clips; `prompt` is for those without a caption."""

    variant: str
    clips: Path
    out: Path
    recipe: GeneratorRecipe
    prompt: str = ""
    execution: Execution = Execution()
    merged: bool = False


class FlowTraining:
    """A run in a folder: network, average of what learns, optimiser and log."""

    def __init__(
        self, network: MMAudio, recipe: GeneratorRecipe, items: Sequence[FlowItem], out: Path, base: str = ""
    ) -> None:
        self.network, self.recipe, self.out, self.base, self.step = network, recipe, out, base, 0
        self.device = next(network.parameters()).device
        self.half = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        ordered = [items[number] for number in np.random.default_rng([recipe.seed, 3]).permutation(len(items))]
        held = min(round(recipe.held_out * len(items)), len(items) - 1)
        self.held_out, self.train = ordered[:held], ordered[held:]
        if recipe.rank:
            add_lora(network, recipe.rank, recipe.alpha, recipe.seed)
        else:
            for parameter in network.parameters():
                parameter.data = parameter.data.clone()
                parameter.requires_grad_(True)
        network.train()
        self.trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
        self.optimiser = torch.optim.AdamW(
            self.trained.values(),
            lr=recipe.learning_rate,
            betas=(0.9, 0.95),
            eps=1e-6 if self.half else 1e-8,
            weight_decay=1e-6,
        )
        self.average = PowerEma(recipe.ema)
        self.schedule = ScheduleSettings(recipe.learning_rate, min(recipe.warm_up, recipe.steps // 2), "constant")
        self.rules = Rules(drop_probability=recipe.drop_probability)

    def run(self, progress: Progress) -> None:
        """Train to the end. Raises EngineError at a loss that is no number, naming the clips."""
        with interruptible(self.network, progress.check):
            self._run(progress)

    def _run(self, progress: Progress) -> None:
        while self.step < self.recipe.steps:
            progress.update(self.step / self.recipe.steps)
            loss = self.learn()
            numbers = {"loss": loss}
            last = self.step == self.recipe.steps
            if last or self.step % self.recipe.save_every == 0:
                self.save()
            if self.held_out and (last or self.step % self.recipe.validate_every == 0):
                numbers["held_out_loss"] = self.validate()
            if last or self.step % 20 == 0 or len(numbers) > 1:
                self._log(numbers, progress)

    def learn(self) -> float:
        """One optimiser step: its loss. What is drawn depends on seed and step alone."""
        chosen = self._batch(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.schedule)
        loss = self._loss(batch_of(chosen, self.device), self.recipe.seed + self.step).mean()
        if not bool(torch.isfinite(loss)):
            raise self._diverged("a loss", chosen)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        # Before the step: what is no number would go into the weights, their average and the next checkpoint.
        if not bool(torch.isfinite(torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0))):
            raise self._diverged("a gradient", chosen)
        self.optimiser.step()
        self.average.update(self.trained)
        self.step += 1
        return float(loss.detach())

    def _diverged(self, what: str, chosen: Sequence[FlowItem]) -> EngineError:
        names = ", ".join(dict.fromkeys(item.path.name for item in chosen))
        kept = self.out / CHECKPOINT
        return EngineError(
            f"Training stopped at step {self.step + 1}: expected a number, got {what} that is none, on {names}; "
            f"{f'{kept} is the last good checkpoint' if is_file(kept) else 'there is no checkpoint yet'}. Take a "
            "smaller learning rate."
        )

    def validate(self) -> float:
        """The mean loss of the averaged weights on held-out clips, with the same draws every time."""
        current = {name: value.detach().clone() for name, value in self.trained.items()}
        self.put(self.average.averages)
        size = self.recipe.batch
        losses = [
            # With gradients, as in training: without them a CPU computes by kernels that keep derived weights.
            self._loss(batch_of(self.held_out[first : first + size], self.device), first).detach()
            for first in range(0, len(self.held_out), size)
        ]
        self.put(current)
        return float(torch.cat(losses).mean())

    @torch.no_grad()
    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """Give the trained parameters these values."""
        for name, value in self.trained.items():
            value.copy_(tensors[name])

    def save(self) -> None:
        """Write the checkpoint aside, then in place of the last one. Raises OutputError where the disk is full."""
        state = {
            "trained": {name: value.detach() for name, value in self.trained.items()},
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict(),
            "step": self.step,
            "recipe": self._stated,
        }
        write_checkpoint(state, self.out / CHECKPOINT)

    def resume(self, progress: Progress = Progress()) -> bool:
        """Go on from the folder's checkpoint, if there is one. Raises EngineError for another recipe's."""
        if not is_file(self.out / CHECKPOINT):
            return False
        held = read_checkpoint(self.out / CHECKPOINT, self.device, self.trained)
        self.put(held["trained"])
        self.optimiser.load_state_dict(held["optimiser"])
        self.average.load_state_dict(held["average"])
        self.step = held["step"]
        progress.note(f"goes on from step {self.step}")
        note_changes(held, self._stated, progress)
        return True

    @property
    def _stated(self) -> dict[str, Any]:
        """What the run is made of, for the checkpoint; clips by name, since features may be extracted anew."""
        names = ", ".join(sorted(item.path.name for item in (*self.train, *self.held_out)))
        return {**asdict(self.recipe), "base": self.base, "clips": names}

    def _batch(self, step: int) -> list[FlowItem]:
        """The items of a step: each pass over the clips has an order of its own; a small set repeats within a step."""
        count, size = len(self.train), self.recipe.batch
        found = []
        for place in range(step * size, (step + 1) * size):
            order = np.random.default_rng([self.recipe.seed, 5, place // count]).permutation(count)
            found.append(self.train[order[place % count]])
        return found

    def _loss(self, batch: FlowBatch, seed: int) -> Tensor:
        draws = draw(batch, torch.Generator(self.device).manual_seed(seed), self.rules)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return flow_matching_loss(self.network, batch, draws, self.rules).float()

    def _log(self, numbers: Mapping[str, float], progress: Progress) -> None:
        line = {"step": self.step, **{name: round(number, 6) for name, number in numbers.items()}}
        append_log(self.out / LOG, line)
        progress.say(", ".join(f"{name} {number:g}" for name, number in line.items()))


def train_generator(job: GeneratorJob, progress: Progress) -> dict[str, Any]:
    """Extract features, train or go on, and write the LoRA (or weights) and the report, with `over_fitting` if seen.

    Raises InputError for a folder without clips that can be used, EngineError for weights that are missing or wrong,
    OutputError where another run is at work in the folder or the disk is full.
    """
    with sole_run(job.out):
        return _train(job, progress)


def _train(job: GeneratorJob, progress: Progress) -> dict[str, Any]:
    components = MMAudioComponents(job.variant, job.execution, progress)
    clips = clips_in(job.clips)
    captions = captions_of(job.clips, clips, job.prompt)
    items, problems = extract_features(
        components, captions, job.recipe.seconds, job.out / "features", progress.at("features")
    )
    for problem in problems:
        progress.note(f"left out: {problem}")
    if not items:
        raise InputError(f"expected clips to train on, got none that can be used; the first: {problems[0]}")
    base = locate_weights(job.variant, job.execution)[1]["flow"]
    network = build.flow_network(base, torch.float32).to(components.device)
    training = FlowTraining(network, job.recipe, items, job.out, base.name)
    training.resume(progress)
    if not training.held_out:
        progress.note("No clip is held out: over-fitting will not be seen. Add clips, or raise --held_out.")
    training.run(progress.at("train"))
    file = save_result(training, base, job)
    warning = over_fitting(held_out_losses(job.out / LOG), training.step) if training.held_out else ""
    report = {
        VERSION_KEY: SCHEMAS["generator_training"].version,
        "variant": job.variant,
        "file": str(file),
        "steps": training.step,
        "clips": len(training.train),
        "held_out_clips": [item.path.name for item in training.held_out],
        "left_out": [str(problem) for problem in problems],
        "recipe": asdict(job.recipe),
        "over_fitting": warning,
    }
    with atomic_write(job.out / "training.json") as partial:
        partial.write_bytes(json_bytes(report))
    return report


def save_result(training: FlowTraining, base: Path, job: GeneratorJob) -> Path:
    """Write the averaged weights: the LoRA, and merged into the base where that is asked for, or all weights.

    Raises OutputError where the disk is full.
    """
    training.put(training.average.averages)
    if not job.recipe.rank:
        state = training.network.state_dict()
        write_tensors({name: value.cpu().contiguous() for name, value in state.items()}, job.out / WEIGHTS)
        return job.out / WEIGHTS
    updates = lora_updates(training.network, dict(training.trained))
    tensors = {}
    for name, update in updates.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        # Two published maps may share a matrix, which a file of safetensors does not.
        tensors[f"{module}.lora_A.weight"] = update.down.clone()
        tensors[f"{module}.lora_B.weight"] = update.up.clone()
    stated = {"r": str(job.recipe.rank), "lora_alpha": str(job.recipe.alpha), "base_model_name_or_path": job.variant}
    write_tensors(tensors, job.out / LORA, {"format": "pt", **stated})
    if job.merged:
        merged = merge(read_tensors(base), LoraFile(job.out / LORA, updates))
        write_tensors({name: value.clone().contiguous() for name, value in merged.items()}, job.out / WEIGHTS)
    return job.out / LORA

"""Training loop of the embedded separator: `python -m deepsound.train.separator`.

Speech comes from scripts/render_speech.py; backgrounds are rendered into the work folder as they are first needed.
A run that was stopped goes on where its last checkpoint was. `--check` trains a few steps of a smaller network on
made-up voices and fails unless the loss falls; it needs no files.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from deepsound.errors import DeepSoundError
from deepsound.media.files import atomic_write
from deepsound.models.roformer.config import BS_ROFORMER_TINY, BSRoformerConfig
from deepsound.models.roformer.layers import Transformer
from deepsound.models.roformer.model import BSRoformer
from deepsound.runtime.paths import exists
from deepsound.train.backgrounds import SAMPLE_RATE
from deepsound.train.losses import separation_loss, si_sdr
from deepsound.train.mixing import BackgroundLibrary, Examples
from deepsound.train.voices import SpokenVoices, SyntheticVoices


@dataclass(frozen=True)
class TrainingRecipe:
    """How the embedded separator is trained; lengths in seconds."""

    network: BSRoformerConfig = BS_ROFORMER_TINY
    steps: int = 3000
    batch: int = 3
    example_s: float = 4.0
    pieces: int = 320
    piece_s: float = 15.0
    learning_rate: float = 2e-3
    warm_up: int = 150
    averaging: float = 0.998
    seed: int = 20250322
    save_every: int = 100
    validate_every: int = 500
    validation_batches: int = 12
    bfloat16: bool = True
    compiled: bool = False


CHECK = TrainingRecipe(
    network=replace(BS_ROFORMER_TINY, dim=16, depth=1, dim_head=8),
    steps=12,
    batch=2,
    example_s=1.0,
    pieces=3,
    piece_s=3.0,
    learning_rate=3e-3,
    warm_up=2,
    save_every=6,
    validate_every=12,
    validation_batches=1,
    bfloat16=False,
)


class Training:
    """A run in a folder: its network, the running average of its weights, its optimisers and its log."""

    def __init__(self, recipe: TrainingRecipe, voices: SpokenVoices | SyntheticVoices, work: Path) -> None:
        self.recipe, self.work, self.step = recipe, work, 0
        torch.manual_seed(recipe.seed)
        self.network = BSRoformer(recipe.network)
        self.average = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        self.optimisers = optimisers(self.network)
        samples = round(recipe.example_s * SAMPLE_RATE)
        library = BackgroundLibrary(work / "backgrounds", recipe.pieces, recipe.piece_s, recipe.seed)
        self.examples = Examples(voices, library, samples, recipe.seed)
        # The same voices over other backgrounds: held-out voices choose nothing here.
        other = BackgroundLibrary(work / "validation", max(recipe.pieces // 12, 2), recipe.piece_s, recipe.seed + 1)
        self.validation = Examples(voices, other, samples, recipe.seed + 1)
        if recipe.compiled:
            for module in self.network.modules():
                if isinstance(module, Transformer):
                    module.compile(dynamic=False)

    def run(self) -> Iterator[float]:
        """Train to the end, yielding each step's loss."""
        began = time.monotonic()
        while self.step < self.recipe.steps:
            loss = self.learn()
            if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
                self.save()
            if self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps:
                self.log(loss=loss, seconds=time.monotonic() - began, **self.validate())
            elif self.step % 20 == 0:
                self.log(loss=loss, seconds=time.monotonic() - began)
            yield loss

    def learn(self) -> float:
        """One step: its loss."""
        mix, target = map(torch.from_numpy, self.examples.batch(self.step, self.recipe.batch))
        for group in (group for optimiser in self.optimisers for group in optimiser.param_groups):
            group["lr"] = self.recipe.learning_rate * self._schedule()
        self.network.train()
        # The fused attention's way back is slow in bfloat16 on a CPU.
        with sdpa_kernel(SDPBackend.MATH):
            loss = separation_loss(self.estimate(mix), target, mix)
            self.network.zero_grad()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    def estimate(self, mix: Tensor) -> Tensor:
        """The voice in `mix` [B, 1, samples]."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.recipe.bfloat16):
            return self.network(mix)[:, 0]

    def _schedule(self) -> float:
        warmed = min((self.step + 1) / self.recipe.warm_up, 1.0)
        return warmed * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps)))

    def _average(self) -> None:
        keep = min(self.recipe.averaging, self.step / (self.step + 10))
        for name, tensor in self.network.state_dict().items():
            self.average[name].lerp_(tensor, 1 - keep)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean improvement of the background's SI-SDR in dB, and the loss, of the averaged weights."""
        current = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        gains, losses = [], []
        for index in range(self.recipe.validation_batches):
            mix, target = map(torch.from_numpy, self.validation.batch(index, 2))
            voice = self.estimate(mix)
            losses.append(float(separation_loss(voice, target, mix)))
            both = (target.square().sum((1, 2)) > 0) & ((mix - target).square().sum((1, 2)) > 1e-6)
            gain = si_sdr(mix - voice, mix - target) - si_sdr(mix, mix - target)
            gains += gain[both].flatten().tolist()
        self.network.load_state_dict(current)
        return {"validation_loss": sum(losses) / len(losses), "si_sdri_db": sum(gains) / max(len(gains), 1)}

    def log(self, **numbers: float) -> None:
        line = {"step": self.step, **{name: round(number, 4) for name, number in numbers.items()}}
        print(json.dumps(line), flush=True)
        with (self.work / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Write the checkpoint aside, then in place of the last one."""
        target = self.work / "checkpoint.pt"
        aside = target.with_suffix(".part")
        torch.save(
            {
                "network": self.network.state_dict(),
                "average": self.average,
                "step": self.step,
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            },
            aside,
        )
        aside.replace(target)

    def resume(self) -> None:
        """Go on from the folder's checkpoint, if there is one."""
        source = self.work / "checkpoint.pt"
        if exists(source):
            held = torch.load(source, weights_only=True)
            self.network.load_state_dict(held["network"])
            for optimiser, state in zip(self.optimisers, held["optimisers"], strict=True):
                optimiser.load_state_dict(state)
            self.average, self.step = held["average"], held["step"]


def optimisers(network: BSRoformer) -> list[torch.optim.Optimizer]:
    """Muon (arXiv 2502.16982) for the transformers' matrices, AdamW for the rest; AdamW alone before torch 2.9."""
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    matrices = [name for name, parameter in trained.items() if name.startswith("layers.") and parameter.dim() == 2]
    made: list[torch.optim.Optimizer] = []
    if hasattr(torch.optim, "Muon"):
        made.append(
            torch.optim.Muon(
                [trained.pop(name) for name in matrices], weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
            )
        )
    return [*made, torch.optim.AdamW(trained.values(), betas=(0.9, 0.99), weight_decay=0.01)]


def export(checkpoint: Path, target: Path) -> None:
    """Write the averaged weights of a checkpoint as the file that ships: half precision, rotary frequencies whole."""
    from safetensors.torch import save_file

    average = torch.load(checkpoint, weights_only=True)["average"]
    tensors = {name: tensor.clone() if name.endswith("freqs") else tensor.half() for name, tensor in average.items()}
    with atomic_write(target) as aside:
        save_file(tensors, aside)


def check() -> int:
    """A few steps on made-up voices: 0 if the loss on the same examples is lower afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        training = Training(CHECK, SyntheticVoices(), Path(folder))
        before = training.validate()["validation_loss"]
        for _ in training.run():
            pass
        after = training.validate()["validation_loss"]
    print(f"loss before {before:.3f}, after {CHECK.steps} steps {after:.3f}")
    return 0 if after < before else 1


def main(arguments: list[str] | None = None) -> int:
    """Train, continue or export the embedded separator, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deepsound.train.separator", description=__doc__)
    parser.add_argument("--speech", type=Path, help="what scripts/render_speech.py rendered")
    parser.add_argument("--work", type=Path, help="folder for backgrounds, checkpoint and log")
    parser.add_argument("--steps", type=int, default=TrainingRecipe.steps)
    parser.add_argument("--compile", action="store_true", help="faster; needs a C++ compiler")
    parser.add_argument("--export", type=Path, help="write the trained weights of the work folder to this file")
    parser.add_argument("--check", action="store_true", help="train a few steps on made-up voices")
    options = parser.parse_args(arguments)
    if options.check:
        return check()
    if options.export and options.work:
        export(options.work / "checkpoint.pt", options.export)
        return 0
    if not options.speech or not options.work:
        parser.error("--speech and --work are needed")
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    try:
        training = Training(
            replace(TrainingRecipe(), steps=options.steps, compiled=options.compile),
            SpokenVoices(options.speech / "train"),
            options.work,
        )
    except DeepSoundError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    training.resume()
    for _ in training.run():
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())

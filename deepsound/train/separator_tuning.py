"""Training of a separator on a user's sounds: whole or LoRA, on accelerate."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from deepsound.errors import EngineError, InputError
from deepsound.media.files import atomic_write, require_writable
from deepsound.models.roformer.weights import network as build_network
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.separate import checkpoint_settings
from deepsound.separate.checkpoints import Separation, fit_to_checkpoint, load, separation
from deepsound.train.backgrounds import SAMPLE_RATE
from deepsound.train.checkpoint_file import append_log, note_changes, read_checkpoint, write_checkpoint, write_tensors
from deepsound.train.losses import paper_loss, separation_loss, si_sdr
from deepsound.train.mixing import Examples
from deepsound.train.sample_sources import SoundSources
from deepsound.train.seeds import check_seed
from deepsound.train.user_sounds import SoundFolder

Loss = Literal["own", "paper"]
LORA_TARGETS = r"layers\..*\.(?:to_qkv|to_out\.0|net\.1|net\.4)"
CHECKPOINT = "checkpoint.pt"
RESULT = "separator.safetensors"
_LONGEST_S = 600.0


@dataclass(frozen=True)
class SeparatorRecipe:
    """How a separator is trained; lengths in seconds. `batch` is per step, over all processes.

    Raises InputError for numbers that make no sense.
    """

    loss: Loss = "own"
    steps: int = 2000
    batch: int = 4
    example_s: float = 4.0
    learning_rate: float = 1e-4
    warm_up: int = 100
    averaging: float = 0.998
    lora_rank: int = 0
    precision: Literal["bf16", "fp32"] = "fp32"
    seed: int = 42
    save_every: int = 100
    validate_every: int = 500
    validation_batches: int = 8

    def __post_init__(self) -> None:
        if self.loss not in ("own", "paper"):
            raise InputError(f"expected a loss of own or paper, got {self.loss!r}; choose one of them.")
        if min(self.steps, self.batch, self.save_every, self.validate_every) < 1 or self.lora_rank < 0:
            raise InputError("expected 1 or more steps and items, and a LoRA rank of 0 or more; correct them.")
        if not 0 < self.learning_rate < 1 or not 0.5 <= self.example_s <= _LONGEST_S:
            raise InputError(
                f"expected a learning rate below 1 and examples of 0.5 to {_LONGEST_S:g} s, got {self.learning_rate} "
                f"and {self.example_s}; correct them."
            )
        check_seed(self.seed)


class SeparatorTuning:
    """A run in a folder: network, average of its weights, optimiser and log. Mono examples fill every channel.

    `start` is the file it begins with, of the separator `name`; None begins with weights of its own.
    """

    def __init__(
        self, name: str, start: Path | None, recipe: SeparatorRecipe, sources: SoundSources, out: Path
    ) -> None:
        require_writable(out)
        accelerate = _accelerate()
        self.recipe, self.start, self.out, self.step = recipe, start, out, 0
        self.accelerator = accelerate.Accelerator(mixed_precision="bf16" if recipe.precision == "bf16" else "no")
        torch.manual_seed(recipe.seed)
        self.known: Separation = separation(name) if start is None else fit_to_checkpoint(separation(name), start)
        if self.known.sample_rate != SAMPLE_RATE:
            raise InputError(
                f"expected a separator at {SAMPLE_RATE} Hz, got {name} at {self.known.sample_rate}; choose another."
            )
        network: nn.Module = build_network(self.known.network) if start is None else _writable(self.known, start)
        if recipe.lora_rank:
            _add_lora(network, recipe.lora_rank)
        trained = [value for value in network.parameters() if value.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=0.01)
        self.network, self.optimiser = self.accelerator.prepare(network, optimiser)
        self.average = {name: value.detach().clone() for name, value in self._trained().items()}
        samples = round(recipe.example_s * SAMPLE_RATE)
        self.examples = Examples(*sources.train, samples, recipe.seed)
        self.validation = Examples(*sources.held_out, samples, recipe.seed + 1)

    def run(self, progress: Progress) -> Iterator[float]:
        """Train to the end, yielding each step's loss. Raises EngineError at a loss that is no number."""
        while self.step < self.recipe.steps:
            progress.update(self.step / self.recipe.steps)
            with interruptible(self.network, progress.check):
                loss = self.learn()
            if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
                self.save()
            if self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps:
                self._log(progress, loss=loss, **self.validate())
            elif self.step % 20 == 0:
                self._log(progress, loss=loss)
            yield loss

    def learn(self) -> float:
        """One optimiser step: its loss, of this process's share of the batch."""
        processes = self.accelerator.num_processes
        if self.recipe.batch % processes:
            raise InputError(
                f"expected a batch that {processes} processes can share, got {self.recipe.batch}; change it."
            )
        share = self.recipe.batch // processes
        for folder in self._folders():
            folder.recent.clear()
        mix, target = self._examples(self.examples, self.step, self.accelerator.process_index * share, share)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * self._schedule()
        self.network.train()
        with sdpa_kernel(SDPBackend.MATH) if mix.device.type == "cpu" else torch.enable_grad():
            loss = self.loss(mix, target)
            if not bool(torch.isfinite(loss)):
                raise self._diverged("a loss")
            self.optimiser.zero_grad()
            self.accelerator.backward(loss)
        # Before the step: what is no number would go into the weights, their average and the next checkpoint.
        norm = self.accelerator.clip_grad_norm_(self.network.parameters(), 1.0)
        if not bool(torch.isfinite(torch.as_tensor(norm))):
            raise self._diverged("a gradient")
        self.optimiser.step()
        self.step += 1
        keep = min(self.recipe.averaging, self.step / (self.step + 10))
        for name, value in self._trained().items():
            self.average[name].lerp_(value.detach(), 1 - keep)
        return float(loss.detach())

    def _folders(self) -> list[SoundFolder]:
        """The folders that examples are drawn from, where they are a user's own."""
        sources = (self.examples.voices, self.examples.backgrounds)
        return [folder for each in sources if isinstance(folder := getattr(each, "sounds", None), SoundFolder)]

    def _diverged(self, what: str) -> EngineError:
        kept = self.out / CHECKPOINT
        drawn = sorted({path.name for folder in self._folders() for path in folder.recent})
        return EngineError(
            f"Training stopped at step {self.step + 1}: expected a number, got {what} that is none"
            f"{', on mixes of ' + ', '.join(drawn) if drawn else ''}; "
            f"{f'{kept} is the last good checkpoint' if is_file(kept) else 'there is no checkpoint yet'}. Take a "
            "smaller learning rate or --precision fp32."
        )

    def loss(self, mix: Tensor, target: Tensor) -> Tensor:
        """The recipe's loss of the network's voice in `mix`, both [B, channels, samples]."""
        voice = self.estimate(mix)
        if self.recipe.loss == "paper":
            return paper_loss(voice, target)[0]
        # The own loss is of mono examples: each channel is one.
        return separation_loss(*(part.flatten(0, 1).unsqueeze(1) for part in (voice, target, mix)))

    def estimate(self, mix: Tensor) -> Tensor:
        """The voice in `mix` [B, channels, samples], float32."""
        with self.accelerator.autocast():
            stems = self.network(mix)
        return stems[:, self.known.voice_stem].float()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """SI-SDR improvement of background and voice in dB and the loss, of the averaged weights on held-out sounds."""
        current = {name: value.detach().clone() for name, value in self._trained().items()}
        self._put(self.average)
        self.network.eval()
        gains, losses = [], []
        for index in range(self.recipe.validation_batches):
            mix, target = self._examples(self.validation, index, 0, 2)
            voice = self.estimate(mix)
            losses.append(float(self.loss(mix, target)))
            both = (target.square().sum((1, 2)) > 0) & ((mix - target).square().sum((1, 2)) > 1e-6)
            gain = si_sdr(mix - voice, mix - target) - si_sdr(mix, mix - target)
            gains += gain[both].flatten().tolist()
        self._put(current)
        return {"validation_loss": sum(losses) / len(losses), "si_sdri_db": sum(gains) / max(len(gains), 1)}

    def save(self) -> None:
        """Write the checkpoint aside, then in place of the last one; by the first process alone."""
        if self.accelerator.is_main_process:
            state = {
                "trained": {name: value.detach().cpu() for name, value in self._trained().items()},
                "average": {name: value.cpu() for name, value in self.average.items()},
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "recipe": self._stated,
            }
            write_checkpoint(state, self.out / CHECKPOINT)
        self.accelerator.wait_for_everyone()

    def resume(self, progress: Progress = Progress()) -> bool:
        """Go on from the folder's checkpoint, if there is one. Raises EngineError for another recipe's."""
        if not is_file(self.out / CHECKPOINT):
            return False
        held = read_checkpoint(self.out / CHECKPOINT, self.accelerator.device, self.average)
        self._put(held["trained"])
        self.optimiser.load_state_dict(held["optimiser"])
        self.average, self.step = held["average"], held["step"]
        progress.note(f"goes on from step {self.step}")
        note_changes(held, self._stated, progress)
        return True

    @property
    def _stated(self) -> dict[str, Any]:
        """What the run is made of, for the checkpoint."""
        return {**asdict(self.recipe), "start": "" if self.start is None else self.start.name}

    def export(self) -> Path:
        """Write the averaged weights, LoRA merged, as a file that the separator takes by --weights.

        By the first process alone; the others wait for it. Raises OutputError where the disk is full.
        """
        network = self.accelerator.unwrap_model(self.network)
        self._put(self.average)
        tensors = merged_state(network, self.recipe.lora_rank)
        target = self.out / RESULT
        if self.accelerator.is_main_process:
            write_tensors({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, target)
            self._copy_settings(target)
        self.accelerator.wait_for_everyone()
        return target

    def _copy_settings(self, target: Path) -> None:
        """Settings beside the start say what its tensors do not show; they go along."""
        beside = None if self.start is None else checkpoint_settings.beside(self.start)
        if beside is not None:
            with atomic_write(target.with_suffix(beside.suffix)) as partial:
                shutil.copyfile(beside, partial)

    def _examples(self, examples: Examples, step: int, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Mixes and voices [count, channels, samples]: of a step's batch those from the `first` on."""
        channels = self.known.network.channels
        drawn = [torch.from_numpy(part) for part in examples.batch(step, first + count)]
        mix, voice = (part[first:].expand(-1, channels, -1).to(self.accelerator.device) for part in drawn)
        return mix, voice

    def _schedule(self) -> float:
        warmed = min((self.step + 1) / max(self.recipe.warm_up, 1), 1.0)
        return warmed * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps)))

    def _trained(self) -> dict[str, nn.Parameter]:
        network = self.accelerator.unwrap_model(self.network)
        return {name: value for name, value in network.named_parameters() if value.requires_grad}

    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in self._trained().items():
            value.copy_(tensors[name])

    def _log(self, progress: Progress, **numbers: float) -> None:
        if self.accelerator.is_main_process:
            line = {"step": self.step, **{name: round(number, 5) for name, number in numbers.items()}}
            append_log(self.out / "train_log.jsonl", line)
            progress.say(", ".join(f"{name} {number:g}" for name, number in line.items()))


def merged_state(network: nn.Module, lora_rank: int) -> dict[str, Tensor]:
    """The network's tensors under their published names, LoRA merged."""
    if not lora_rank:
        return dict(network.state_dict())
    for module in network.modules():
        if hasattr(module, "lora_A") and hasattr(module, "merge"):
            cast(Any, module).merge()
    return {
        name.replace(".base_layer.", "."): value for name, value in network.state_dict().items() if ".lora_" not in name
    }


def _writable(known: Separation, file: Path) -> nn.Module:
    """The network in `file`, float32, with tensors of its own; rotary frequencies do not learn, as in the original."""
    network = load(known.network, file, torch.float32)
    for name, parameter in network.named_parameters():
        parameter.data = parameter.data.clone()
        parameter.requires_grad_(not name.endswith("freqs"))
    return network


def _add_lora(network: nn.Module, rank: int) -> None:
    try:
        import peft
    except ImportError as error:
        raise missing_package(f"LoRA needs peft, which cannot be imported here ({error})", "peft") from error
    network.requires_grad_(False)
    config: Any = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LORA_TARGETS, bias="none")
    peft.inject_adapter_in_model(config, network)


def _accelerate() -> Any:
    try:
        import accelerate
    except ImportError as error:
        raise missing_package(
            f"Training needs accelerate, which cannot be imported here ({error})", "accelerate"
        ) from error
    return accelerate

"""transformers' Trainer with the reasoner's loss, normalised over the global batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from deepsound.errors import EngineError, InputError
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import is_file
from deepsound.train.answer_parts import PARTS
from deepsound.train.cot_losses import CotLossSettings, part_sums, total_loss
from deepsound.train.joint_model import JointModel, published_name
from deepsound.train.trainable import is_decayed

# Written into a checkpoint last: one without it was cut off while it was written.
_COMPLETE = "complete"


def require_trainer() -> Any:
    """transformers, with accelerate beside it. Raises MissingPackage where one is missing."""
    try:
        import accelerate  # noqa: F401
        import transformers
    except ImportError as error:
        raise missing_package(
            f"Training the reasoner needs transformers and accelerate, which cannot be imported here ({error})",
            "transformers>=4.50",
            "accelerate>=1.1",
        ) from error
    return transformers


def training_arguments(transformers: Any, **named: Any) -> Any:
    """transformers' TrainingArguments. Raises InputError for what they refuse, MissingPackage without DeepSpeed."""
    try:
        return transformers.TrainingArguments(**named)
    except ImportError as error:
        raise missing_package(
            f"This training needs a package that cannot be imported here ({error})", "deepspeed"
        ) from error
    except (ValueError, TypeError, OSError) as error:
        raise InputError(
            f"expected options that transformers' Trainer takes, got {str(error).strip()[:300]!r}; correct --fsdp or "
            "--deepspeed."
        ) from error


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; None without one."""
    found = [path for path in folder.glob("checkpoint-*") if is_file(path / _COMPLETE)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


@dataclass
class TrainerHooks:
    """What a run adds to the Trainer: its loss, and what is called on the way.

    `evaluate` gives the metrics of an evaluation; `check` is called at every micro-batch and raises to stop; `report`
    hears of each log line, its step and the last step. `sampler` gives the order of the items; None shuffles them.
    """

    loss: CotLossSettings
    evaluate: Callable[[], dict[str, float]] | None
    check: Callable[[], None]
    report: Callable[[Mapping[str, float], int, int], None]
    sampler: Sampler[int] | None = None


def make_trainer(model: JointModel, hooks: TrainerHooks, **named: Any) -> Any:
    """A Trainer for `model` with `hooks`; `named` are its own arguments. MissingPackage as `require_trainer` raises."""
    transformers = require_trainer()
    trainer_class = type("CotTrainer", (CotTrainerMixin, transformers.Trainer), {})
    watcher_class = type("CotWatcher", (CotWatcherMixin, transformers.TrainerCallback), {})
    watcher = watcher_class()
    # Older releases decide by this function whether a loss is scaled already; it is never called.
    trainer: Any = trainer_class(model=model, callbacks=[watcher], compute_loss_func=_never_called, **named)
    trainer.hooks, trainer.cot_model = hooks, model
    trainer.part_log = torch.zeros(2, len(PARTS))
    trainer.last_ids = []
    watcher.trainer = trainer
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    trainer.remove_callback(transformers.trainer_callback.ProgressCallback)
    return trainer


class CotWatcherMixin:
    """The callbacks of transformers' TrainerCallback that a run needs."""

    trainer: Any

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
        if state.is_world_process_zero:
            self.trainer.hooks.report(logs, state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _COMPLETE).touch()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        gradients = [value.grad for value in self.trainer.cot_model.parameters() if value.grad is not None]
        if not all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
            raise _diverged("a gradient", state.global_step, self.trainer.last_ids, Path(args.output_dir))


class CotTrainerMixin:
    """What transformers' Trainer does otherwise here; in front of it among the bases."""

    # The loss below is a share of the global batch's: it is not to be divided by the number of micro-batches.
    loss_is_scaled_for_ga = True
    hooks: TrainerHooks
    cot_model: JointModel
    part_log: Tensor
    last_ids: Sequence[str]
    global_counts: Tensor
    accelerator: Any
    args: Any
    state: Any
    model: Any
    callback_handler: Any
    control: Any

    def get_decay_parameter_names(self, model: Any) -> list[str]:
        return [
            name for name, _ in model.named_parameters() if is_decayed(published_name(name.removeprefix("module.")))
        ]

    def _get_train_sampler(self, *arguments: Any) -> Any:
        own = self.hooks.sampler
        return super()._get_train_sampler(*arguments) if own is None else own  # type: ignore[misc]

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, *device: Any) -> Any:
        samples, items = super().get_batch_samples(epoch_iterator, num_batches, *device)  # type: ignore[misc]
        if samples:
            counts = sum((_counts(batch["parts"]) for batch in samples), torch.zeros(len(PARTS)))
            self.global_counts = self.accelerator.reduce(counts.to(self.args.device), "sum")
        return samples, items

    def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **options: Any) -> Tensor:
        self.hooks.check()
        inputs = dict(inputs)
        self.last_ids = inputs.pop("ids", [])
        out = model(**inputs)
        sums, counts = part_sums(out["losses"].float(), out["parts"])
        if not bool(torch.isfinite(sums).all()):
            raise _diverged("the loss", self.state.global_step, self.last_ids, Path(self.args.output_dir))
        self.part_log += torch.stack((sums.detach(), counts)).cpu()
        share = total_loss(sums, self.global_counts.to(sums), self.hooks.loss)
        # Gradients are averaged over processes; shares add up.
        return share * self.accelerator.num_processes

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """What learns alone: the rest is the base's, which is there when a run goes on."""
        state = self.model.state_dict() if state_dict is None else state_dict
        learns = {name for name, value in self.cot_model.named_parameters() if value.requires_grad}
        kept = {name: value for name, value in state.items() if name in learns}
        super()._save(output_dir, kept)  # type: ignore[misc]

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        if load_result.unexpected_keys:
            raise EngineError(
                f"expected a checkpoint of the same recipe, got one with {load_result.unexpected_keys[0]}; start in "
                "another folder."
            )

    def log(self, logs: dict[str, float], *arguments: Any) -> None:
        if "loss" in logs:
            sums, counts = self.accelerator.reduce(self.part_log.to(self.args.device), "sum").cpu()
            logs |= {
                f"loss_{part}": float(total / count)
                for part, total, count in zip(PARTS, sums, counts, strict=True)
                if count
            }
            self.part_log.zero_()
        super().log(logs, *arguments)  # type: ignore[misc]

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        found = {} if self.hooks.evaluate is None else self.hooks.evaluate()
        metrics = {f"eval_{name}": value for name, value in found.items()}
        self.log(metrics)
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def _counts(parts: Tensor) -> Tensor:
    return torch.bincount(parts[parts >= 0].flatten().cpu(), minlength=len(PARTS)).float()


def _never_called(*arguments: Any, **named: Any) -> Tensor:
    raise AssertionError("the trainer computes its loss itself")


def _diverged(what: str, step: int, ids: Sequence[str], folder: Path) -> EngineError:
    kept = last_checkpoint(folder)
    return EngineError(
        f"Training stopped at step {step + 1}: expected numbers, got {what} that is none, on {', '.join(ids)}. "
        f"{f'{kept} is the last good checkpoint' if kept else 'There is no checkpoint yet'}. Check these items, or "
        "take a smaller learning rate or --precision fp32."
    )

"""A training run of the reasoner: data and base in, a folder of the published form out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from deepsound.errors import EngineError, InputError
from deepsound.media.files import atomic_write
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
from deepsound.runtime.paths import is_same_file
from deepsound.runtime.progress import Progress
from deepsound.train.checkpoint_file import append_log
from deepsound.train.cot_files import data_file, read_items
from deepsound.train.cot_items import CotItem, balanced
from deepsound.train.item_checks import ItemProblem, usable_items
from deepsound.train.reasoner.evaluation import Evaluation, voice_energies
from deepsound.train.reasoner.examples import Collator, CotDataset, MediaSettings, tokenised
from deepsound.train.reasoner.mixture import MixtureSampler
from deepsound.train.reasoner.networks import build_joint_model
from deepsound.train.reasoner.recipe import ReasonerRecipe
from deepsound.train.reasoner.resumption import begin, run_trainer
from deepsound.train.reasoner.saving import save_adapter, save_merged, trained_tensors
from deepsound.train.reasoner.trainer import TrainerHooks, make_trainer, require_trainer, training_arguments
from deepsound.train.run_folder import sole_run

CHECKPOINTS = "checkpoints"
LOG = "train_log.jsonl"
REPORT = "training.json"


@dataclass(frozen=True)
class ReasonerJob:
    """What is trained on what: `data` (folder or file), `base` (a checkpoint's folder), `out`, and how.

    `audio_files` are audio_tower.bin and mm_projector_a.bin for a base without sound. `sound_data` and `picture_data`
    are further data sets of which the model is given sound or picture alone. Raises InputError where audio files are to
    end in an adapter.
    """

    data: Path
    base: Path
    out: Path
    recipe: ReasonerRecipe
    siglip: Path | None = None
    checked_only: bool = False
    balance: bool = False
    voice_ratio: bool = False
    audio_files: tuple[Path, ...] = ()
    sound_data: Path | None = None
    picture_data: Path | None = None

    def __post_init__(self) -> None:
        if self.audio_files and self.recipe.adapter_only:
            raise InputError(
                "expected a merged result where BEATs comes from files of its own, got --adapter, which names one "
                "base; leave --adapter out."
            )


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Items to train on and to evaluate with; those that are left out, with the reason."""

    train: CotDataset
    validation: list[CotItem]
    problems: list[ItemProblem]

    def sampler(self, seed: int) -> MixtureSampler | None:
        """The original's mixture where some items are of sound or picture alone."""
        media = [item.media for item in self.train.items]
        return MixtureSampler(media, seed) if set(media) != {"both"} else None


def train_reasoner(job: ReasonerJob, progress: Progress) -> dict[str, Any]:
    """Train, or go on where a run in `job.out` stopped, save, and return the report.

    Raises InputError for data that leaves nothing to learn, EngineError for a base that does not fit and for a loss
    that is no number (the last good checkpoint stays), OutputError where another run is at work in the folder or a
    checkpoint cannot be written.
    """
    transformers = require_trainer()
    if is_same_file(job.out, job.base):
        raise InputError(f"expected another folder than the base's for the result, got {job.out}; change --out.")
    with sole_run(job.out):
        return _train(transformers, job, progress)


def _train(transformers: Any, job: ReasonerJob, progress: Progress) -> dict[str, Any]:
    checkpoint = VideoLLaMA2Checkpoint.open(job.base, job.siglip, job.audio_files)
    data = prepare_data(job, checkpoint)
    for problem in data.problems:
        progress.note(f"left out: {problem}")
    sampler = data.sampler(job.recipe.seed)
    if sampler is not None:
        progress.note(f"mixture of {sampler}")
    items = len(data.train) if sampler is None else len(sampler)
    arguments = _arguments(transformers, job, items, bool(data.validation))
    # As the original does before anything is drawn: every rank starts from one state.
    transformers.set_seed(job.recipe.seed)
    half = bool(arguments.bf16) and not job.recipe.trainer_options
    model = build_joint_model(checkpoint, job.recipe, half, arguments.device)
    # Not by the Trainer's option: its name and its call change between releases.
    model.set_gradient_checkpointing(job.recipe.gradient_checkpointing)
    evaluation = _evaluation(job, data, checkpoint, progress)
    hooks = TrainerHooks(
        job.recipe.loss,
        None if evaluation is None else lambda: evaluation.metrics(model, progress.check),
        progress.check,
        _Reporter(job.out / LOG, progress),
        sampler,
    )
    trainer = make_trainer(
        model,
        hooks,
        args=arguments,
        train_dataset=data.train,
        eval_dataset=data.train if evaluation is not None else None,
        data_collator=Collator(checkpoint.tokenizer.pad_id, job.recipe.max_length),
    )
    resume = begin(Path(arguments.output_dir), model, _stated(job, data), progress)
    # What can be slow or long is the passes: the Trainer itself looks once in a micro-batch.
    with interruptible(model, progress.check):
        run_trainer(trainer, resume, Path(arguments.output_dir))
    return _finish(job, trainer, model, checkpoint, data)


def _stated(job: ReasonerJob, data: PreparedData) -> dict[str, Any]:
    """What the run is made of, as JSON holds it."""
    names = sorted(item.id for item in data.train.items)
    items = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    stated: dict[str, Any] = json.loads(json_bytes(_plain(asdict(job.recipe))))
    return stated | {"base": job.base.name, "items": f"{len(names)} ({items})"}


def prepare_data(job: ReasonerJob, checkpoint: VideoLLaMA2Checkpoint) -> PreparedData:
    """The data set's items, checked and tokenised. Raises InputError where none is left to learn from."""
    file = data_file(job.data)
    items, problems = usable_items(_all_items(job, file), file.parent)
    if job.checked_only:
        items = [item for item in items if item.checked]
    train = [item for item in items if item.split == "train"]
    kept, texts, cut = tokenised(balanced(train) if job.balance else train, checkpoint.tokenizer, job.recipe.max_length)
    problems += cut
    if not kept:
        why = f"; the first is left out because of {problems[0]}" if problems else ""
        checked = " that are checked" if job.checked_only else ""
        raise InputError(f"expected training items{checked} in {file}, got none that can be learnt{why}; correct them.")
    media = MediaSettings(checkpoint.frames, checkpoint.config.vision.image_size)
    validation = [item for item in items if item.split == "validation"]
    return PreparedData(CotDataset(kept, texts, file.parent, media), validation, problems)


def _all_items(job: ReasonerJob, file: Path) -> list[CotItem]:
    """The items of all data sets; those of further ones are of sound or picture alone, their files named whole."""
    items = read_items(file)
    for further, media in ((job.sound_data, "sound"), (job.picture_data, "picture")):
        if further is not None:
            folder = data_file(further).parent.resolve()
            items += [replace(item, media=media, video=str(folder / item.video)) for item in read_items(further)]
    return items


def _evaluation(
    job: ReasonerJob, data: PreparedData, checkpoint: VideoLLaMA2Checkpoint, progress: Progress
) -> Evaluation | None:
    if not data.validation:
        progress.note("The data set has no validation items: nothing is evaluated while training.")
        return None
    folder = data.train.folder
    energies = voice_energies(data.validation, folder, progress.at("voice energies")) if job.voice_ratio else {}
    return Evaluation(checkpoint.tokenizer, data.validation, folder, data.train.media, energies)


def _arguments(transformers: Any, job: ReasonerJob, items: int, evaluates: bool) -> Any:
    recipe = job.recipe
    on_cpu = recipe.device == "cpu" or not torch.cuda.is_available()
    if recipe.device.startswith("cuda") and on_cpu:
        raise EngineError(f"expected a CUDA device for {recipe.device}, got none on this machine; choose --device cpu.")
    bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and not on_cpu and torch.cuda.is_bf16_supported())
    processes = _processes(on_cpu)
    return training_arguments(
        transformers,
        output_dir=str(job.out / CHECKPOINTS),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.max_steps,
        per_device_train_batch_size=recipe.per_device,
        gradient_accumulation_steps=recipe.accumulation(processes),
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup_steps=recipe.warmup_steps(items),
        lr_scheduler_type="cosine" if recipe.schedule == "cosine" else "constant_with_warmup",
        max_grad_norm=1.0,
        bf16=bf16,
        tf32=True if bf16 and not on_cpu else None,
        save_strategy="steps",
        save_steps=recipe.save_every,
        save_total_limit=recipe.keep,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=recipe.evaluate_every,
        logging_steps=1,
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=on_cpu,
        ddp_backend="gloo" if on_cpu and processes > 1 else None,
        ddp_find_unused_parameters=True if processes > 1 else None,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
        **dict(recipe.trainer_options),
    )


def _finish(
    job: ReasonerJob, trainer: Any, model: Any, checkpoint: VideoLLaMA2Checkpoint, data: PreparedData
) -> dict[str, Any]:
    """Save what has learnt, once for all processes, and say what was done."""
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if trainer.is_fsdp_enabled else None
    learnt = {
        name: (state[name] if state is not None else value.detach())
        for name, value in model.named_parameters()
        if value.requires_grad and (state is None or name in state)
    }
    metrics = trainer.evaluate() if data.validation else {}
    report = {
        VERSION_KEY: SCHEMAS["reasoner_training"].version,
        "base": str(job.base),
        "steps": trainer.state.global_step,
        "items": len(data.train),
        "left_out": [str(problem) for problem in data.problems],
        "trained_parameters": sum(value.numel() for value in learnt.values()),
        "recipe": _plain(asdict(job.recipe)),
        "metrics": metrics,
    }
    if trainer.is_world_process_zero():
        trained = trained_tensors(learnt, job.recipe.lora)
        if job.recipe.adapter_only and job.recipe.lora is not None:
            save_adapter(trained, checkpoint, job.recipe.lora, job.out)
        else:
            save_merged(trained, checkpoint, job.out)
        with atomic_write(job.out / REPORT) as partial:
            partial.write_bytes(json_bytes(report))
    trainer.accelerator.wait_for_everyone()
    return report


def _processes(on_cpu: bool) -> int:
    """How many processes train together."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1 and not on_cpu and torch.cuda.device_count() > 1:
        # The Trainer would split batches among them in one process, which is slower than a process for each.
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    return processes


class _Reporter:
    """Writes each log line to a file, and tells how far the run is."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress

    def __call__(self, logs: Mapping[str, float], step: int, last: int) -> None:
        append_log(self._path, {"step": step, **logs})
        self._progress.update(step / max(last, 1))
        shown = ", ".join(
            f"{name} {logs[name]:.4g}" for name in ("loss", "eval_accuracy", "eval_format") if name in logs
        )
        if shown:
            self._progress.say(f"step {step} of {last}: {shown}")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value

"""The reasoner's training on Ray Train: the same run in several workers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepsound.errors import DeepSoundError, EngineError, InputError
from deepsound.runtime.packages import missing_package
from deepsound.runtime.progress import Progress
from deepsound.train.reasoner.run import REPORT, ReasonerJob, train_reasoner


@dataclass(frozen=True)
class TrainingWorkers:
    """How many workers, and whether each has a GPU of its own."""

    count: int
    gpu: bool = False

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"expected 1 or more workers, got {self.count}; change --ray.")


def train_on_ray(job: ReasonerJob, workers: TrainingWorkers, progress: Progress) -> dict[str, Any]:
    """Run `job` in Ray's workers and return the report. Raises what the run raised, by its message.

    All workers have to see its files. Ray Train sets up the process group, which transformers' Trainer then takes as
    it is.
    """
    job = _absolute(job)
    try:
        import ray
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise missing_package(
            f"Training on Ray needs Ray Train, which cannot be imported here ({error})", "ray[train]"
        ) from error
    started = not ray.is_initialized()
    if started:
        # No address of a cluster in the environment: Ray starts on this machine alone.
        ray.init(include_dashboard=False, log_to_driver=False)
    progress.say(f"{workers.count} workers on Ray")
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": job},
        torch_config=TorchConfig(backend="nccl" if workers.gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=workers.count, use_gpu=workers.gpu),
        run_config=RunConfig(name="deepsound", storage_path=str(job.out / "ray")),
    )
    try:
        trainer.fit()
    except Exception as error:
        raise EngineError(
            f"Training on Ray stopped: {_cause(error)}. Correct that and run the same command."
        ) from error
    finally:
        if started:
            ray.shutdown()
    report: dict[str, Any] = json.loads((job.out / REPORT).read_text(encoding="utf-8"))
    return report


def _absolute(job: ReasonerJob) -> ReasonerJob:
    """The job with whole paths: workers have a folder of their own as the current one."""
    named: dict[str, Any] = {name: value.resolve() for name, value in vars(job).items() if isinstance(value, Path)}
    return replace(job, **named, audio_files=tuple(file.resolve() for file in job.audio_files))


def _work(config: dict[str, Any]) -> None:
    """One worker's share; the ranks are in the environment, where accelerate looks for them."""
    from ray import train

    context = train.get_context()
    os.environ |= {
        "RANK": str(context.get_world_rank()),
        "LOCAL_RANK": str(context.get_local_rank()),
        "WORLD_SIZE": str(context.get_world_size()),
    }
    train_reasoner(config["job"], Progress())


def _cause(error: BaseException) -> str:
    """The message of the first of our own errors in the chain, else of the last one."""
    found: BaseException | None = error
    last = error
    while found is not None:
        if isinstance(found, DeepSoundError):
            return str(found)
        last = found
        found = found.__cause__ or getattr(found, "cause", None)
    return (str(last) or type(last).__name__).strip().splitlines()[-1][:500]

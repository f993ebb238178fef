"""Where a reasoner's run goes on: the last whole checkpoint, of the same recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from deepsound.errors import EngineError, OutputError
from deepsound.media.files import atomic_write, output_error, require_writable
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.train.checkpoint_file import note_changes, require_same
from deepsound.train.reasoner.trainer import last_checkpoint
from deepsound.weights.formats import read_settings, safetensors_header

_RECIPE = "recipe.json"
_WEIGHTS = "model.safetensors"


def begin(folder: Path, model: nn.Module, stated: Mapping[str, Any], progress: Progress) -> Path | None:
    """The checkpoint in `folder` to go on from; without one the run is `stated` there, for when it goes on.

    Raises EngineError for a checkpoint of another recipe, OutputError where the folder refuses.
    """
    resume = last_checkpoint(folder)
    if resume is None:
        if os.environ.get("RANK", "0") == "0":
            require_writable(folder)
            with atomic_write(folder / _RECIPE) as partial:
                partial.write_bytes(json_bytes(dict(stated)))
        return None
    progress.note(f"goes on from {resume.name}")
    # A sharded checkpoint has other names; the library that wrote it checks them.
    if is_file(resume / _WEIGHTS, EngineError):
        held = {
            name: tuple(stored["shape"])
            for name, stored in safetensors_header(resume / _WEIGHTS).items()
            if name != "__metadata__"
        }
        own = {name: tuple(value.shape) for name, value in model.named_parameters() if value.requires_grad}
        require_same(resume / _WEIGHTS, held, own)
    if is_file(folder / _RECIPE, EngineError):
        note_changes({"recipe": read_settings(folder / _RECIPE, "Remove it.")}, stated, progress)
    return resume


def run_trainer(trainer: Any, resume: Path | None, folder: Path) -> None:
    """Train to the end. Raises OutputError where a checkpoint cannot be written."""
    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume is not None else None)
    except OSError as error:
        raise output_error(folder, error) from error
    except Exception as error:
        # torch and safetensors have errors of their own for a full disk.
        is_torchs = any(words in str(error) for words in ("PytorchStreamWriter", "inline_container"))
        if type(error).__name__ == "SafetensorError" or is_torchs:
            raise OutputError(
                f"The checkpoint in {folder} cannot be written ({error}); free some space: the same command goes on "
                "from the checkpoint before."
            ) from error
        raise

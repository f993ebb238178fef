"""Fuzzing target: workflow files in API format."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from deepsound.comfy.workflow import Workflow
from deepsound.errors import DeepSoundError
from tests.fuzz.targets import Target

_WORKFLOWS = Path(__file__).parents[2] / "workflows" / "api"


def seeds(folder: Path) -> list[Path]:
    """The workflows that come with the pack."""
    return [Path(shutil.copy(path, folder)) for path in sorted(_WORKFLOWS.glob("*.json"))]


def read(path: Path) -> None:
    """Load it, replace inputs in all ways, and put a video in its place."""
    workflow = Workflow.load(path)
    for address in ("prompt", "seed", "2.seed", "Step 1: generate.seed"):
        with contextlib.suppress(DeepSoundError):
            workflow.with_inputs({address: "7"})
    for node in workflow.prompt:
        workflow.title(node)
    workflow.with_video(workflow.video_inputs(), "clip.mp4")


TARGET = Target(seeds, read, text=True)

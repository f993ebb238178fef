"""Captions of what is seen, by the reasoner's model or the person detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.reason.answer_parser import plain
from deepsound.reason.person_detection import detect_people
from deepsound.reason.prompts import CAPTION_QUESTION
from deepsound.reason.rules import FRAMES
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.weights.missing import missing_weights
from deepsound.weights.search_paths import default_search_paths

if TYPE_CHECKING:
    from deepsound.media.scene import Scene

_MODELS = ("videollama2_cot", "videollama2_qa")
_LONGEST = 300


@dataclass(frozen=True)
class Caption:
    """A line of text, and the engine `by` which it was written."""

    text: str
    by: str


def caption(scene: Scene, execution: Execution, progress: Progress) -> Caption | None:
    """What is seen in a clip or in images, in one line; None where nothing is recognised."""
    places = default_search_paths(execution.weights)
    model = next((name for name in _MODELS if missing_weights(name, places) is None), None)
    if model is not None:
        text = _by_model(model, scene, execution, progress)
        if text:
            return Caption(text, model)
    stills = scene.view(FRAMES, progress.part(0.0, 0.5))
    people = len({sighting.time_s for sighting in detect_people(stills, progress.part(0.5, 1.0))})
    return Caption("a person", "rules") if people else None


def _by_model(model: str, scene: Scene, execution: Execution, progress: Progress) -> str:
    from deepsound.reason.videollama2.engine import VideoLlama2Reasoner

    reasoner = VideoLlama2Reasoner("cot" if model == _MODELS[0] else "qa")
    reasoner.configure(execution)
    answer = plain(reasoner.describe(scene, CAPTION_QUESTION, progress))
    return " ".join(answer.split())[:_LONGEST]

"""A request to MMAudio, validated, with the published defaults filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.generate.mmaudio.window_plan import is_windowed
from deepsound.generate.scene_prompts import PromptSchedule, has_scenes, parse_schedule
from deepsound.generate.validation import (
    check_takes,
    check_text,
    limit_to_scene,
    resolve_guidance,
    resolve_steps,
    spans_within,
    take_seeds,
)
from deepsound.models.mmaudio.lengths import MIN_DURATION
from deepsound.types import GenerationRequest, Span

STEPS = 25
GUIDANCE = 4.5
# What the networks were trained on, and what is generated where nothing says how long.
TRAINED_S = 8.0

SELVA = "selva"

_MOST_STEPS = 1000
_LONGEST_SCHEDULE = 1_000_000


def engine_name(variant: str) -> str:
    """The engine of a variant."""
    return variant if variant == SELVA else f"mmaudio_{variant}"


def flow_weights_id(engine: str) -> str:
    """The catalogue id of an engine's flow network; "" for an engine that is not of this family."""
    if engine == SELVA:
        return "selva/small_16k"
    return engine.replace("mmaudio_", "mmaudio/") if engine.startswith("mmaudio_") else ""


@dataclass(frozen=True)
class MMAudioRequest:
    """A request that can be met: `duration_s` of sound for each of `seeds`."""

    prompt: str
    negative_prompt: str
    duration_s: float
    steps: int
    guidance: float
    seeds: tuple[int, ...]
    schedule: PromptSchedule
    window_s: float | None = None
    avoid: tuple[Span, ...] = ()

    @property
    def is_windowed(self) -> bool:
        """Whether the sound is made in windows: a long one, or one whose prompt changes on the way."""
        changes = self.window_s is None and bool(self.schedule.edges_s(self.duration_s))
        return changes or is_windowed(self.duration_s, self.window_s)


def validate_request(request: GenerationRequest, scene_s: float | None, takes: int) -> MMAudioRequest:
    """The request against what there is to see, `scene_s` seconds of it (None: nothing that moves).

    Raises InputError for a duration under 0.64 s or past the end, and for numbers and texts that make no sense.
    """
    check_takes(takes)
    duration_s = _duration(request.duration_s, scene_s)
    is_windowed(duration_s, request.window_s)
    schedule = parse_schedule(_prompt(request.prompt), duration_s)
    return MMAudioRequest(
        schedule.whole,
        check_text("negative prompt", request.negative_prompt, "MMAudio"),
        duration_s,
        resolve_steps(request.steps, _MOST_STEPS, STEPS),
        resolve_guidance(request.guidance, GUIDANCE),
        take_seeds(request.seed, takes),
        schedule,
        request.window_s,
        spans_within("avoid", request.avoid, duration_s),
    )


def _prompt(prompt: object) -> str:
    """The prompt; of one with scene lines, each line may be as long as a prompt of its own."""
    if not isinstance(prompt, str) or len(prompt) > _LONGEST_SCHEDULE or not has_scenes(prompt):
        return check_text("prompt", prompt, "MMAudio")
    for line in prompt.splitlines():
        check_text("prompt", line, "MMAudio")
    return prompt


def _duration(requested_s: float | None, scene_s: float | None) -> float:
    duration_s = requested_s if requested_s is not None else TRAINED_S if scene_s is None else scene_s
    if not math.isfinite(duration_s):
        raise InputError(f"The duration is {duration_s}; give a number of seconds.")
    if scene_s is not None and requested_s is not None:
        duration_s = limit_to_scene(requested_s, scene_s)
    if duration_s < MIN_DURATION:
        raise InputError(
            f"{duration_s:g} s is too short for MMAudio: it needs at least {MIN_DURATION} s, 16 frames at "
            "25 a second. Use a longer clip or duration."
        )
    return duration_s

"""A request to FoleyCrafter, validated, with the published defaults filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.generate.scene_prompts import whole_prompt
from deepsound.generate.validation import (
    check_range,
    check_takes,
    check_text,
    limit_to_scene,
    resolve_guidance,
    resolve_steps,
    spans_within,
    take_seeds,
)
from deepsound.types import GenerationRequest, Span

STEPS = 25
GUIDANCE = 7.5
# How many frames the onset detector is shown, and CLIP as published.
FRAMES = 150

_MOST_STEPS = 500
_LARGEST_SCALE = 10.0


@dataclass(frozen=True)
class FoleyCrafterSettings:
    """How much the picture leads: its timing by `temporal_scale`, what it shows by `semantic_scale`; 0 is not at all.

    Of `clip_frames` of the 150 frames CLIP is shown; the authors' own demonstration takes 15, every tenth.
    """

    temporal_scale: float = 0.2
    semantic_scale: float = 1.0
    clip_frames: int = FRAMES


@dataclass(frozen=True)
class FoleyCrafterRequest:
    """A request that can be met: `duration_s` of sound for each of `seeds`, the picture hidden within `avoid`."""

    prompt: str
    negative_prompt: str
    duration_s: float
    steps: int
    guidance: float
    seeds: tuple[int, ...]
    settings: FoleyCrafterSettings
    avoid: tuple[Span, ...] = ()


def validate_request(
    request: GenerationRequest, settings: FoleyCrafterSettings, scene_s: float, takes: int
) -> FoleyCrafterRequest:
    """The request against what there is to see, `scene_s` seconds of it.

    Raises InputError for a duration past the end, and for numbers and texts that make no sense.
    """
    check_takes(takes)
    _check_settings(settings)
    steps = resolve_steps(request.steps, _MOST_STEPS, STEPS)
    guidance = resolve_guidance(request.guidance, GUIDANCE)
    duration_s = _duration(request.duration_s, scene_s)
    return FoleyCrafterRequest(
        whole_prompt(check_text("prompt", request.prompt, "FoleyCrafter")),
        check_text("negative prompt", request.negative_prompt, "FoleyCrafter"),
        duration_s,
        steps,
        guidance,
        take_seeds(request.seed, takes),
        settings,
        spans_within("avoid", request.avoid, duration_s),
    )


def _check_settings(settings: FoleyCrafterSettings) -> None:
    published = FoleyCrafterSettings()
    check_range("temporal scale", settings.temporal_scale, _LARGEST_SCALE, published.temporal_scale)
    check_range("semantic scale", settings.semantic_scale, _LARGEST_SCALE, published.semantic_scale)
    if not 1 <= settings.clip_frames <= FRAMES:
        raise InputError(f"CLIP is to see {settings.clip_frames} frames; use 1 to {FRAMES} ({FRAMES} as published).")


def _duration(requested_s: float | None, scene_s: float) -> float:
    duration_s = scene_s if requested_s is None else requested_s
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise InputError(f"The duration is {duration_s}; give a number of seconds above 0.")
    return limit_to_scene(duration_s, scene_s)

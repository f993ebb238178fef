"""What is asked of FoleyCrafter, checked before anything is loaded, with the published defaults filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.types import GenerationRequest

STEPS = 25
GUIDANCE = 7.5
# How many frames the onset detector is shown, and CLIP as published.
FRAMES = 150

_MOST_STEPS = 500
_STRONGEST_GUIDANCE = 100.0
_LARGEST_SCALE = 10.0
# CLIP reads 77 tokens, some 300 letters; what is far longer is not a prompt but something that went wrong.
_LONGEST_PROMPT = 10_000
_MOST_TAKES = 64
_SEEDS = 2**64
# A window may be asked for by a number that was rounded for display.
_ROUNDING_S = 0.01


@dataclass(frozen=True)
class Settings:
    """How much the picture leads: its timing by `temporal_scale`, what it shows by `semantic_scale`; 0 is not at all.

    Of `clip_frames` of the 150 frames CLIP is shown; the authors' own demonstration takes 15, every tenth.
    """

    temporal_scale: float = 0.2
    semantic_scale: float = 1.0
    clip_frames: int = FRAMES


@dataclass(frozen=True)
class Checked:
    """A request that can be met: `duration_s` of sound for each of `seeds`."""

    prompt: str
    negative_prompt: str
    duration_s: float
    steps: int
    guidance: float
    seeds: tuple[int, ...]
    settings: Settings


def checked(request: GenerationRequest, settings: Settings, scene_s: float, takes: int) -> Checked:
    """The request against what there is to see, `scene_s` seconds of it.

    Raises InputError for a duration past the end, and for numbers and texts that make no sense.
    """
    if not 1 <= takes <= _MOST_TAKES:
        raise InputError(f"The number of takes is {takes}; ask for 1 to {_MOST_TAKES}.")
    _check_settings(settings)
    steps = STEPS if request.steps is None else request.steps
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS:
        raise InputError(f"The number of steps is {steps!r}; use 1 to {_MOST_STEPS} ({STEPS} as published).")
    guidance = GUIDANCE if request.guidance is None else request.guidance
    _check_within("guidance strength", guidance, _STRONGEST_GUIDANCE, GUIDANCE)
    return Checked(
        _text("prompt", request.prompt), _text("negative prompt", request.negative_prompt),
        _duration(request.duration_s, scene_s), steps, float(guidance),
        tuple((_seed(request.seed) + take) % _SEEDS for take in range(takes)), settings)


def _check_settings(settings: Settings) -> None:
    published = Settings()
    _check_within("temporal scale", settings.temporal_scale, _LARGEST_SCALE, published.temporal_scale)
    _check_within("semantic scale", settings.semantic_scale, _LARGEST_SCALE, published.semantic_scale)
    if not 1 <= settings.clip_frames <= FRAMES:
        raise InputError(f"CLIP is to see {settings.clip_frames} frames; use 1 to {FRAMES} ({FRAMES} as published).")


def _check_within(what: str, value: float, largest: float, published: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= largest):
        raise InputError(f"The {what} is {value}; use 0 to {largest:g} ({published:g} as published).")


def _duration(asked_s: float | None, scene_s: float) -> float:
    duration_s = scene_s if asked_s is None else asked_s
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise InputError(f"The duration is {duration_s}; give a number of seconds above 0.")
    if duration_s > scene_s + _ROUNDING_S:
        raise InputError(f"The duration of {duration_s:g} s is past the end of the video, which has {scene_s:.2f} s; "
                         "ask for less, or for all of it (0 in the node, no --duration on the command line).")
    return min(duration_s, scene_s)


def _text(what: str, text: object) -> str:
    if not isinstance(text, str):
        raise InputError(f"The {what} is {type(text).__name__} and not text: {str(text)[:40]!r}.")
    if len(text) > _LONGEST_PROMPT:
        raise InputError(f"The {what} has {len(text)} characters; FoleyCrafter reads about 300 of them. Shorten it to "
                         f"{_LONGEST_PROMPT} at most.")
    return text


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _SEEDS:
        raise InputError(f"The seed is {seed!r}; use a whole number from 0 to 2^64 - 1.")
    return seed

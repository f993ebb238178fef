"""What is asked of MMAudio, checked before anything is loaded, with the published defaults filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.models.mmaudio.lengths import MIN_DURATION
from deepsound.types import GenerationRequest

STEPS = 25
GUIDANCE = 4.5
# What the networks were trained on, and what is generated where nothing says how long.
TRAINED_S = 8.0

_MOST_STEPS = 1000
_STRONGEST_GUIDANCE = 100.0
# CLIP reads 77 tokens, some 300 letters; what is far longer is not a prompt but something that went wrong.
_LONGEST_PROMPT = 10_000
_MOST_TAKES = 64
_SEEDS = 2**64
# A window may be asked for by a number that was rounded for display.
_ROUNDING_S = 0.01


@dataclass(frozen=True)
class Checked:
    """A request that can be met: `duration_s` of sound for each of `seeds`."""

    prompt: str
    negative_prompt: str
    duration_s: float
    steps: int
    guidance: float
    seeds: tuple[int, ...]


def checked(request: GenerationRequest, scene_s: float | None, takes: int) -> Checked:
    """The request against what there is to see, `scene_s` seconds of it (None: nothing that moves).

    Raises InputError for a duration under 0.64 s or past the end, and for numbers and texts that make no sense.
    """
    if not 1 <= takes <= _MOST_TAKES:
        raise InputError(f"The number of takes is {takes}; ask for 1 to {_MOST_TAKES}.")
    return Checked(
        _text("prompt", request.prompt), _text("negative prompt", request.negative_prompt),
        _duration(request.duration_s, scene_s), _steps(request.steps), _guidance(request.guidance),
        tuple((_seed(request.seed) + take) % _SEEDS for take in range(takes)))


def _duration(asked_s: float | None, scene_s: float | None) -> float:
    duration_s = asked_s if asked_s is not None else TRAINED_S if scene_s is None else scene_s
    if not math.isfinite(duration_s):
        raise InputError(f"The duration is {duration_s}; give a number of seconds.")
    if scene_s is not None and asked_s is not None and asked_s > scene_s:
        if asked_s > scene_s + _ROUNDING_S:
            raise InputError(f"The duration of {asked_s:g} s is past the end of the video, which has {scene_s:.2f} s; "
                             "ask for less, or for all of it (0 in the node, no --duration on the command line).")
        duration_s = scene_s
    if duration_s < MIN_DURATION:
        raise InputError(f"{duration_s:g} s is too short for MMAudio: it needs at least {MIN_DURATION} s, 16 frames at "
                         "25 a second. Use a longer clip or duration.")
    return duration_s


def _text(what: str, text: object) -> str:
    if not isinstance(text, str):
        raise InputError(f"The {what} is {type(text).__name__} and not text: {str(text)[:40]!r}.")
    if len(text) > _LONGEST_PROMPT:
        raise InputError(f"The {what} has {len(text)} characters; MMAudio reads about 300 of them. Shorten it to "
                         f"{_LONGEST_PROMPT} at most.")
    return text


def _steps(steps: int | None) -> int:
    steps = STEPS if steps is None else steps
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS:
        raise InputError(f"The number of steps is {steps!r}; use 1 to {_MOST_STEPS} ({STEPS} as published).")
    return steps


def _guidance(guidance: float | None) -> float:
    guidance = GUIDANCE if guidance is None else guidance
    if not (math.isfinite(guidance) and 0 <= guidance <= _STRONGEST_GUIDANCE):
        raise InputError(f"The guidance strength is {guidance}; use 0 to {_STRONGEST_GUIDANCE:g} ({GUIDANCE} as "
                         "published).")
    return float(guidance)


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _SEEDS:
        raise InputError(f"The seed is {seed!r}; use a whole number from 0 to 2^64 - 1.")
    return seed

"""A request to Seeing and Hearing, validated, with the published defaults filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.generate.aligner.guide import GuideSettings, Update
from deepsound.generate.aligner.settings import check_guide, check_rate
from deepsound.generate.scene_prompts import whole_prompt
from deepsound.generate.validation import (
    check_takes,
    check_text,
    limit_to_scene,
    resolve_guidance,
    resolve_steps,
    take_seeds,
)
from deepsound.types import GenerationRequest

STEPS = 30
GUIDANCE = 2.5
# AudioLDM was trained on 10 s; the memory of the gradient grows with every second.
MOST_S = 30.0

_MOST_STEPS = 500
_MODEL = "Seeing and Hearing"


@dataclass(frozen=True)
class SeeingHearingSettings:
    """How the sound is aligned with the picture; the defaults are the released code's.

    `rate` is the step size by the latents (0: AudioLDM alone), `warmup` the share of the steps before any update,
    `update` one of "published" (sign steps of Adam) and "paper" (the gradient). With `tune_prompt` the prompt's
    embedding is moved too, by `prompt_rate`, which nobody published.
    """

    rate: float = 0.1
    warmup: float = 0.2
    inner_steps: int = 1
    update: Update = "published"
    tune_prompt: bool = False
    prompt_rate: float = 0.001

    @property
    def guide(self) -> GuideSettings:
        return GuideSettings(self.warmup, self.inner_steps, self.update)

    @property
    def rates(self) -> tuple[float, float]:
        """Step sizes by the latents and by the prompt."""
        return self.rate, self.prompt_rate if self.tune_prompt else 0.0


@dataclass(frozen=True)
class SeeingHearingRequest:
    """A request that can be met: `duration_s` of sound for each of `seeds`; an empty prompt is captioned."""

    prompt: str
    negative_prompt: str
    duration_s: float
    steps: int
    guidance: float
    seeds: tuple[int, ...]
    settings: SeeingHearingSettings

    @property
    def generated_s(self) -> int:
        """Whole seconds that are sampled, as published; the rest is cut off."""
        return math.ceil(self.duration_s)


def validate_request(
    request: GenerationRequest, settings: SeeingHearingSettings, scene_s: float, takes: int
) -> SeeingHearingRequest:
    """The request against what there is to see, `scene_s` seconds of it.

    Raises InputError for a duration past the end or above 30 s, and for numbers and texts that make no sense.
    """
    check_takes(takes)
    check_guide(settings.guide)
    check_rate("rate", settings.rate)
    check_rate("prompt_rate", settings.prompt_rate)
    return SeeingHearingRequest(
        whole_prompt(check_text("prompt", request.prompt, _MODEL)).strip(),
        check_text("negative prompt", request.negative_prompt, _MODEL),
        _duration(request.duration_s, scene_s),
        resolve_steps(request.steps, _MOST_STEPS, STEPS),
        resolve_guidance(request.guidance, GUIDANCE),
        take_seeds(request.seed, takes),
        settings,
    )


def _duration(requested_s: float | None, scene_s: float) -> float:
    duration_s = scene_s if requested_s is None else requested_s
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise InputError(f"The duration is {duration_s}; give a number of seconds above 0.")
    duration_s = limit_to_scene(duration_s, scene_s)
    if duration_s > MOST_S:
        raise InputError(
            f"Seeing and Hearing aligns at most {MOST_S:g} s at once, and the duration is {duration_s:.2f} s; choose "
            "a shorter one, or another engine."
        )
    return duration_s

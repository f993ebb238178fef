"""Validation of generation requests shared by the neural generators.

Each function raises InputError naming the value and what to use instead.

Each function raises InputError naming the value and what to use instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from deepsound.errors import InputError
from deepsound.runtime.seeds import check_seed, consecutive_seeds
from deepsound.types import Span

# CLIP reads 77 tokens, some 300 letters; what is far longer is not a prompt but something that went wrong.
_LONGEST_PROMPT = 10_000
_MOST_TAKES = 64
# A window may be asked for by a number that was rounded for display.
_ROUNDING_S = 0.01


def take_seeds(seed: int, takes: int) -> tuple[int, ...]:
    """The seeds of so many takes: `seed`, the next one, and so on."""
    check_seed(seed)
    return consecutive_seeds(seed, takes)


def check_takes(takes: int) -> None:
    """Raise InputError for a number of takes out of range."""
    if not 1 <= takes <= _MOST_TAKES:
        raise InputError(f"The number of takes is {takes}; ask for 1 to {_MOST_TAKES}.")


def resolve_steps(steps: int | None, most: int, published: int) -> int:
    """`steps`, or as published where none are asked for."""
    steps = published if steps is None else steps
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= most:
        raise InputError(f"The number of steps is {steps!r}; use 1 to {most} ({published} as published).")
    return steps


def check_range(what: str, value: float, largest: float, published: float) -> None:
    """Raise InputError unless `value` is from 0 to `largest`; `published` is named as the usual one."""
    if not (math.isfinite(value) and 0 <= value <= largest):
        raise InputError(f"The {what} is {value}; use 0 to {largest:g} ({published:g} as published).")


def resolve_guidance(guidance: float | None, published: float) -> float:
    """`guidance`, or as published where none is asked for."""
    guidance = published if guidance is None else guidance
    check_range("guidance strength", guidance, 100.0, published)
    return float(guidance)


def check_text(what: str, text: object, model: str) -> str:
    """`text`, if it is text and of a length that `model` may make something of."""
    if not isinstance(text, str):
        raise InputError(f"The {what} is {str(text)[:40]!r} ({type(text).__name__}); expected text.")
    if len(text) > _LONGEST_PROMPT:
        raise InputError(
            f"The {what} has {len(text)} characters; {model} reads about 300 of them. Shorten it to "
            f"{_LONGEST_PROMPT} at most."
        )
    return text


def limit_to_scene(requested_s: float, scene_s: float) -> float:
    """`requested_s` seconds, at most `scene_s`."""
    if requested_s > scene_s + _ROUNDING_S:
        raise InputError(
            f"The duration of {requested_s:g} s is past the end of the video, which has {scene_s:.2f} s; "
            "ask for less, or for all of it (0 in the node, no --duration on the command line)."
        )
    return min(requested_s, scene_s)


def spans_within(what: str, spans: Sequence[Span], duration_s: float) -> tuple[Span, ...]:
    """`spans` in order of time, cut to the sound's `duration_s`; those beyond its end are left out.

    Raises InputError for one that is negative, reversed, empty or not finite.
    """
    for span in spans:
        if not (math.isfinite(span.start_s) and math.isfinite(span.end_s) and 0 <= span.start_s < span.end_s):
            raise InputError(f"{what}: expected a start from 0 and an end after it in seconds, got {span}; correct it.")
    cut = (Span(span.start_s, min(span.end_s, duration_s)) for span in spans if span.start_s < duration_s)
    return tuple(sorted(cut, key=lambda span: span.start_s))

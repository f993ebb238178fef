"""The generator nodes' request of step 1, checked before any work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deepsound.errors import InputError
from deepsound.types import GenerationRequest

from .values import check_values, refusal_of


class RequestNode:
    """Base of the nodes with a prompt: what cannot be used is refused before the run begins."""

    @classmethod
    def validate_inputs(
        cls, prompt: str | None = None, negative_prompt: str | None = None, duration: float | None = None
    ) -> bool | str:
        return refusal_of(**locals())


def request_of(
    node: Any,
    prompt: str,
    negative_prompt: str,
    seed: int,
    duration: float,
    steps: int | None = None,
    cfg: float | None = None,
    window: float = -1.0,
) -> GenerationRequest:
    """The request; a `duration` of 0 means all of the video, a negative `window` auto.

    Raises InputError for text and numbers of no use.
    """
    check_values(
        node, prompt=prompt, negative_prompt=negative_prompt, seed=seed, duration=duration, steps=steps, cfg=cfg
    )
    window_s = None if window < 0 else window
    return GenerationRequest(prompt, negative_prompt, seed, duration or None, steps, cfg, window_s)


def requests_of_takes(request: GenerationRequest, takes: int) -> list[GenerationRequest]:
    """One request for each take, from seed, seed + 1, ..."""
    from deepsound.generate.validation import take_seeds

    return [replace(request, seed=seed) for seed in take_seeds(request.seed, takes)]


def require_one_picture(video: Any, images: Any) -> None:
    """Raise InputError where both a video and images are connected."""
    if video is not None and images is not None:
        raise InputError("Both video and images are connected; connect one of them.")

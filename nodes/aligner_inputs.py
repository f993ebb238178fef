"""Inputs of the aligner of Seeing and Hearing, which three nodes share."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .schema import supported_kwargs

# The names of deepsound.generate.aligner.guide, whose import is too heavy for a menu; a test compares them.
UPDATES = ("published", "paper")
_LARGEST_RATE = 10.0


def rate_input(input_id: str, default: float, what: str, off: str) -> io.Float.Input:
    """A step size by latents."""
    return io.Float.Input(
        input_id,
        default=default,
        min=0.0,
        max=_LARGEST_RATE,
        step=0.001,
        tooltip=f"Step size by {what}; {default:g} as published. {off}.",
    )


def guide_inputs() -> list[io.Input]:
    """When and how often latents are updated, and the prompt's rate."""
    return [
        io.Float.Input(
            "warmup",
            default=0.2,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="Share of the steps, from the noisiest, that are not aligned; 0.2 as in the released code.",
            **_advanced(io.Float.Input),
        ),
        io.Int.Input(
            "inner_steps",
            default=1,
            min=1,
            max=20,
            tooltip="Updates after each step; 1 as in the released code. Each costs a decoding and a gradient.",
            **_advanced(io.Int.Input),
        ),
        io.Combo.Input(
            "update",
            options=list(UPDATES),
            default=UPDATES[0],
            tooltip="published: the released code's sign steps, which move every value by the rate.\n"
            "paper: the gradient times the rate.",
            **_advanced(io.Combo.Input),
        ),
        io.Float.Input(
            "prompt_rate",
            default=0.001,
            min=0.0,
            max=_LARGEST_RATE,
            step=0.0001,
            tooltip="Step size by the prompt's embedding where tune_prompt is on. Nobody published one.",
            **_advanced(io.Float.Input),
        ),
    ]


def tune_prompt_input(default: bool) -> io.Boolean.Input:
    """Whether the prompt's embedding is moved too."""
    return io.Boolean.Input(
        "tune_prompt",
        default=default,
        tooltip="Move the prompt's embedding too: the paper's remedy for a bad caption, and needed for video; more "
        "memory, since the gradient passes the denoiser.",
    )


def _advanced(kind: Any) -> dict[str, Any]:
    return supported_kwargs(kind, advanced=True)

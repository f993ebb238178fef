"""Inputs for LoRA files of the generator, from ComfyUI's folder of them."""

from __future__ import annotations

import math
from typing import Any

from comfy_api.latest import io

from deepsound.errors import InputError

from .schema import supported_kwargs

NO_LORA = "none"
_MOST_STRENGTH = 10.0


def lora_inputs(files: list[str]) -> tuple[Any, ...]:
    """One LoRA with its strength, and a text for more of them."""
    advanced = supported_kwargs(io.String.Input, advanced=True)
    return (
        io.Combo.Input(
            "lora",
            options=[NO_LORA, *files],
            default=NO_LORA,
            optional=True,
            tooltip="A LoRA from the loras models folder, trained on MMAudio with `deepsound train generator`.",
            **supported_kwargs(io.Combo.Input, advanced=True),
        ),
        io.Float.Input(
            "lora_strength",
            default=1.0,
            min=-_MOST_STRENGTH,
            max=_MOST_STRENGTH,
            step=0.05,
            optional=True,
            tooltip="How strongly the LoRA acts; 0 is without it.",
            **supported_kwargs(io.Float.Input, advanced=True),
        ),
        io.String.Input(
            "more_loras",
            default="",
            multiline=True,
            optional=True,
            tooltip="Further LoRA files of that folder, one per line, each with its strength: rain.safetensors=0.5. "
            "All are added up.",
            **advanced,
        ),
    )


def chosen_loras(lora: str, strength: float, more: str) -> list[tuple[str, float]]:
    """Names and strengths of all LoRA files that are to act. Raises InputError for a strength that is no number."""
    first = [(lora, strength)] if lora != NO_LORA else []
    found = [*first, *(_line(line) for line in more.splitlines() if line.strip())]
    for name, number in found:
        if not math.isfinite(number) or abs(number) > _MOST_STRENGTH:
            raise InputError(f"expected a strength from -10 to 10 for the LoRA {name}, got {number}; correct it.")
    return [(name, number) for name, number in found if number]


def _line(line: str) -> tuple[str, float]:
    name, equals, strength = line.strip().rpartition("=")
    if not equals:
        return line.strip(), 1.0
    try:
        return name.strip(), float(strength)
    except ValueError:
        raise InputError(f"expected FILE=STRENGTH in more_loras, got {line.strip()!r}; correct the line.") from None

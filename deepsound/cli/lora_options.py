"""The option --lora FILE[=STRENGTH] of commands that generate."""

from __future__ import annotations

import argparse
from pathlib import Path

from deepsound.errors import InputError
from deepsound.runtime.paths import expand


def add_lora_option(run: argparse.ArgumentParser) -> None:
    """Add --lora, which may be given several times."""
    run.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="FILE[=STRENGTH]",
        help="a LoRA for MMAudio, as of `deepsound train generator`; several are added up (default strength: 1)",
    )


def loras_of(options: argparse.Namespace) -> tuple[tuple[Path, float], ...]:
    """The adapters with their strengths; none for a command without the option."""
    return tuple(map(_lora, getattr(options, "lora", None) or []))


def _lora(text: str) -> tuple[Path, float]:
    path, equals, strength = text.rpartition("=")
    if not equals:
        return Path(expand(text)), 1.0
    try:
        number = float(strength)
    except ValueError:
        # A file may have "=" in its name.
        return Path(expand(text)), 1.0
    if not -10 <= number <= 10:
        raise InputError(f"expected a LoRA strength between -10 and 10, got {strength}; correct --lora.")
    return Path(expand(path)), number

"""Types of command-line options, for argparse."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

from deepsound.runtime.seeds import EXPECTED, LARGEST_SEED, is_seed

# Limits of deepsound.separate.removal and deepsound.generate.aligner.settings, whose import is too heavy for `--help`;
# a test compares them.
MOST_DB, MOST_INNER_STEPS, LARGEST_RATE = 100, 20, 10
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def strength(text: str) -> float:
    """A finite number from 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a finite number from 0, got {text!r}")
    return value


def count(text: str, most: int = 999_999_999) -> int:
    """A whole number from 1, for argparse."""
    value = int(text) if re.fullmatch(r"\s*\+?[0-9]{1,9}\s*", text) else 0
    if not 1 <= value <= most:
        upper = f" to {most}" if most < 1000 else ""
        raise argparse.ArgumentTypeError(f"expected a whole number from 1{upper}, got {text!r}")
    return value


def seed(text: str) -> int:
    """A run's seed, for argparse: 0 to 2^64 - 1, or a negative one of 64 bits, as `draft` has always taken."""
    try:
        value = int(text)
    except ValueError:
        value = LARGEST_SEED + 1
    if not is_seed(value):
        raise argparse.ArgumentTypeError(f"expected {EXPECTED}, got {text[:40]!r}")
    return value


def in_range(least: float, most: float, expected: str) -> Callable[[str], float]:
    """The type of a number from `least` to `most`, in words `expected`, for argparse."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return number


decibels = in_range(0, MOST_DB, f"0 to {MOST_DB} dB")
# The meter's gate measures nothing below, and a sound above is beyond full scale (ITU-R BS.1770-4).
loudness = in_range(-70, 0, "a loudness from -70 to 0 LUFS")
share = in_range(0, 1, "a share from 0 to 1")
step_size = in_range(0, LARGEST_RATE, f"a step size from 0 to {LARGEST_RATE}")


def age(text: str) -> float:
    """Seconds of an age such as 90m, 12h, 7d or 2w, for argparse."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a number with m, h, d or w, as in 7d, got {text!r}")
    return float(match[1]) * _SECONDS[match[2]]

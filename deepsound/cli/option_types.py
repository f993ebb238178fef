"""Types of command-line options, for argparse."""

from __future__ import annotations

import argparse
import math
import re

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


def age(text: str) -> float:
    """Seconds of an age such as 90m, 12h, 7d or 2w, for argparse."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a number with m, h, d or w, as in 7d, got {text!r}")
    return float(match[1]) * _SECONDS[match[2]]

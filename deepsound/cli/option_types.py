"""Types of command-line options, for argparse."""

from __future__ import annotations

import argparse
import math


def strength(text: str) -> float:
    """A finite number from 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a finite number from 0, got {text!r}")
    return value

"""Types of command-line options, for argparse."""

from __future__ import annotations

import argparse
import math
import re

# The value of deepsound.separate.removal.ALL_DB, whose import is too heavy for `--help`; a test compares them.
MOST_DB = 100
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


def count(text: str) -> int:
    """A whole number from 1, for argparse."""
    value = int(text) if re.fullmatch(r"\s*\+?[0-9]{1,9}\s*", text) else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return value


def decibels(text: str) -> float:
    """How much of a voice is removed, 0 to 100 dB, for argparse."""
    value = strength(text)
    if value > MOST_DB:
        raise argparse.ArgumentTypeError(f"expected 0 to {MOST_DB} dB, got {text!r}; leave it out to remove all")
    return value


def loudness(text: str) -> float:
    """A loudness target, -70 to 0 LUFS, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # The meter's gate measures nothing below, and a sound above is beyond full scale (ITU-R BS.1770-4).
    if not -70 <= value <= 0:
        raise argparse.ArgumentTypeError(f"expected a loudness from -70 to 0 LUFS, got {text!r}")
    return value


def age(text: str) -> float:
    """Seconds of an age such as 90m, 12h, 7d or 2w, for argparse."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a number with m, h, d or w, as in 7d, got {text!r}")
    return float(match[1]) * _SECONDS[match[2]]

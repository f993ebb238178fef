"""Options of `deepsound run` for the repair: voice decision, scope, spans, depth, fallback."""

from __future__ import annotations

import argparse

from deepsound.choices import (
    SCOPE_NAMES,
    SCOPES,
    VOICE_DECISION_NAMES,
    VOICE_DECISIONS,
    summary_of,
)
from deepsound.cli.option_types import decibels
from deepsound.fallback import DEFAULT_FALLBACK, FALLBACK_NAMES, FALLBACKS


def add_repair_options(run: argparse.ArgumentParser) -> None:
    """Add the voice decision, what is repaired, how much of the voice goes, and the fallback."""
    run.add_argument(
        "--voice_decision",
        "--voice-decision",
        choices=VOICE_DECISION_NAMES,
        default=VOICE_DECISION_NAMES[0],
        help=f"whether there is a voice-over: {summary_of(VOICE_DECISIONS)} (default: %(default)s)",
    )
    run.add_argument(
        "--postp_mode",
        "--fallback",
        dest="fallback",
        choices=FALLBACK_NAMES,
        default=DEFAULT_FALLBACK,
        help=f"if silence is left: {summary_of(FALLBACKS)} (default: %(default)s)",
    )
    run.add_argument(
        "--scope",
        choices=SCOPE_NAMES,
        help=f"what is repaired: {summary_of(SCOPES)} (default: the preset's, else {SCOPE_NAMES[0]})",
    )
    run.add_argument(
        "--spans",
        default="",
        metavar="FILE|TEXT",
        help="repair these spans and no others: seconds as in '1.2-3.4, 5-6', or JSON as `segments` of a result is; "
        "an action may be keep, remove or one of --fallback",
    )
    run.add_argument(
        "--removal_db",
        "--removal-db",
        type=decibels,
        metavar="DB",
        help="make the voice this many dB quieter in place of removing it (default: all of it is removed)",
    )
    run.add_argument(
        "--keep_ambience",
        "--keep-ambience",
        action="store_true",
        help="where the voice is removed, fill in the room tone of the stretches without a voice",
    )

"""Tables of a run's choices (names, labels, help), read by every surface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar

from deepsound.errors import InputError

OptionT = TypeVar("OptionT", bound="Option")


@dataclass(frozen=True)
class Option:
    """One value of a choice: `name` is what programs write, `label` what a menu shows, `help` what it does."""

    name: str
    label: str
    help: str


@dataclass(frozen=True)
class ModeOption(Option):
    """Which steps are taken; `falls_back` where step 4 is among them."""

    falls_back: bool = True


@dataclass(frozen=True)
class ScopeOption(Option):
    """What is repaired; `by_span` where that is each voiced span on its own."""

    by_span: bool = True


@dataclass(frozen=True)
class PrecisionOption(Option):
    """A precision; `of_networks` where every network can be computed in it, not a language model alone."""

    of_networks: bool = True
    package: str = ""


MODES = (
    ModeOption("s4", "all steps", "all steps"),
    ModeOption("s3", "without the fallback for silence", "without the fallback for silence", falls_back=False),
)
SCOPES = (
    ScopeOption("segments", "voiced spans only", "only the voiced spans change, the rest stays bit for bit"),
    ScopeOption("clip", "the whole clip", "one verdict, removal and fallback for the clip, as published", False),
)
UNDECIDED = (
    Option("no", "no: the coarse sound is kept", "the coarse sound is kept"),
    Option("yes", "yes: the voice is removed", "the voice is removed"),
)
VOICE_DECISIONS = (
    Option("auto", "as step 2 judges", "step 2 judges"),
    Option("always", "always: the voice is removed", "counts as voice-over; no judge is asked"),
    Option("never", "never: the sound is kept", "counts as none; no judge is asked, nothing is removed"),
)
SEPARATOR_MODES = (
    Option("equal_overlap", "equal chunks", "equal chunks that overlap by a second, in half the work"),
    Option("published", "as published", "chunks and fades as in the original, to the sample"),
)
PICKS = (
    Option(
        "auto", "voice-free, then in sync", "voice-free, then in sync, then like the picture (ImageBind) if installed"
    ),
    Option("voice", "the least voice", "the least voice"),
    Option(
        "sync",
        "the best in sync",
        "in sync, by Synchformer if installed, else by onsets at visible impacts",
    ),
    Option("ib", "most like the picture", "like the picture, by ImageBind, whose weights must be installed"),
)
PRECISIONS = (
    PrecisionOption("auto", "chosen by the machine", "16 bit where the device is fast in it, else 32 bit"),
    PrecisionOption("fp32", "32 bit", "32 bit floating point"),
    PrecisionOption("bf16", "16 bit (bfloat16)", "16 bit with the range of 32"),
    PrecisionOption("fp16", "16 bit (float16)", "16 bit with more digits and less range"),
    PrecisionOption("int8", "8 bit", "8 bit, language models only", False, "bitsandbytes"),
    PrecisionOption("nf4", "4 bit", "4 bit, language models only", False, "bitsandbytes"),
)


def names_of(options: Iterable[Option]) -> tuple[str, ...]:
    """The names of a table, in its order."""
    return tuple(option.name for option in options)


MODE_NAMES = names_of(MODES)
PICK_NAMES = names_of(PICKS)
SCOPE_NAMES = names_of(SCOPES)
UNDECIDED_NAMES = names_of(UNDECIDED)
VOICE_DECISION_NAMES = names_of(VOICE_DECISIONS)
SEPARATOR_MODE_NAMES = names_of(SEPARATOR_MODES)
NETWORK_PRECISIONS = names_of(row for row in PRECISIONS if row.of_networks)
REASONER_PRECISIONS = names_of(PRECISIONS)


def option(what: str, name: str, options: Sequence[OptionT]) -> OptionT:
    """The row called `name`. Raises InputError, which lists the names, for one that is not in the table."""
    found = next((row for row in options if row.name == name), None)
    if found is None:
        raise InputError(f"{what} is {name!r}; choose one of: {', '.join(names_of(options))}.")
    return found


def lines_of(options: Iterable[Option]) -> str:
    """The table as a tooltip shows it: `name: help` line by line."""
    return "\n".join(f"{row.name}: {row.help}" for row in options)


def summary_of(options: Iterable[Option]) -> str:
    """The table in one line, as a command's help shows it."""
    return "; ".join(f"{row.name}: {row.help}" for row in options)


def precision_limits(names: Sequence[str]) -> str:
    """Which of the precisions `names` cannot be used here for want of a package; empty where all can."""
    lacking = [row for row in PRECISIONS if row.name in names and row.package and find_spec(row.package) is None]
    if not lacking:
        return ""
    return (
        f"{', '.join(row.name for row in lacking)}: not usable here; they need the package {lacking[0].package} and an "
        "NVIDIA GPU."
    )

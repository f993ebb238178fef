"""A run's settings from the page, every value validated: a request can come from anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from deepsound import engines
from deepsound.choices import MODE_NAMES, PICK_NAMES, SCOPE_NAMES
from deepsound.errors import InputError
from deepsound.fallback import DEFAULT_FALLBACK, FALLBACK_NAMES
from deepsound.outcome import Fallback, Mode
from deepsound.presets import DEFAULT_PRESET, PRESET_NAMES
from deepsound.rank.limits import MOST_TAKES

AUTO = "auto"
MOST_WORDS = 2000
MOST_SECONDS = 3600.0
LARGEST_SEED = 2**53 - 1
AUTO_WINDOW = -1.0
LONGEST_WINDOW = 60.0


@dataclass(frozen=True)
class RunRequest:
    """One run's settings: `duration_s` None means the whole clip, `window_s` None the preset's window.

    With the `pick` "", every one of the `takes` is finished, else the best alone.
    """

    prompt: str = ""
    negative_prompt: str = ""
    generator: str = AUTO
    reasoner: str = AUTO
    separator: str = AUTO
    mode: Mode = MODE_NAMES[0]
    fallback: Fallback = DEFAULT_FALLBACK
    duration_s: float | None = None
    seed: int = 42
    preset: str = DEFAULT_PRESET
    scope: str = ""
    window_s: float | None = None
    takes: int = 1
    pick: str = ""

    @classmethod
    def of(
        cls,
        prompt: object,
        negative_prompt: object,
        generator: object,
        reasoner: object,
        separator: object,
        mode: object,
        fallback: object,
        duration: object,
        seed: object,
        preset: object = DEFAULT_PRESET,
        scope: object = "",
        window: object = AUTO_WINDOW,
        takes: object = 1,
        pick: object = "",
    ) -> RunRequest:
        """The settings as the page sends them, a duration of 0 s for the whole clip and a window of -1 s for auto.

        Raises InputError.
        """
        count = _count(takes)
        return cls(
            prompt=_words("The prompt", prompt),
            negative_prompt=_words("The negative prompt", negative_prompt),
            generator=_engine("generator", generator),
            reasoner=_engine("reasoner", reasoner),
            separator=_engine("separator", separator),
            mode=_option("The last step", mode, MODE_NAMES),
            fallback=_option("The fallback", fallback, FALLBACK_NAMES),
            duration_s=_seconds(duration),
            seed=_seed(seed),
            preset=_option("The preset", preset, PRESET_NAMES),
            scope=_option("The scope", scope, ("", *SCOPE_NAMES)),
            window_s=_window(window),
            takes=count,
            pick=_pick(pick, count),
        )


def _words(what: str, value: object) -> str:
    text = "" if value is None else value
    if not isinstance(text, str) or len(text) > MOST_WORDS:
        raise InputError(f"{what}: expected text of at most {MOST_WORDS} characters; shorten it.")
    return " ".join(text.split())


def _engine(kind: engines.Kind, value: object) -> str:
    return _option(f"The {kind}", value, (AUTO, *engines.names(kind)))


def _option(what: str, value: object, options: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in options:
        raise InputError(f"{what}: expected one of {', '.join(options)}, got {str(value)[:60]!r}; choose one of them.")
    return value


def _seconds(value: object) -> float | None:
    number = _number("The duration", 0 if value is None else value)
    if not 0 <= number <= MOST_SECONDS:
        raise InputError(
            f"The duration is {number:g} s; expected a number from 0 (the whole clip) to {MOST_SECONDS:g} seconds."
        )
    return number or None


def _window(value: object) -> float | None:
    number = _number("The window", AUTO_WINDOW if value is None else value)
    if number == AUTO_WINDOW:
        return None
    if number and not 2 <= number <= LONGEST_WINDOW:
        raise InputError(
            f"The window: expected -1 (auto), 0 (one pass) or 2 to {LONGEST_WINDOW:g} seconds, got {number:g}; "
            "choose another."
        )
    return number


def _count(value: object) -> int:
    number = _number("The takes", value)
    if not number.is_integer() or not 1 <= number <= MOST_TAKES:
        raise InputError(f"The takes: expected a whole number from 1 to {MOST_TAKES}, got {number:g}; choose another.")
    return int(number)


def _pick(value: object, takes: int) -> str:
    pick = _option("The pick", value, ("", *PICK_NAMES))
    if pick and takes == 1:
        raise InputError(f"The pick: expected 2 takes or more to pick the best by {pick!r}, got 1; make more takes.")
    return pick


def _seed(value: object) -> int:
    number = _number("The seed", value)
    if not number.is_integer() or not 0 <= number <= LARGEST_SEED:
        raise InputError(f"The seed: expected a whole number from 0 to {LARGEST_SEED}, got {number:g}; choose another.")
    return int(number)


def _number(what: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{what}: expected a number, got {str(value)[:60]!r}; enter one.")
    return number

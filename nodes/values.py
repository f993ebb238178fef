"""Checks of a node's input values, before any work."""

from __future__ import annotations

import math
from typing import Any

from deepsound.errors import InputError


def refusal_of(cls: Any, **values: Any) -> bool | str:
    """What `validate_inputs` answers ComfyUI about inputs of node `cls`: True, or what is wrong with the first bad one.

    Called with the `locals()` of a `validate_inputs`, it checks every input that this names.
    """
    try:
        check_values(cls, **values)
    except InputError as error:
        return str(error)
    return True


def check_values(node: Any, **values: Any) -> None:
    """Raise InputError for a number outside its input's range or not finite, and for text that is no Unicode.

    None passes: a connected input is not known before the run. ComfyUI checks ranges only of inputs that
    `validate_inputs` does not name, and lets NaN pass.
    """
    inputs = {item.id: item for item in node.define_schema().inputs}
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, str):
            check_text(name, value)
        else:
            check_number(name, value, getattr(inputs[name], "min", None), getattr(inputs[name], "max", None))


def check_text(name: str, text: str) -> None:
    """Raise InputError for text with a lone surrogate: half of a UTF-16 pair, which nothing can store or send."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name}: expected Unicode text, got half of a character (U+{ord(text[error.start]):04X}) at place "
            f"{error.start + 1}; type the text again."
        ) from None


def check_number(name: str, value: Any, low: float | None, high: float | None) -> None:
    """Raise InputError unless it is a finite number from `low` to `high`."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    # The highest seed has no float: it would round to one above the range.
    exact = value if isinstance(value, int) else number
    below, above = low is not None and exact < low, high is not None and exact > high
    if not math.isfinite(number) or below or above:
        allowed = "" if low is None or high is None else f" from {low:.12g} to {high:.12g}"
        raise InputError(f"{name}: expected a number{allowed}, got {repr(value)[:60]}; enter another one.")

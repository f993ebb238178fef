"""Argument checks of the Python API: types, and numbers that are finite, before any work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from numbers import Real
from operator import index
from os import PathLike
from typing import Any, ParamSpec, TypeVar

from deepsound.errors import InputError
from deepsound.runtime.seeds import EXPECTED, is_seed
from deepsound.types import GenerationRequest

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Rule:
    """What an argument must be: `holds` of a value, the words for it, and an example that would do."""

    holds: Callable[[Any], bool]
    expected: str
    example: str


def _is_whole(value: object) -> bool:
    # Whatever counts as an index does, a NumPy integer for instance; True is a slip.
    try:
        return type(value).__name__ not in ("bool", "bool_") and index(value) == value  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and type(value).__name__ not in ("bool", "bool_")


def _or_none(rule: _Rule) -> _Rule:
    return _Rule(lambda value: value is None or rule.holds(value), f"{rule.expected} or None", rule.example)


def _is_flag(value: object) -> bool:
    return type(value).__name__ in ("bool", "bool_") or (isinstance(value, int) and value in (0, 1))


def _is_path(value: object) -> bool:
    return isinstance(value, (str, PathLike)) and not isinstance(value, bytes)


_TEXT = _Rule(lambda value: isinstance(value, str), "text", '"rain"')
_NAME = _Rule(lambda value: isinstance(value, str), "a name", '"auto"')
_FLAG = _Rule(_is_flag, "True or False", "True")
_WHOLE = _Rule(_is_whole, "a whole number", "42")
_COUNT = _Rule(lambda value: _is_whole(value) and value >= 1, "a whole number from 1", "25")
_SECONDS = _Rule(_is_number, "a number of seconds", "1.5")
_FINITE = _Rule(lambda value: _is_number(value) and math.isfinite(value), "a finite number", "-16.0")
_STRENGTH = _Rule(
    lambda value: _is_number(value) and math.isfinite(value) and value >= 0, "a finite number from 0", "4.5"
)
# Above 0 LUFS a sound would be beyond full scale, below -70 the meter's gate measures nothing (ITU-R BS.1770-4).
_LOUDNESS = _Rule(lambda value: _is_number(value) and -70 <= value <= 0, "a loudness from -70 to 0 LUFS", "-16.0")

_RULES: Mapping[str, _Rule] = {
    "video": _Rule(_is_path, "a path", '"clip.mp4"'),
    "output_dir": _Rule(_is_path, "a path", '"outputs"'),
    **dict.fromkeys(("prompt", "negative_prompt"), _TEXT),
    "spans": _Rule(lambda value: isinstance(value, str), "text", '"1.2-3.4, 5-6"'),
    "output_template": _Rule(lambda value: isinstance(value, str), "text", '"{stem}.{seed}"'),
    **dict.fromkeys(
        ("generator", "reasoner", "separator", "preset", "undecided", "mode", "fallback", "scope", "pick"), _NAME
    ),
    **dict.fromkeys(("container", "length", "voice_decision", "stem_format"), _NAME),
    "downmix": _or_none(_NAME),
    **dict.fromkeys(
        ("write_video", "overwrite", "pictures", "step_videos", "stems", "timeline", "keep_ambience"), _FLAG
    ),
    "seed": _Rule(lambda value: _is_whole(value) and is_seed(index(value)), EXPECTED, "42"),
    "takes": _WHOLE,
    "audio_track": _or_none(_WHOLE),
    "steps": _or_none(_COUNT),
    "start_s": _SECONDS,
    "duration_s": _or_none(_SECONDS),
    "guidance": _or_none(_STRENGTH),
    "window_s": _or_none(_FINITE),
    "target_lufs": _or_none(_LOUDNESS),
    "removal_db": _or_none(_STRENGTH),
}


def check_arguments(arguments: Mapping[str, object]) -> None:
    """Raise InputError for the first of the arguments, by name, that is not what its name takes; others pass."""
    for name, value in arguments.items():
        rule = _RULES.get(name)
        if rule is not None and not rule.holds(value):
            shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
            kind = "" if value is None else f" ({type(value).__name__})"
            raise InputError(f"{name}: expected {rule.expected}, got {shown}{kind}; give one such as {rule.example}.")


def check_request(request: GenerationRequest) -> None:
    """Raise InputError where a field of the request is of a wrong type or no number."""
    if not isinstance(request, GenerationRequest):
        raise InputError(
            f"request: expected a GenerationRequest, got {type(request).__name__}; make one of deepsound.types."
        )
    check_arguments({name: value for name, value in vars(request).items() if name != "avoid"})


def with_plain_numbers(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """The function, called with Python's own numbers where NumPy's (or a tensor's) are given, in requests too.

    What the checks above let pass would fail later otherwise: in arithmetic, or in the record, which is JSON.
    """

    @wraps(function)
    def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        return function(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})

    return call


def _plain(value: Any) -> Any:
    if isinstance(value, GenerationRequest):
        return replace(value, **{name: _plain(each) for name, each in vars(value).items()})
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if _is_whole(value):
        return index(value)
    return float(value) if isinstance(value, Real) else value

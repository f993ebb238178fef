"""Reader of result records: bounded, by schema version; raises InputError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.outputs.record import SCHEMA_VERSION
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.paths import escaped

_WHAT = "a result record"


def read_result(path: Path | str) -> dict[str, Any]:
    """The record of a finished run as plain data; keys that an older version did not write are left out.

    Raises InputError for a record that a newer version wrote, for a file that is not a record, and for a key that
    programs rely on whose value is of the wrong kind.
    """
    path = Path(path)
    record = read_json_object(path, _WHAT)
    version = record.get("schema_version", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise InputError(
            f"{escaped(path)}: schema_version is {version!r:.200}, expected a number; run the video again."
        )
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{escaped(path)} is of a newer version ({record.get('deepsound_version')!r:.50}, schema {version}; "
            f"this one reads up to {SCHEMA_VERSION}); upgrade, or run the video again."
        )
    for key, (expected, is_valid) in _KEYS.items():
        if key in record and record[key] is not None and not is_valid(record[key]):
            raise InputError(
                f"{escaped(path)}: {key} is {record[key]!r:.200}, expected {expected}; run the video again."
            )
    return record


def files_of(record: dict[str, Any]) -> set[str]:
    """The names of the files that a record says its run made."""
    keys = ("step1_audio_path", "step3_audio_path", "neg_audio_path", "final_audio_path", "final_video_path")
    return {Path(record[key]).name for key in keys if record.get(key)} | set(record.get("files") or ())


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_spans(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(span, list) and len(span) == 2 and all(_is_number(time_s) for time_s in span) for span in value
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


# What programs rely on: what it is to be, and whether it is. None stands for "not made" or "not known" throughout.
_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        (
            "step1_audio_path",
            "step3_audio_path",
            "neg_audio_path",
            "final_audio_path",
            "final_video_path",
            "step1_video_path",
            "step3_video_path",
            "neg_video_path",
            "voice_audio_path",
            "video_input",
        ),
        ("a file name", _is_file_name),
    ),
    **dict.fromkeys(("is_vo", "is_silent"), ("true or false", _is(bool))),
    **dict.fromkeys(
        ("mode", "postp_mode", "final_from", "verdict", "category", "deepsound_version"), ("text", _is(str))
    ),
    **dict.fromkeys(("request", "engines", "reasoning", "loudness", "files", "links"), ("an object", _is(dict))),
    "steps": ("a list", _is(list)),
    "weights": ("a list", _is(list)),
    "voice_spans_s": ("a list of [start, end] in seconds", _is_spans),
    "total_s": ("a number of seconds", _is_number),
}

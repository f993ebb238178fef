"""Record of a batch's clip, `<stem>.batch.json`: written last, it marks the clip as done."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from deepsound import __version__
from deepsound.batch.clips import Job
from deepsound.errors import DeepSoundError, InputError, OutputError
from deepsound.media.files import atomic_write, check_output_path, output_error
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY, versioned
from deepsound.runtime.paths import escaped, exists

SUFFIX = ".batch.json"
# A record has a few kilobytes; a server's texts may be longer.
_MAX_BYTES = 16 << 20
# The key of `details` in the file, as versions before 0.4 wrote it.
_DETAILS_KEY = "told"
_SCHEMA = "clip"
# A century: more seconds than any run took.
_MAX_SECONDS = 3.2e9


class DamagedRecord(InputError):
    """A record is there and cannot be used; the message says why."""


@dataclass(frozen=True)
class Record:
    """How a clip ended: with which fingerprint, in how many seconds, by whom, with which files or for which reason.

    `files` maps names in the record's folder to sizes in bytes; `details` are figures of the result for the summary.
    """

    label: str
    status: Literal["done", "failed"]
    fingerprint: str
    seconds: float
    message: str = ""
    files: dict[str, int] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    deepsound_version: str = __version__
    ended_at: float = field(default_factory=time.time)

    def write(self, path: Path) -> None:
        """Put the record in place in one move. Raises OutputError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(path.parent, error) from error
        content = asdict(self)
        content[_DETAILS_KEY] = content.pop("details")
        with atomic_write(path) as partial:
            partial.write_bytes(_json_line(versioned(_SCHEMA, content)))

    @classmethod
    def load(cls, path: Path) -> Record | None:
        """The record of a clip; None where there is none.

        Raises DamagedRecord for one that is not right, OutputError where none could be.
        """
        if not exists(path, OutputError):
            return None
        content = read_json_object(path, "a clip's record", DamagedRecord, _MAX_BYTES)
        try:
            return cls(**_validate(content))
        except ValueError as error:
            raise DamagedRecord(f"{escaped(path)} is not a clip's record: {error}.") from None

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record of a clip; None where there is none that is right."""
        with suppress(DeepSoundError):
            return cls.load(path)
        return None


def record_path(output_dir: Path, job: Job, suffix: str = SUFFIX) -> Path:
    """Where a clip's record is."""
    return output_dir / job.folder / f"{job.video.stem}{suffix}"


def is_done(path: Path, fingerprint: str) -> bool:
    """Whether the record says done with this fingerprint, and all its files are there in their sizes.

    Raises DamagedRecord for a record that is not right, OutputError where none could be.
    """
    record = Record.load(path)
    if record is None or record.status != "done" or record.fingerprint != fingerprint:
        return False
    try:
        return all((path.parent / name).stat().st_size == size for name, size in record.files.items())
    except OSError:
        return False


def delete_record(path: Path) -> None:
    """Remove a record before its clip's files are touched. Raises OutputError."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except IsADirectoryError:
        check_output_path(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"Cannot replace {escaped(path)}: {reason}; shorten the video's name.") from error


def check_record_name(path: Path) -> None:
    """Raise OutputError where the file system has no room for the record's name, before any work on the clip."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"Cannot write {escaped(path)}: {reason}; shorten the video's name.") from error


def _json_line(content: dict[str, Any]) -> bytes:
    # Bytes of a file name that are no UTF-8 become \udcNN escapes, which read back as the same name.
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _validate(content: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a Record. Raises ValueError that names the first value that is not right."""
    content = {("details" if key == _DETAILS_KEY else key): value for key, value in content.items()}
    known = {one.name for one in fields(Record)}
    if VERSION_KEY in content:
        _check_version(content[VERSION_KEY])
        # What a later version adds without a new schema is none of this one's business.
        content = {key: value for key, value in content.items() if key in known}
    if unknown := sorted(content.keys() - known):
        raise ValueError(f"it has {unknown[0][:40]!r}, which this version does not know")
    for key in ("label", "status", "fingerprint", "seconds"):
        if key not in content:
            raise ValueError(f"it has no {key!r}")
    for key in ("label", "fingerprint", "message", "worker", "deepsound_version"):
        _require(key, content.get(key, ""), isinstance(content.get(key, ""), str), "text")
    for key in ("seconds", "ended_at"):
        _require(key, content.get(key, 0), _is_number(content.get(key, 0)), "a number of seconds")
    _require("status", content["status"], content["status"] in ("done", "failed"), "'done' or 'failed'")
    files, details = content.get("files", {}), content.get("details", {})
    _require("files", files, isinstance(files, dict), "an object")
    for name, size in files.items():
        _require(f"files[{name[:40]!r}]", size, type(size) is int and size >= 0, "a size in bytes")
        _require("files", name, _is_plain_name(name), "names of files beside the record")
    _require(_DETAILS_KEY, details, isinstance(details, dict), "an object")
    _check_details(details)
    return content


def _check_version(version: Any) -> None:
    """Raise ValueError for a schema version that is none, or newer than this program. Records of 0.3.0 have none."""
    _require(VERSION_KEY, version, type(version) is int and version >= 1, "a number from 1")
    newest = SCHEMAS[_SCHEMA].version
    if version > newest:
        raise ValueError(f"it is of a newer version (schema {version}; this one reads up to {newest})")


def _check_details(details: dict[str, Any]) -> None:
    """Raise ValueError unless what the summary counts is text, and what it adds up are numbers."""
    for key in ("verdict", "category", "final_from", "generator", "reasoner", "separator"):
        value = details.get(key)
        _require(key, value, value is None or isinstance(value, str), "text")
    level = details.get("final_lufs")
    _require("final_lufs", level, level is None or _is_number(level, least=-1000), "a level in LUFS")
    notes = details.get("notes", [])
    _require("notes", notes, isinstance(notes, list) and all(isinstance(note, str) for note in notes), "texts")
    steps = details.get("step_seconds", {})
    _require("step_seconds", steps, isinstance(steps, dict) and all(map(_is_number, steps.values())), "seconds by step")


def _require(key: str, value: Any, is_right: bool, expected: str) -> None:
    if not is_right:
        raise ValueError(f"expected {key} to be {expected}, got {repr(value)[:60]}")


def _is_number(value: Any, least: float = 0.0) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(min(value, 2 * _MAX_SECONDS))
        and least <= value <= _MAX_SECONDS
    )


def _is_plain_name(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not any(letter in name for letter in "/\\\0")

"""Settings files: where they are, whether there are any, and their TOML as plain values."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.runtime.environment import other_variables
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import escaped, expand, is_file

# Names the user's file; "none" reads no file at all.
VARIABLE = "DEEPSOUND_CONFIG"
PROJECT_FILE = "deepsound.toml"
_MOST_BYTES = 1 << 20


def reads_no_file() -> bool:
    """Whether the environment asks for no settings file at all."""
    return os.environ.get(VARIABLE, "").lower() == "none"


def user_file() -> Path | None:
    """The user's file, or the one that the environment names; None where there is none. Raises InputError."""
    named = os.environ.get(VARIABLE, "")
    if reads_no_file():
        return None
    if named:
        if not is_file(expand(named)):
            raise InputError(f"{VARIABLE} names {named}, which is not a file; correct it, or set it to none.")
        return expand(named)
    base = os.environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME") or "~/.config"
    try:
        user = expand(Path(base) / "deepsound" / "config.toml")
    except InputError:
        return None
    return user if is_file(user) else None


def has_settings() -> bool:
    """Whether a file or the environment may set anything. Raises InputError as `user_file` does."""
    if other_variables():
        return True
    return not reads_no_file() and (user_file() is not None or is_file(PROJECT_FILE))


def read_toml(path: Path) -> Mapping[str, Any]:
    """The content of a TOML file of at most 1 MiB. Raises InputError, MissingPackage on Python 3.10 without tomli."""
    try:
        import tomllib
    except ImportError:
        try:
            import tomli as tomllib  # type: ignore[no-redef, import-not-found, unused-ignore]
        except ImportError:
            raise missing_package(f"{escaped(path)} is TOML, which Python 3.10 reads with tomli", "tomli") from None
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError("it is larger than 1 MiB")
        return tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{escaped(path)} cannot be read as settings: {str(error)[:200]}. Correct the file, or remove it."
        ) from error

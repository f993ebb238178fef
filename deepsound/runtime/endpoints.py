"""Configured OpenAI-compatible servers: addresses, models and keys, by a name of one's own.

They come from the user's settings file, tables [endpoints.NAME], and from DEEPSOUND_SERVER_URL, _MODEL, _KEY and so on,
which make the endpoint `default`. Nothing else can name a server: no graph, no table of clips, no folder's settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from deepsound.errors import DeepSoundError, InputError
from deepsound.runtime.environment import SERVER_PREFIX
from deepsound.runtime.settings_file import read_toml, user_file

TABLE = "endpoints"
PREFIX = SERVER_PREFIX
OF_THE_ENVIRONMENT = "default"
Sound = Literal["words", "input_audio"]
Pictures = Literal["images", "video"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_SWITCHES = ("schema", "examples", "stream")
_NUMBERS = {
    "frames": (1, 64),
    "timeout_s": (1, 3600),
    "retries": (0, 10),
    "max_tokens": (16, 32768),
}


@dataclass(frozen=True)
class Endpoint:
    """A server that judges: `url` up to and with `/v1`, the `model` it is asked for, and its `key`, if it wants one.

    `sound`: "input_audio" where the model takes sound, else the voice detector's words. `pictures`: `frames` of them
    as images, or as one video. With `schema` a JSON schema is asked for first. `examples` adds four worked answers.
    With `stream` the answer is asked for as it is written.
    A question may take `timeout_s` seconds, and is asked again `retries` times where the server is busy.
    """

    name: str
    url: str
    model: str = ""
    key: str = field(default="", repr=False)
    sound: Sound = "words"
    pictures: Pictures = "images"
    frames: int = 8
    schema: bool = True
    examples: bool = False
    timeout_s: int = 120
    retries: int = 3
    max_tokens: int = 1024
    stream: bool = True

    @property
    def origin(self) -> str:
        """Scheme, host and port, for a person."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def endpoints() -> dict[str, Endpoint]:
    """The configured servers by name. Raises InputError for settings that cannot be, never with the key in it."""
    found = {}
    file = user_file()
    tables = read_toml(file).get(TABLE, {}) if file is not None else {}
    if not isinstance(tables, Mapping):
        raise InputError(f"{TABLE}: expected tables such as [{TABLE}.lab], got {type(tables).__name__}; correct it.")
    for name, table in tables.items():
        found[name] = _endpoint(name, table, f"[{TABLE}.{name}]")
    own = _of_the_environment()
    if own:
        found[OF_THE_ENVIRONMENT] = _endpoint(OF_THE_ENVIRONMENT, own, f"{PREFIX}*")
    return found


def endpoint_names() -> tuple[str, ...]:
    """The names that a menu offers; none where the settings cannot be read, which the engine says when it runs."""
    try:
        return tuple(endpoints())
    except DeepSoundError:
        return ()


def endpoint(name: str) -> Endpoint:
    """The server of that name; an empty one is the only one, or `default`. Raises InputError."""
    found = endpoints()
    if not found:
        raise InputError(
            f"expected a configured server, got none; add [{TABLE}.NAME] with url and model to the settings file, or "
            f"set {PREFIX}URL."
        )
    chosen = name or (OF_THE_ENVIRONMENT if len(found) > 1 else next(iter(found)))
    if chosen not in found:
        near = get_close_matches(chosen, found, n=1)
        hint = f"Did you mean server:{near[0]}? " if near else ""
        raise InputError(
            f"expected the name of a configured server, got {chosen[:80]!r}. {hint}Configured: {', '.join(found)}."
        )
    return found[chosen]


def _of_the_environment() -> dict[str, Any]:
    names = [field.name for field in fields(Endpoint) if field.name != "name"]
    given = {name: os.environ.get(PREFIX + name.upper(), "") for name in names}
    given = {name: text for name, text in given.items() if text}
    return {name: _typed(name, text) for name, text in given.items()}


def _typed(option: str, text: str) -> Any:
    if option in _NUMBERS and text.isdecimal():
        return int(text)
    if option in _SWITCHES and text.lower() in ("true", "1", "false", "0"):
        return text.lower() in ("true", "1")
    return text


def _endpoint(name: str, table: Any, source: str) -> Endpoint:
    if not _NAME.fullmatch(str(name)):
        raise InputError(f"{source}: expected a name of letters, digits, - and _, got {str(name)[:80]!r}; rename it.")
    if not isinstance(table, Mapping):
        raise InputError(f"{source}: expected a table with url and model, got {type(table).__name__}; correct it.")
    values = dict(table)
    values["key"] = _key(values, source)
    known = {field.name for field in fields(Endpoint)} - {"name"}
    for option in values:
        if option not in known:
            raise InputError(f"{source}: expected one of {', '.join(sorted(known))}, got {option!r}; correct it.")
    _check_values(values, source)
    return Endpoint(str(name), _url(values.pop("url", ""), source), **values)


def _key(values: dict[str, Any], source: str) -> str:
    """The key itself, or what the variable named by `key_env` holds; no message shows it."""
    variable = values.pop("key_env", None)
    key = values.get("key", "")
    if variable is not None:
        key = os.environ.get(str(variable), "")
        if not key:
            raise InputError(
                f"{source}: key_env: expected the name of a variable that is set, got one that is not; set it."
            )
    if key and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise InputError(f"{source}: key: expected printable ASCII without spaces, got something else; correct it.")
    return str(key)


def _check_values(values: Mapping[str, Any], source: str) -> None:
    for option, value in values.items():
        if option in _NUMBERS:
            least, most = _NUMBERS[option]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InputError(f"{source}: {option}: expected {least} to {most}, got {value!r}; correct it.")
        elif option in _SWITCHES and not isinstance(value, bool):
            raise InputError(f"{source}: {option}: expected true or false, got {value!r}; correct it.")
    for option, choices in (("sound", get_args(Sound)), ("pictures", get_args(Pictures))):
        if values.get(option, choices[0]) not in choices:
            raise InputError(
                f"{source}: {option}: expected {' or '.join(choices)}, got {values[option]!r}; correct it."
            )
    if not isinstance(values.get("model", ""), str):
        raise InputError(f"{source}: model: expected text, got {values['model']!r}; correct it.")


def _url(url: Any, source: str) -> str:
    """The address without a slash at its end. Keys have a place of their own, where they are not shown."""
    try:
        parts = urlsplit(str(url))
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    is_plain = str(url).isascii() and str(url).isprintable() and " " not in str(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not is_plain:
        raise InputError(f"{source}: url: expected http://HOST:PORT/v1 or https://…, got something else; correct it.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InputError(
            f"{source}: url: expected an address without user, password, ? and #, got one with; put a key into key_env."
        )
    return str(url).rstrip("/")

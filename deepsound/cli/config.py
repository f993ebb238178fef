"""Configuration files and environment of the command line: the defaults that flags beat.

The user's config.toml comes first, then the project's deepsound.toml, then the environment; later ones win. A file has
option names as the long flags have them, with underscores: at the top for every command that knows them, in a table
such as [run] for one. The environment has DEEPSOUND_GENERATOR for --generator, and so on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import print_json
from deepsound.cli.parser import did_you_mean, subcommands
from deepsound.errors import DeepSoundError, InputError
from deepsound.runtime.environment import PREFIX, VARIABLES, other_variables
from deepsound.runtime.paths import escaped, is_file
from deepsound.runtime.settings_file import PROJECT_FILE, read_toml, reads_no_file, user_file

# The name of deepsound.runtime.endpoints.TABLE, whose import takes longer than all of this; a test compares them.
ENDPOINTS = "endpoints"
# Options of a single run, which are no defaults.
_NEVER = {"help", "version", "command", "video_input", "dry_run", "paths"}


@dataclass(frozen=True)
class Setting:
    """One option of one command: its value and where that comes from."""

    command: str
    name: str
    value: Any
    source: str


def add_config(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], build_parser: Callable[[], argparse.ArgumentParser]
) -> None:
    """Add `config` to the command line whose parser `build_parser` builds."""
    config = commands.add_parser(
        "config",
        help="settings from files and the environment, with the source of each",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = config.add_subparsers(required=True, metavar="ACTION")
    shown = actions.add_parser(
        "show",
        help="every setting that is not the default, and where it comes from",
        description=f"Later ones win: {user_file_text()}, {PROJECT_FILE} in the working folder, {PREFIX}<OPTION> in "
        "the environment, flags.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shown.add_argument("--json", action="store_true", help="print the settings as JSON")
    shown.set_defaults(command=partial(show, build_parser))


def show(build_parser: Callable[[], argparse.ArgumentParser], options: argparse.Namespace) -> int:
    """Print the settings that files and the environment make. Raises InputError for one that cannot be."""
    settings = [*configure(build_parser()), *_servers()]
    if options.json:
        print_json("setting", [setting.__dict__ for setting in settings])
    for setting in settings if not options.json else ():
        print(f"{setting.command} {setting.name} = {setting.value!r}  ({setting.source})")
    if not settings and not options.json:
        print(f"Nothing is set; {user_file_text()} and {PROJECT_FILE} are where settings go.")
    return 0


def _servers() -> Iterator[Setting]:
    """The configured judging servers by name, with the model that each is asked for; no address and no key."""
    from deepsound.runtime import endpoints

    file, variables = user_file(), [name for name in os.environ if name.startswith(endpoints.PREFIX)]
    for name, server in endpoints.endpoints().items():
        of_the_environment = name == endpoints.OF_THE_ENVIRONMENT and variables
        source = f"{endpoints.PREFIX}*" if of_the_environment else escaped(file or "")
        yield Setting(ENDPOINTS, name, server.model, source)


def configure(parser: argparse.ArgumentParser) -> list[Setting]:
    """Make what files and the environment say the defaults of `parser`'s commands, and return what was set.

    Raises InputError for a file that cannot be read and for a setting that no command knows.
    """
    commands = subcommands(parser)
    made: dict[tuple[str, str], Setting] = {}
    for path in _files():
        for setting in _settings(read_toml(path), commands, escaped(path)):
            made[setting.command, setting.name] = setting
    for setting in _from_environment(commands):
        made[setting.command, setting.name] = setting
    for setting in made.values():
        commands[setting.command].set_defaults(**{setting.name: setting.value})
    return list(made.values())


def unread_variables(parser: argparse.ArgumentParser) -> list[str]:
    """What the environment sets with this project's prefix though nothing reads it: one sentence for each name.

    `parser` has all commands. Keys of servers have the names that the user's file gives them, and are read.
    """
    found = other_variables()
    if not found:
        return []
    options = {
        PREFIX + name.upper(): f"`deepsound {command} --{name}`"
        for command, own in reversed(subcommands(parser).items())
        for name in _options(own)
    }
    meanings = {**options, **VARIABLES}
    # The ends alone are compared: all names begin alike.
    ends = {name.removeprefix(PREFIX): name for name in meanings}
    sentences = []
    for name in sorted(set(found) - options.keys() - _key_variables()):
        near = get_close_matches(name[len(PREFIX) :].upper(), ends, n=1)
        known = ends[near[0]] if near else ""
        advice = f"did you mean {known} ({meanings[known]})?" if near else "correct its name, or unset it."
        sentences.append(f"the environment sets {escaped(name)}, which is no setting and is ignored; {advice}")
    return sentences


def _key_variables() -> set[str]:
    """The variables that hold servers' keys, as the user's file names them; none where it cannot be read."""
    with suppress(DeepSoundError):
        tables = read_toml(file).get(ENDPOINTS, {}) if (file := user_file()) is not None else {}
        if isinstance(tables, Mapping):
            return {str(table.get("key_env")) for table in tables.values() if isinstance(table, Mapping)}
    return set()


def user_file_text() -> str:
    """The user's file for a person to read."""
    return "%APPDATA%\\deepsound\\config.toml" if sys.platform == "win32" else "~/.config/deepsound/config.toml"


def _files() -> Iterator[Path]:
    if reads_no_file():
        return
    user = user_file()
    if user is not None:
        yield user
    if is_file(PROJECT_FILE):
        yield Path(PROJECT_FILE)


def _settings(
    content: Mapping[str, Any], commands: Mapping[str, argparse.ArgumentParser], source: str
) -> Iterator[Setting]:
    for name, value in content.items():
        if name == ENDPOINTS:
            _refuse_endpoints(source)
            continue
        if isinstance(value, Mapping):
            if name not in commands:
                raise InputError(f"{source}: expected a command, got [{name}]{did_you_mean(name, commands)}")
            for option, inner in value.items():
                yield _setting(name, commands[name], option, inner, source)
            continue
        knowing = [command for command, parser in commands.items() if name in _options(parser)]
        if not knowing:
            known = {option for parser in commands.values() for option in _options(parser)}
            raise InputError(f"{source}: expected an option of some command, got {name!r}{did_you_mean(name, known)}")
        for command in knowing:
            yield _setting(command, commands[command], name, value, source)


def _refuse_endpoints(source: str) -> None:
    """Raise InputError where a folder's own settings name servers; the user's file is read by the reasoner `server`."""
    if source == PROJECT_FILE:
        raise InputError(
            f"{source}: a folder's own settings cannot name servers; put [{ENDPOINTS}.NAME] into {user_file_text()}."
        )


def _from_environment(commands: Mapping[str, argparse.ArgumentParser]) -> Iterator[Setting]:
    for command, parser in commands.items():
        for name in _options(parser):
            variable = PREFIX + name.upper()
            if (value := os.environ.get(variable)) is not None:
                yield _setting(command, parser, name, value, variable)


def _setting(command: str, parser: argparse.ArgumentParser, name: str, value: Any, source: str) -> Setting:
    options = _options(parser)
    if name == "download" and source == PROJECT_FILE:
        raise InputError(
            f"{source}: a folder's own settings cannot ask for downloads; put it into {user_file_text()}, or give "
            "--download."
        )
    if name not in options:
        raise InputError(f"{source}: expected an option of {command}, got {name!r}{did_you_mean(name, options)}")
    return Setting(command, name, _checked(options[name], value, f"{source}: {command} {name}"), source)


def _checked(action: argparse.Action, value: Any, what: str) -> Any:
    """A value as the flag would give it. Raises InputError for one that the flag would refuse."""
    if action.nargs == 0:
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise InputError(f"{what} is {value!r}; expected true or false.")
        return str(value).lower() in ("true", "1")
    if isinstance(action, argparse._AppendAction):
        values = value if isinstance(value, list) else [value]
        return [_converted(action, one, what) for one in values]
    return _converted(action, value, what)


def _converted(action: argparse.Action, value: Any, what: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{what} is {value!r}; expected text or a number.")
    try:
        converted = action.type(str(value)) if callable(action.type) else str(value)
    except argparse.ArgumentTypeError as error:
        raise InputError(f"{what}: {error}; correct it.") from None
    except (ValueError, TypeError):
        raise InputError(
            f"{what} is {value!r}, which --{action.dest} does not take; its --help says what it takes."
        ) from None
    if action.choices is not None and converted not in action.choices:
        near = did_you_mean(str(value), map(str, action.choices))
        raise InputError(f"{what} is {value!r}; expected one of: {', '.join(map(str, action.choices))}{near}")
    return converted


def _options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options of a command that can be set, by name."""
    # --full_precision is a constant that another option takes.
    constants = (argparse._StoreTrueAction, argparse._StoreAction, argparse._AppendAction)
    return {
        action.dest: action
        for action in parser._actions
        if action.option_strings and action.dest not in _NEVER and isinstance(action, constants)
    }

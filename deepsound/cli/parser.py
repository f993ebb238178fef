"""Argument parser that names the nearest option, command or value for a misspelt one."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

_INVALID_CHOICE = re.compile(r"invalid choice: '(?P<value>.*?)'")


class SuggestingParser(argparse.ArgumentParser):
    """An argparse parser whose errors end in "did you mean"; its subparsers are of the same class.

    An unknown option is refused by the command it was given to, whose usage is then what is shown.
    """

    # The names and the result are argparse's; it calls this for every subparser too.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2 and one line: the message, what is near it, and where the options stand."""
        self.exit(2, f"{self.prog}: error: {message}{self._suggestion(message)} (see {self.prog} --help)\n")

    def _suggestion(self, message: str) -> str:
        if (invalid := _INVALID_CHOICE.search(message)) is not None:
            return did_you_mean(invalid["value"], self._choices(message))
        _, colon, unknown = message.partition("unrecognized arguments: ")
        flags = [word.partition("=")[0] for word in unknown.split() if word.startswith("-")] if colon else []
        return did_you_mean(flags[0], self._option_string_actions) if flags else ""

    def _choices(self, message: str) -> list[str]:
        """The choices of the argument that `message` is about; every one of this parser's where it does not say."""
        named = [action for action in self._actions if action.choices is not None and _name(action) in message]
        return [str(choice) for action in named for choice in action.choices or ()]


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers directly below `parser`, by name; none for a command that has no commands below it."""
    return {
        name: below
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, below in action.choices.items()
    }


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message, as in "; did you mean --prompt?", or nothing where nothing known is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _name(action: argparse.Action) -> str:
    return "/".join(action.option_strings) or str(action.metavar or action.dest)

"""`deepsound engines`: the engines of each step, and the words one of them knows."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import print_json
from deepsound.cli.steps import steps_of
from deepsound.errors import InputError

if TYPE_CHECKING:
    from deepsound.engines import EngineInfo

# Below it the table's columns would cut names, which are there to be copied.
_NARROW = 100
_GAP = "  "


def add_engines(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `engines` to the command line."""
    parser = commands.add_parser(
        "engines",
        help="list the engines of each step, or what one of them knows",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="this engine alone, with the words it knows")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(command=show)


def show(options: argparse.Namespace) -> int:
    """Print the engines of every step, or one of them, as a table, or as JSON with `--json`. Raises InputError."""
    from deepsound import engines

    listed = [info for kind in engines.KINDS for info in engines.available(kind)]
    if options.name is not None:
        return _show_one([info for info in listed if info.name == options.name], options)
    if options.json:
        print_json("engine", [asdict(info) for info in listed])
        return 0
    for line in _table(listed, shutil.get_terminal_size().columns):
        print(line)
    return 0


def _table(listed: list[EngineInfo], width: int) -> Iterator[str]:
    """Lines with every name whole; two for each engine where that leaves too little room.

    Written here, as rich takes as long for its table as the whole command.
    """
    import textwrap

    if width < _NARROW:
        for info in listed:
            yield f"{info.name} ({steps_of(info.kind)})"
            text = f"{info.summary}; {info.origin}"
            yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
        return
    rows = [("step", "name", "from"), *((steps_of(info.kind), info.name, info.origin) for info in listed)]
    step, name, origin = (min(max(map(len, column)), width // 3) for column in zip(*rows, strict=True))
    room = width - step - name - origin - 3 * len(_GAP)
    for (first, second, last), text in zip(rows, ["what it is", *(info.summary for info in listed)], strict=True):
        lines = textwrap.wrap(text, room) or [""]
        yield _GAP.join((f"{first:<{step}}", f"{second:<{name}}", f"{lines[0]:<{room}}", last)).rstrip()
        for line in lines[1:]:
            yield " " * (step + name + 2 * len(_GAP)) + line


def _show_one(found: list[EngineInfo], options: argparse.Namespace) -> int:
    """An engine's lines, and the words of prompts it knows where it knows some alone."""
    if not found:
        from deepsound import engines

        names = ", ".join(name for kind in engines.KINDS for name in engines.names(kind))
        raise InputError(f"Unknown engine {options.name!r}; expected one of: {names}.")
    words = _known_words(options.name)
    if options.json:
        print_json("engine", [{**asdict(info), "known_words": words} for info in found])
        return 0
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for info in found:
        console.print(f"[bold]{escape(info.name)}[/] ({info.kind}, {escape(info.origin)}): {escape(info.summary)}")
    for kind, named in (words or {}).items():
        console.print(f"\n{kind}")
        for name, synonyms in named.items():
            console.print(f"  {name:<12} {', '.join(synonyms)}", soft_wrap=True)
    return 0


def _known_words(name: str) -> dict[str, dict[str, tuple[str, ...]]] | None:
    """The words `draft` knows, by kind and by what each leads to; None for engines that read prompts as a whole."""
    if name != "draft":
        return None
    from deepsound.generate.draft.prompt_parser import known_words

    return known_words()

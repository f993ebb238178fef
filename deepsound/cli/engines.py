"""`deepsound engines`: the engines of each step, and the words one of them knows."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from deepsound import engines
from deepsound.cli.formatting import print_json
from deepsound.errors import InputError

_STEPS = {"generator": "1 generate", "reasoner": "0 plan, 2 judge", "separator": "3 remove"}
# Below it the table's columns would cut names, which are there to be copied.
_NARROW = 80


def show(options: argparse.Namespace) -> int:
    """Print the engines of every step, or one of them, as a table, or as JSON with `--json`. Raises InputError."""
    listed = [info for kind in engines.KINDS for info in engines.available(kind)]
    if options.name is not None:
        return _show_one([info for info in listed if info.name == options.name], options)
    if options.json:
        print_json([asdict(info) for info in listed])
        return 0
    _show_all(listed)
    return 0


def _show_all(listed: list[engines.EngineInfo]) -> None:
    """A table with every name whole; in a terminal too narrow for it, two lines for each engine."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if console.width < _NARROW:
        for info in listed:
            console.print(f"[bold]{escape(info.name)}[/] ({_STEPS[info.kind]})", soft_wrap=True)
            console.print(f"  {escape(info.summary)}; {escape(info.origin)}")
        return
    table = Table(title="Engines")
    for heading, is_whole in (("step", True), ("name", True), ("what it is", False), ("from", False)):
        table.add_column(heading, no_wrap=is_whole)
    for info in listed:
        table.add_row(_STEPS[info.kind], *map(escape, (info.name, info.summary, info.origin)))
    console.print(table)


def _show_one(found: list[engines.EngineInfo], options: argparse.Namespace) -> int:
    """An engine's lines, and the words of prompts it knows where it knows some alone."""
    if not found:
        names = ", ".join(name for kind in engines.KINDS for name in engines.names(kind))
        raise InputError(f"Unknown engine {options.name!r}; expected one of: {names}.")
    words = _known_words(options.name)
    if options.json:
        print_json([{**asdict(info), "known_words": words} for info in found])
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

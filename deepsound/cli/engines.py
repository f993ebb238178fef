"""`deepsound engines`: the engines of each step, and the words one of them knows."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from deepsound import engines
from deepsound.cli.formatting import print_json
from deepsound.errors import InputError


def show(options: argparse.Namespace) -> int:
    """Print the engines of every step, or one of them, as a table, or as JSON with `--json`. Raises InputError."""
    listed = [info for kind in engines.KINDS for info in engines.available(kind)]
    if options.name is not None:
        return _show_one([info for info in listed if info.name == options.name], options)
    if options.json:
        print_json([asdict(info) for info in listed])
        return 0
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("step", "name", "what it is", "from", title="Engines")
    steps = {"generator": "1 generate", "reasoner": "0 plan, 2 judge", "separator": "3 remove"}
    for info in listed:
        table.add_row(steps[info.kind], *map(escape, (info.name, info.summary, info.origin)))
    Console().print(table)
    return 0


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

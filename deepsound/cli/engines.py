"""`deepsound engines`: what each step can be done with."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from deepsound import engines
from deepsound.cli.formatting import print_json


def show(options: argparse.Namespace) -> int:
    """Print the engines of every step as a table, or as JSON with `--json`."""
    listed = [info for kind in engines.KINDS for info in engines.available(kind)]
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

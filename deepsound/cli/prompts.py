"""`deepsound prompts`: the prompt presets by category."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import print_json
from deepsound.prompt_presets import PROMPT_PRESETS


def add_prompts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `prompts` to the command line."""
    prompts = commands.add_parser(
        "prompts",
        help="list the prompt presets, for --prompt-preset",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    prompts.add_argument("--json", action="store_true", help="print the list as JSON")
    prompts.set_defaults(command=show)


def show(options: argparse.Namespace) -> int:
    """Print the presets as a table, or as JSON with `--json`."""
    if options.json:
        print_json("prompt", [{**asdict(row), "prompt": row.prompt} for row in PROMPT_PRESETS])
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("category", "name", "prompt", title="Prompt presets")
    for row in PROMPT_PRESETS:
        table.add_row(row.category, row.name, row.prompt)
    Console().print(table)
    return 0

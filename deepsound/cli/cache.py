"""`deepsound cache`: the size of the cache folder, what is in it, and its pruning."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import bytes_text, print_json
from deepsound.cli.option_types import age

if TYPE_CHECKING:
    from deepsound.runtime.cache_usage import CacheEntry

DESCRIPTION = """\
The cache folder (DEEPSOUND_HOME, else `deepsound` in the platform's cache folder) holds features, interrupted long
runs, and weights that were downloaded without a models folder. Pruning leaves weights alone.
"""
_EXIT_CODES: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": EXIT_CODES}


def add_cache(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `cache` with size, list and prune."""
    cache = commands.add_parser(
        "cache", help="size, content and pruning of the cache folder", description=DESCRIPTION, **_EXIT_CODES
    )
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    for name, command, text in (
        ("size", show_size, "how much the folder takes"),
        ("list", show_list, "what is in it"),
        ("prune", prune_cache, "delete what is computed again when it is needed"),
    ):
        action = actions.add_parser(name, help=text, **_EXIT_CODES)
        action.add_argument("--json", action="store_true", help="print the result as JSON")
        action.set_defaults(command=command)
        if name == "prune":
            action.add_argument(
                "--older_than",
                "--older-than",
                type=age,
                default=0.0,
                metavar="AGE",
                help="only what was not used for this long, as in 12h, 7d or 2w (default: all)",
            )


def show_size(options: argparse.Namespace) -> int:
    """Print the folder and how many bytes it takes."""
    from deepsound.runtime.cache_folder import own_cache
    from deepsound.runtime.cache_usage import entries

    found = entries()
    total, prunable = _sum(found), _sum([entry for entry in found if entry.is_prunable])
    if options.json:
        print_json("cache", {"folder": str(own_cache()), "bytes": total, "prunable_bytes": prunable})
    else:
        print(f"{bytes_text(total)} in {own_cache()}, of which `deepsound cache prune` frees {bytes_text(prunable)}")
    return 0


def show_list(options: argparse.Namespace) -> int:
    """Print what is in the folder."""
    from deepsound.runtime.cache_usage import entries

    _print(entries(), options.json, "The cache folder is empty.")
    return 0


def prune_cache(options: argparse.Namespace) -> int:
    """Delete what is computed again when needed, and print it."""
    from deepsound.runtime.cache_usage import prune

    deleted = prune(options.older_than)
    _print(deleted, options.json, "Nothing to delete.")
    if deleted and not options.json:
        print(f"{bytes_text(_sum(deleted))} freed")
    return 0


def _print(found: list[CacheEntry], as_json: bool, if_none: str) -> None:
    if as_json:
        print_json(
            "cache_entry",
            [
                {
                    "name": entry.name,
                    "path": str(entry.path),
                    "bytes": entry.bytes,
                    "used_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.used_at)),
                    "what": entry.what,
                    "prunable": entry.is_prunable,
                }
                for entry in found
            ],
        )
        return
    for entry in found:
        print(f"{bytes_text(entry.bytes):>9}  {entry.name}: {entry.what}")
    if not found:
        print(if_none)


def _sum(found: list[CacheEntry]) -> int:
    return sum(entry.bytes for entry in found)

"""`deepsound models`: lists, locates, downloads, verifies, converts and removes weights."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import print_json, size_text
from deepsound.errors import DeepSoundError, EngineError, InputError
from deepsound.runtime.paths import exists, expand

if TYPE_CHECKING:
    from deepsound.weights.catalogue import Weights
    from deepsound.weights.search_paths import SearchPaths

DESCRIPTION = """\
Weights of published models. They are looked for in: --models, ComfyUI's models folders (COMFYUI_PATH), checkouts of the
original projects (DEEPSOUND_PROJECTS and the working folder), our cache (DEEPSOUND_HOME) and the hub's (HF_HOME).
NAME is an engine, such as mmaudio_large_44k_v2, or an id from `deepsound models list`.
"""


def add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `models` and what it can do to the command line."""
    models = commands.add_parser(
        "models",
        help="list, find, fetch, check and convert weights",
        description=DESCRIPTION,
        **_EXIT_CODES,
    )
    actions = models.add_subparsers(required=True, metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--models",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder laid out as ComfyUI's models/, searched first; may be given several times",
    )
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    _add_list(actions, common)
    _add_where(actions, common)
    _add_download(actions, common)
    _add_verify(actions, common)
    _add_convert(actions, common)
    _add_remove(actions, common)


_EXIT_CODES: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": EXIT_CODES}

_Actions = argparse._SubParsersAction


def _add_list(actions: _Actions[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    listing = actions.add_parser(
        "list", parents=[common], **_EXIT_CODES, help="all weights: size, licence, and whether they are here"
    )
    listing.add_argument("--engine", action="append", default=[], metavar="NAME", help="only what this engine needs")
    listing.add_argument("--memory", action="store_true", help="how much memory each takes, by precision")
    listing.set_defaults(command=show_list)


def _add_where(actions: _Actions[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    where = actions.add_parser(
        "where", parents=[common], **_EXIT_CODES, help="which files are used, and where downloads go"
    )
    where.add_argument("names", nargs="*", metavar="NAME")
    where.set_defaults(command=show_where)


def _add_download(actions: _Actions[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    fetch = actions.add_parser(
        "download", parents=[common], **_EXIT_CODES, help="fetch what is missing; goes on where it stopped"
    )
    fetch.add_argument("names", nargs="+", metavar="NAME")
    fetch.add_argument("--again", action="store_true", help="fetch even what is there, to replace it")
    fetch.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")
    fetch.set_defaults(command=fetch_all)


def _add_verify(actions: _Actions[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    check = actions.add_parser(
        "verify", parents=[common], **_EXIT_CODES, help="read every file and compare it with what is published"
    )
    check.add_argument("names", nargs="*", metavar="NAME", help="default: all that are on this machine")
    check.add_argument("-q", "--quiet", action="store_true", help="no progress, only the result")
    check.set_defaults(command=verify_all)


def _add_convert(actions: _Actions[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    change = actions.add_parser(
        "convert", parents=[common], **_EXIT_CODES, help="write weights as .safetensors in another precision"
    )
    change.add_argument("source", metavar="FILE|ID", help="a checkpoint, or an id whose file is on this machine")
    change.add_argument("--to", default="bf16", choices=("fp32", "bf16", "fp16"), help="default: %(default)s")
    change.add_argument("-o", "--output", metavar="FILE", help="default: beside the source, named after the precision")
    change.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    change.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")
    change.set_defaults(command=convert_one)


def _add_remove(actions: _Actions[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    removal = actions.add_parser(
        "remove", parents=[common], **_EXIT_CODES, help="delete downloaded weights; copies of other programs stay"
    )
    removal.add_argument("names", nargs="+", metavar="NAME")
    removal.add_argument("-y", "--yes", action="store_true", help="delete without asking")
    removal.set_defaults(command=remove_all)


def show_list(options: argparse.Namespace) -> int:
    """Print the catalogue, or what some engines need of it; with `--memory`, how much memory it takes."""
    from deepsound.weights.locate import candidates, origin
    from deepsound.weights.memory_estimate import footprint

    entries, places = _entries(options.engine), _places(options)
    found = {entry.id: next(candidates(entry, places), None) for entry in entries}
    if options.json:
        print_json(
            "weights",
            [
                {
                    "id": entry.id,
                    "what": entry.what,
                    "engines": entry.engines,
                    "bytes": entry.size,
                    "bytes_exact": entry.size_is_exact,
                    "licence": asdict(entry.licence),
                    "origin": origin(entry),
                    "parameters": entry.parameters,
                    "memory": footprint(entry),
                    "path": _text(found[entry.id]),
                }
                for entry in entries
            ],
        )
        return 0
    from deepsound.cli import models_tables

    models_tables.show_memory(entries) if options.memory else models_tables.show_list(entries, found)
    return 0


def show_where(options: argparse.Namespace) -> int:
    """Print which file is used for each of the weights; 4 if one that was named is missing."""
    from deepsound.weights.locate import candidates, target

    entries, places = _entries(options.names), _places(options)
    found = {entry.id: list(candidates(entry, places)) for entry in entries}
    if options.json:
        print_json(
            "weights_places",
            {
                "weights": [
                    {
                        "id": entry.id,
                        "path": _text(next(iter(found[entry.id]), None)),
                        "also": [str(path) for path in found[entry.id][1:]],
                        "download_to": str(target(entry, places)),
                    }
                    for entry in entries
                ],
                "searched": {
                    "model_folders": list(map(str, places.model_folders)),
                    "projects": list(map(str, places.projects)),
                    "cache": str(places.cache),
                    "hub_cache": str(places.hub_cache),
                    "torch_hub": str(places.torch_hub),
                },
            },
        )
    else:
        from deepsound.cli import models_tables

        models_tables.show_where(entries, found, places, only_found=not options.names)
    return EngineError.exit_code if options.names and not all(found.values()) else 0


def fetch_all(options: argparse.Namespace) -> int:
    """Fetch what is missing, one after the other."""
    from deepsound.cli.display import open_display
    from deepsound.runtime.progress import Progress
    from deepsound.weights.catalogue import chosen
    from deepsound.weights.download import download
    from deepsound.weights.locate import find

    places, results = _places(options), []
    with open_display(options.quiet) as display:
        for entry in chosen(options.names):
            present = None if options.again else find(entry, places)
            if present is None:
                display.note(f"{entry.id}: {size_text(entry)}, licence: {entry.licence}")
            began = time.monotonic()
            progress = Progress(display.show, stage=entry.id)
            path = present or download(entry, places, progress, again=options.again)
            progress.finish(("already at " if present else "") + str(path), time.monotonic() - began)
            results.append(
                {"id": entry.id, "path": str(path), "fetched": present is None, "licence": asdict(entry.licence)}
            )
    if options.json:
        print_json("weights_download", results)
    return 0


def verify_all(options: argparse.Namespace) -> int:
    """Check files against what is published; 4 if one is damaged, or one that was named is missing."""
    from deepsound.cli.display import open_display
    from deepsound.runtime.progress import Progress
    from deepsound.weights.locate import find
    from deepsound.weights.verify import VerifyResult, verify

    places = _places(options)
    entries = [entry for entry in _entries(options.names) if options.names or find(entry, places) is not None]
    checked: list[VerifyResult] = []
    with open_display(options.quiet) as display:
        for entry in entries:
            checked += verify(entry, places, Progress(display.show, stage=entry.id))
    if options.json:
        print_json("weights_check", [{**asdict(one), "path": _text(one.path)} for one in checked])
    else:
        from deepsound.cli import models_tables

        models_tables.show_verification(checked)
    return EngineError.exit_code if any(one.status in ("damaged", "missing") for one in checked) else 0


def convert_one(options: argparse.Namespace) -> int:
    """Write one checkpoint as .safetensors and say where it is."""
    from deepsound.cli.display import open_display
    from deepsound.runtime.progress import Progress
    from deepsound.weights.catalogue import weights
    from deepsound.weights.convert import convert
    from deepsound.weights.locate import SUFFIXES
    from deepsound.weights.missing import require

    source = Path(options.source)
    if not exists(source):
        if source.suffix in SUFFIXES:
            raise InputError(f"There is no file {source}; name a checkpoint, or an id from `deepsound models list`.")
        source = require(weights(options.source), _places(options))
    began = time.monotonic()
    with open_display(options.quiet) as display:
        progress = Progress(display.show, stage=f"to {options.to}")
        target = convert(
            source, options.to, Path(options.output) if options.output else None, progress, overwrite=options.overwrite
        )
        progress.finish(str(target), time.monotonic() - began)
    if options.json:
        print_json("weights_conversion", {"source": str(source), "path": str(target), "bytes": target.stat().st_size})
    return 0


def remove_all(options: argparse.Namespace) -> int:
    """Delete what was downloaded, once it is confirmed; 1 where the answer was no."""
    from deepsound.cli import models_tables
    from deepsound.weights.catalogue import chosen
    from deepsound.weights.remove import plan_removal, remove

    places = _places(options)
    planned = [plan_removal(entry, places) for entry in chosen(options.names)]
    models_tables.show_removal(planned)
    present = [removal for removal in planned if removal.paths]
    agreed = not present or options.yes or _confirm("Delete them?")
    for removal in present if agreed else ():
        remove(removal)
    if options.json:
        print_json(
            "weights_removal", [{**asdict(removal), "removed": agreed and bool(removal.paths)} for removal in planned]
        )
    return 0 if agreed else DeepSoundError.exit_code


def _confirm(question: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError("Deleting weights is confirmed at a terminal, and there is none here; add --yes.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _entries(names: list[str]) -> tuple[Weights, ...]:
    from deepsound.weights.catalogue import chosen, everything

    return chosen(names) if names else everything()


def _places(options: argparse.Namespace) -> SearchPaths:
    from deepsound.weights.search_paths import default_search_paths

    return default_search_paths(models=[expand(folder) for folder in options.models])


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)

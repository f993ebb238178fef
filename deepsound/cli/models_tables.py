"""Tables that `deepsound models` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepsound.cli.formatting import bytes_text, size_text
from deepsound.runtime.paths import is_dir
from deepsound.weights.catalogue import Weights, needed_by
from deepsound.weights.locate import target
from deepsound.weights.memory_estimate import BYTES, footprint
from deepsound.weights.remove import Removal
from deepsound.weights.search_paths import SearchPaths
from deepsound.weights.verify import VerifyResult

_WIDE = 110
# Below it the columns of the list would be cut.
_NARROW = 80
_DOWNLOADS = "the models folder or the cache"
_COLOURS = {"verified": "green", "readable": "green", "damaged": "red", "missing": "yellow"}


def show_list(entries: Sequence[Weights], found: Mapping[str, Path | None]) -> None:
    """The weights with size, licence, and whether they are on this machine; then what each engine needs altogether."""
    console = Console()
    if console.width < _NARROW:
        _show_narrow_list(console, entries, found)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    table.add_column("id", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("here", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    # Ids, sizes and licences are whole at 80 columns; descriptions come along where there is room for them.
    if console.width >= _WIDE:
        table.add_column("what it is")
    for entry in entries:
        row = (entry.id, size_text(entry), "[green]yes[/]" if found[entry.id] else "no", _licence(entry), entry.what)
        table.add_row(*row[: len(table.columns)])
    console.print(table)
    console.print(_engines_table(entries, found))
    console.print(
        "~ rounded; ? and +: nobody states the size. `deepsound models download NAME` fetches an engine's or an id's.",
        style="dim",
    )


def _show_narrow_list(console: Console, entries: Sequence[Weights], found: Mapping[str, Path | None]) -> None:
    """The same for a terminal that no table fits in: two lines for one of the weights, or for an engine."""
    for entry in entries:
        console.print(f"[bold]{entry.id}[/]", soft_wrap=True)
        console.print(f"  {size_text(entry)}, {'[green]here[/]' if found[entry.id] else 'not here'}, {_licence(entry)}")
    for engine, whole, left, commercial in _engine_rows(entries, found):
        console.print(f"[bold]{engine}[/]", soft_wrap=True)
        console.print(f"  {whole}, to fetch: {left}, commercial use: {commercial}")


def _engines_table(entries: Sequence[Weights], found: Mapping[str, Path | None]) -> Table:
    table = Table("engine", "altogether", "still to fetch", "commercial use", box=SIMPLE_HEAD)
    for row in _engine_rows(entries, found):
        table.add_row(*row)
    return table


def _engine_rows(entries: Sequence[Weights], found: Mapping[str, Path | None]) -> Iterator[tuple[str, str, str, str]]:
    """For each engine all of whose weights are among `entries`: its size, what is missing, and commercial use."""
    shown = {entry.id for entry in entries}
    for engine in dict.fromkeys(engine for entry in entries for engine in entry.engines):
        needed = needed_by(engine)
        if not shown.issuperset(entry.id for entry in needed):
            continue
        missing = [entry for entry in needed if not found[entry.id]]
        allowed = [entry.licence.commercial for entry in needed]
        verdict = "[bold red]no[/]" if False in allowed else "[yellow]not stated[/]" if None in allowed else "yes"
        yield engine, _sum(needed), _sum(missing) if missing else "[green]nothing[/]", verdict


def _sum(entries: Sequence[Weights]) -> str:
    unknown = "+" if any(entry.size is None for entry in entries) else ""
    return f"{sum(entry.size or 0 for entry in entries) / 1e9:.2f} GB{unknown}"


def show_memory(entries: Sequence[Weights]) -> None:
    """Bytes of the weights alone by precision, in GB; the largest network, not the sum, has to fit with offloading."""
    table = Table(title="GB of memory for the weights alone", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("id", no_wrap=True)
    for heading in ("parameters", *BYTES):
        table.add_column(heading, justify="right", no_wrap=True)
    counted = [entry for entry in entries if entry.parameters is not None]
    for entry in counted:
        sizes = footprint(entry)
        table.add_row(
            entry.id,
            f"{(entry.parameters or 0) / 1e6:,.1f} M",
            *("-" if size is None else f"{size / 1e9:.2f}" for size in sizes.values()),
        )
    console = Console()
    console.print(table)
    console.print(
        "What a network computes with comes on top. int8 and nf4 are for the layers of a language model; the "
        "rest of it stays in 16 bit.",
        style="dim",
    )
    if len(counted) < len(entries):
        console.print(
            "Not counted, for nobody states their parameters: "
            + ", ".join(entry.id for entry in entries if entry.parameters is None),
            style="dim",
        )


def show_where(
    entries: Sequence[Weights],
    found: Mapping[str, Sequence[Path]],
    places: SearchPaths,
    only_found: bool,
) -> None:
    """The files in use, one to a line so that long paths can be copied; then the folders that were searched."""
    console = Console(soft_wrap=True, highlight=False)
    for entry in entries:
        paths = found[entry.id]
        if paths:
            console.print(f"[green]{entry.id}[/]  {escape(str(paths[0]))}")
            for path in paths[1:]:
                console.print(f"  [dim]also at {escape(str(path))}[/]")
        elif not only_found:
            console.print(f"[yellow]{entry.id}[/]  missing; goes to {escape(str(target(entry, places)))}")
    console.print(f"{sum(bool(paths) for paths in found.values())} of {len(entries)} found. Searched, in this order:")
    for what, folders in (
        ("models", places.model_folders),
        ("projects", places.projects),
        ("cache", [places.cache]),
        ("hub cache", [places.hub_cache]),
    ):
        for folder in folders:
            console.print(f"  {what:<10} {escape(str(folder))}" + ("" if is_dir(folder) else " [dim](not there)[/]"))


def show_verification(checked: Sequence[VerifyResult]) -> None:
    """The outcome for every file."""
    console = Console(soft_wrap=True, highlight=False)
    if not checked:
        console.print("None of the weights are on this machine.")
    for one in checked:
        place = "" if one.path is None else f"{escape(str(one.path))}: "
        console.print(f"[{_COLOURS[one.status]}]{one.status:<9}[/] {one.id}  {place}{escape(one.detail)}")


def show_removal(planned: Sequence[Removal]) -> None:
    """What is deleted, and what stays since other programs keep it; on stderr, where the question is asked too."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for removal in planned:
        for path in removal.paths:
            console.print(f"[red]delete[/]  {removal.id}  {escape(str(path))}")
        if removal.paths:
            console.print(f"         needed by {', '.join(removal.engines)}")
        if not removal.paths:
            console.print(f"[dim]nothing[/] {removal.id}  was not downloaded to {_DOWNLOADS}")
        for path in removal.kept:
            console.print(f"[dim]stays[/]   {removal.id}  {escape(str(path))}: another program's; delete it there")
    if total := sum(removal.bytes for removal in planned):
        console.print(f"{bytes_text(total)} altogether")


def _licence(entry: Weights) -> str:
    name = escape(entry.licence.name)
    if entry.licence.commercial is False:
        return f"{name} [bold red]non-commercial[/]"
    return name if entry.licence.commercial else f"[yellow]{name}[/]"

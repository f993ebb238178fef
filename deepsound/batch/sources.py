"""Opens a folder or a table as the source of a batch's clips."""

from __future__ import annotations

from pathlib import Path

from deepsound.batch.clips import Skipped, Source
from deepsound.batch.folder import Folder
from deepsound.batch.table import Table
from deepsound.errors import InputError
from deepsound.runtime.paths import broken_link, escaped, exists, expand, is_dir


def open_source(path: Path | str, output_dir: Path | str) -> Source:
    """The clips of a folder, or of a .csv or .tsv file's rows; files below the output folder are not clips.

    Raises InputError when there is no such folder or table, or when the folder is also the output folder.
    """
    path, output_dir = expand(path).absolute(), expand(output_dir).absolute()
    if is_dir(path):
        if path.resolve() == output_dir.resolve():
            raise InputError(f"{path} would hold both the clips and the results; choose another output folder.")
        return Folder(path, output_dir)
    if not exists(path):
        raise InputError(broken_link(path) or f"There is no folder or table {path}; check the path.")
    if path.suffix.lower() not in (".csv", ".tsv"):
        raise InputError(f"{path} is neither a folder nor a .csv or .tsv file; one video is done by `deepsound run`.")
    return Table(path)


def require_clips(source: Source) -> None:
    """Raise InputError for a source without a clip; one with refused rows alone reports these instead."""
    if source.count():
        return
    others = 0
    for entry in source.entries():
        if not isinstance(entry, Skipped) or entry.is_loss:
            return
        others += 1
    if isinstance(source, Table):
        raise InputError(f"{escaped(source.path)} has no row below its header; write one for each video.")
    found = f"only {others} other file{'s' * (others > 1)}" if others else "nothing"
    raise InputError(f"{escaped(source.path)} holds no video, {found}; expected names such as clip.mp4 or clip.mkv.")

"""Opens a folder or a table as the source of a batch's clips."""

from __future__ import annotations

from pathlib import Path

from deepsound.batch.clips import Source
from deepsound.batch.folder import Folder
from deepsound.batch.table import Table
from deepsound.errors import InputError
from deepsound.runtime.paths import exists, expand, is_dir


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
        raise InputError(f"There is no folder or table {path}.")
    if path.suffix.lower() not in (".csv", ".tsv"):
        raise InputError(f"{path} is neither a folder nor a .csv or .tsv file; one video is done by `deepsound run`.")
    return Table(path)

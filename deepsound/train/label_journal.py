"""Journal of a labelling run: each clip's items at once, so that a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from deepsound.errors import InputError
from deepsound.media.files import output_error
from deepsound.runtime.paths import escaped, is_file
from deepsound.train.cot_items import CotItem


class LabelJournal:
    """A file of JSON lines, a clip's items in each; it is there only between a run's beginning and its end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[CotItem]:
        """The items of a run that was stopped; a line that was cut off with it is left out.

        Raises InputError where the file cannot be read.
        """
        if not is_file(self.path):
            return []
        try:
            lines = self.path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        except OSError as error:
            raise InputError(
                f"{escaped(self.path)} cannot be read ({error}); remove it, and its clips are labelled again."
            ) from error
        items: list[CotItem] = []
        for line in lines:
            try:
                items += [CotItem.from_json(row) for row in json.loads(line)]
            except (InputError, ValueError, TypeError, AttributeError, RecursionError):
                continue
        return items

    def append(self, items: Sequence[CotItem]) -> None:
        """Add a clip's items. Raises OutputError where the disk is full or refuses."""
        line = json.dumps([item.to_json() for item in items])
        try:
            with self.path.open("a", encoding="utf-8") as file:
                # Ends a line that a stopped run left without an end.
                file.write(f"\n{line}\n")
        except OSError as error:
            raise output_error(self.path, error) from error

    def remove(self) -> None:
        """The items are in the data set now. Raises OutputError where the file cannot be removed."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(self.path, error) from error

"""Temporary files of each node's last run; a newer run of the node replaces them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from deepsound.runtime.paths import is_file

T = TypeVar("T")

Place = Callable[[str], Path]


@dataclass
class _Run(Generic[T]):
    """What one run of a node left: results by their content's key, and the files they name."""

    prompt: str
    results: dict[str, tuple[T, list[Path]]] = field(default_factory=dict)

    def files(self) -> list[Path]:
        return [path for _, files in self.results.values() for path in files]


class LastRuns(Generic[T]):
    """The last run of each of the `most` nodes that ran last, with its results and files.

    `epoch` changes when files go away: a node that gives it as its fingerprint is run again where ComfyUI's cache would
    bring back a result whose files are gone.
    """

    def __init__(self, place: Place, most: int = 16) -> None:
        self.epoch = 0
        self._place, self._most = place, most
        self._runs: OrderedDict[str, _Run[T]] = OrderedDict()

    def result(self, node: str, prompt: str, key: str, make: Callable[[Place], T]) -> T:
        """`make(place)` for the run `prompt` of `node`, or what the last run made for the same `key`.

        A run may hold several results, one for each element of a list. On an error nothing is replaced and the files
        of the failed one are removed.
        """
        last = self._runs.get(node)
        found = last.results.get(key) if last is not None else None
        if found is None or not all(map(is_file, found[1])):
            found = self._make(make)
        current = last if last is not None and last.prompt == prompt else _Run[T](prompt)
        current.results[key] = found
        if last is not None and current is not last:
            self._remove(set(last.files()) - set(current.files()))
        self._runs[node] = current
        self._runs.move_to_end(node)
        while len(self._runs) > self._most:
            self._remove(self._runs.popitem(last=False)[1].files())
        return found[0]

    def _make(self, make: Callable[[Place], T]) -> tuple[T, list[Path]]:
        files: list[Path] = []

        def place(suffix: str) -> Path:
            files.append(self._place(suffix))
            return files[-1]

        try:
            return make(place), files
        except BaseException:
            for path in files:
                path.unlink(missing_ok=True)
            raise

    def _remove(self, files: set[Path] | list[Path]) -> None:
        if files:
            self.epoch += 1
        for path in files:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                # In use, on Windows: ComfyUI empties the folder when it starts.
                continue

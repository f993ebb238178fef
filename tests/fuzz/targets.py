"""The kinds of input that are fuzzed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# One line per kind: its name on the command line and the module that holds its TARGET.
MODULES = {
    "configurations": "tests.fuzz.configurations",
    "media": "tests.fuzz.media",
    "records": "tests.fuzz.records",
    "tables": "tests.fuzz.tables",
    "weights": "tests.fuzz.weights",
    "workflows": "tests.fuzz.workflows",
}


@dataclass(frozen=True)
class Target:
    """What is fuzzed: `seeds` writes valid inputs into a folder, `read` reads one mutated file as the product would.

    `read` may write beside its input, into the folder it lies in, which is emptied after each case. `text` adds
    mutations of JSON and CSV to those of bytes.
    """

    seeds: Callable[[Path], list[Path]]
    read: Callable[[Path], None]
    text: bool = False


def target(name: str) -> Target:
    """The target of that name. Raises KeyError for another name."""
    return importlib.import_module(MODULES[name]).TARGET

"""Distribution of test files over workers: one ComfyUI server a core, slow files first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest

# The core that a test's server runs, as tests/comfy/conftest.py names the checkouts it finds in a home folder.
_CORE = re.compile(r"tests/comfy/.*\[(ComfyUI(?:-\d[\d.]*)?)[\]-]")
_SLOW = ("slow", "page", "comfy")


class CoreScheduling(LoadFileScheduling):
    """As `--dist loadfile`, but all tests on one core's server go to one worker, so that each core is started once.

    The order is the workers' own (`slow_files_first`): xdist would begin with the files of the most tests, and a worker
    would wait at the end for another's one slow test.
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        core = _CORE.match(nodeid)
        return f"tests/comfy on {core[1]}" if core else super()._split_scope(nodeid)


def slow_files_first(items: list[pytest.Item]) -> None:
    """Sort in place: the files with slow tests, then the others, of both those with more tests first."""
    counts: dict[Any, int] = {}
    slow = set()
    for item in items:
        counts[item.path] = counts.get(item.path, 0) + 1
        if any(item.get_closest_marker(name) for name in _SLOW):
            slow.add(item.path)
    items.sort(key=lambda item: (item.path not in slow, -counts[item.path], str(item.path)))

"""Distribution over workers: one worker for each ComfyUI core, and the slow files first."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.scheduling import CoreScheduling, slow_files_first


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/comfy/test_page.py::test_a[ComfyUI]", "tests/comfy on ComfyUI"),
        ("tests/comfy/test_page.py::test_a[ComfyUI-canvas-1.5]", "tests/comfy on ComfyUI"),
        ("tests/comfy/test_saved.py::test_a[ComfyUI-0.33]", "tests/comfy on ComfyUI-0.33"),
        ("tests/comfy/test_saved.py::test_a[ComfyUI-0.33-nodes 2.0]", "tests/comfy on ComfyUI-0.33"),
        ("tests/comfy/test_submission.py::test_a[8188]", "tests/comfy/test_submission.py"),
        ("tests/media/test_probe.py::test_a[ComfyUI]", "tests/media/test_probe.py"),
    ],
)
def test_each_core_and_each_other_file_is_one_workers(nodeid, scope):
    assert CoreScheduling.__new__(CoreScheduling)._split_scope(nodeid) == scope


def test_slow_files_are_first_and_stay_whole():
    def item(file, name, *markers):
        return SimpleNamespace(path=Path(file), name=name, get_closest_marker=lambda mark: mark in markers or None)

    items = [
        item("a", "1"),
        item("b", "1"),
        item("b", "2"),
        item("c", "1"),
        item("c", "2", "slow"),
        item("d", "1", "page"),
    ]
    slow_files_first(items)
    assert [(str(one.path), one.name) for one in items] == [
        ("c", "1"),
        ("c", "2"),
        ("d", "1"),
        ("b", "1"),
        ("b", "2"),
        ("a", "1"),
    ]

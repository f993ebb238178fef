"""Tests of the pack beside others: any OpenCV or none, no pinned packages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOAD = """
import asyncio, importlib.util, sys, tempfile, types
from pathlib import Path
{cv2}
from tests.nodes import conftest
host = conftest.Host(Path(tempfile.mkdtemp()))
sys.modules.update({{**conftest._comfy_api(), **host.modules()}})
spec = importlib.util.spec_from_file_location("pack", {root!r} + "/__init__.py", submodule_search_locations=[{root!r}])
pack = importlib.util.module_from_spec(spec); sys.modules["pack"] = pack; spec.loader.exec_module(pack)
classes = asyncio.run(pack.comfy_entrypoint().get_node_list())
assert len(classes) > 14 and all(node.define_schema().inputs for node in classes)
print("loaded", "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    "cv2",
    [
        'sys.modules["cv2"] = None',
        'sys.modules["cv2"] = types.ModuleType("cv2"); sys.modules["cv2"].__version__ = "5.0.0"',
    ],
    ids=["without OpenCV", "with an OpenCV that has no detectors"],
)
def test_the_nodes_load_with_no_opencv_and_with_any(cv2):
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(cv2=cv2, root=str(ROOT))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "loaded" in done.stdout, done.stderr[-2000:]


def test_no_requirement_names_torch_or_an_exact_version():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    assert rows and not [row for row in rows if re.match(r"torch", row) or "==" in row or "~=" in row]

"""Tests of the pack beside others: no heavy imports, any OpenCV or none, no pins."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The fake host's torch is a stand-in, taken away again: what is loaded afterwards was loaded by the pack.
LOAD = """
import asyncio, importlib.util, sys, tempfile, types
from pathlib import Path
{cv2}
sys.modules["torch"] = torch = types.ModuleType("torch"); torch.nn = None
from tests.nodes import conftest
del sys.modules["torch"]
host = conftest.Host(Path(tempfile.mkdtemp()))
sys.modules.update({{**conftest._comfy_api(), **host.modules()}})
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("pack", {root!r} + "/__init__.py", submodule_search_locations=[{root!r}])
pack = importlib.util.module_from_spec(spec); sys.modules["pack"] = pack; spec.loader.exec_module(pack)
classes = asyncio.run(pack.comfy_entrypoint().get_node_list())
assert len(classes) > 14 and all(node.define_schema().inputs for node in classes)
print("loaded", sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & {heavy!r}))
"""
HEAVY = {"av", "cv2", "diffusers", "gradio", "huggingface_hub", "moviepy", "PIL", "ray", "scipy", "silero_vad"}
HEAVY |= {"torch", "torchaudio", "torchvision", "transformers"}

BOUND = re.compile(r"([A-Za-z0-9_-]+)>=([0-9.]+)")
# The lower bounds in requirements.txt of ComfyUI 0.3.64 for the packages that both name.
OLDEST_CORE = {"av": (14, 2, 0), "numpy": (1, 25, 0), "safetensors": (0, 4, 2)}


@pytest.mark.parametrize(
    "cv2",
    [
        "",
        'sys.modules["cv2"] = None',
        'sys.modules["cv2"] = types.ModuleType("cv2"); sys.modules["cv2"].__version__ = "5.0.0"',
    ],
    ids=["as installed", "without OpenCV", "with an OpenCV that has no detectors"],
)
def test_the_nodes_load_with_any_opencv_or_none_and_load_neither_it_nor_torch(cv2):
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(cv2=cv2, root=str(ROOT), heavy=HEAVY)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "loaded []\n"), done.stdout + done.stderr[-2000:]


def test_no_requirement_moves_a_package_that_the_host_or_another_pack_has_pinned():
    """A plain lower bound, below the oldest core's own, leaves whatever is installed as it is, in any order."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    # A marker (`; python_version < ...`) says where the bound holds and moves nothing.
    rows = [line.partition(";")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    bounds = {row[1]: tuple(map(int, row[2].split("."))) for row in map(BOUND.fullmatch, rows) if row}
    assert len(bounds) == len(rows) > 8, "each line is name>=version, with a marker or without"
    assert not [name for name in bounds if re.match(r"torch|opencv|transformers|moviepy|imageio", name)]
    assert all(bounds[name] <= bound for name, bound in OLDEST_CORE.items())

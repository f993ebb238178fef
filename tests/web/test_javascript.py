"""The page's modules without a page: their unit tests, run by node's own runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
NODE = shutil.which("node") or shutil.which("nodejs")
OLDEST = 18  # The first with a runner of its own.


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.strip().lstrip("v").split(".")[0])


@pytest.mark.skipif(NODE is None, reason="no node: install Node.js 18 or newer to test the page's modules")
def test_the_modules_of_the_page():
    assert NODE is not None
    if _major(NODE) < OLDEST:
        pytest.skip(f"node is older than {OLDEST}, which has no test runner")
    tests = sorted(str(path) for path in FOLDER.glob("*.test.mjs"))
    assert tests
    run = subprocess.run([NODE, "--test", *tests], capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"

"""Tests of each ComfyUI core's Python environment with this pack's requirements in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.comfy.conftest import ROOT, python_of

pytestmark = pytest.mark.comfy


def test_pip_check_finds_nothing_about_this_pack_s_requirements(core: Path) -> None:
    """0.3.0 asked for OpenCV below 5 beside packs that bring 5."""
    python = python_of(core)
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no pip to check {core.name}'s packages with")
    done = subprocess.run([python, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    rows = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ours = {re.split("[<>=]", row)[0] for row in rows if not row.startswith("#")}
    named = re.compile(rf"\b({'|'.join(sorted(ours | {'deepsound'}))})\b", re.IGNORECASE)
    assert len(ours) > 8 and done.stdout
    assert not [line for line in done.stdout.splitlines() if named.search(line)]

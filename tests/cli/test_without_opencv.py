"""Tests of the command line on a machine without OpenCV, which is optional."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCKED = "import sys; sys.modules['cv2'] = None; from deepsound.cli.main import main; sys.exit(main(sys.argv[1:]))"


def test_a_demo_clip_runs_without_opencv(tmp_path):
    """0.3.0 needed OpenCV 4 to judge and any OpenCV to generate."""
    clip = ROOT / "demo" / "silent_impacts.mp4"
    words = ["run", str(clip), "-o", str(tmp_path), "--generator", "draft", "--duration", "2"]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *words], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (record,) = tmp_path.rglob("*.json")
    result = json.loads(record.read_text(encoding="utf-8"))
    assert result["engines"]["generator"]["name"] == "draft"
    assert sum("without OpenCV" in note for note in result["notes"]) == 1 and "without OpenCV" in done.stderr


def test_opencv_is_imported_in_one_place():
    """Whatever uses it asks `find_opencv`, and has a path without it."""
    allowed = {"media/opencv.py"}
    package = ROOT / "deepsound"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"^\s*(import|from) cv2\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found <= allowed

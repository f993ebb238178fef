"""Runs the commands of the README and of docs/, and the README's Python example.

`python scripts/run_readme.py [README.md] [docs/run.md ...]`; without a page the README and all of docs/.

Every `deepsound` line of the bash blocks (and of indented ones) runs in a scratch folder that holds what the lines
name. Where a line needs published weights, a server or an extra, the promised exit code is checked instead. A traceback
is always a failure.
"""

# ruff: noqa: S603
from __future__ import annotations

import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import wave
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 600
WEIGHTS = re.compile(r"mmaudio_\w+|videollama2_\w+|foleycrafter|seeing_hearing")
# Commands whose networks are all published ones.
PUBLISHED_ONLY = ("audio-to-video", "joint")
# Lines that need an extra package: without it they end with exit code 4 and name the package.
EXTRAS = {"comfy submit": "aiohttp", "app": "gradio", "--ray": "ray", "compare": "moviepy", "completion": "argcomplete"}
# Clusters, network disks and folders of other lines that are not run.
ELSEWHERE = ("head:6379", "--ray auto", "/data/", "/tmp/")  # noqa: S108
# What a reader has and this script does not make: a server, a model, a plug-in, folders; it is named in the error.
OWN = ("server:", "omni:", "--generator hum", "voices/", "held_out/")
BAD_ARGUMENT, MISSING, SOME_FAILED = 2, 4, 6


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def commands(text: str) -> list[list[str]]:
    found = blocks(text, "bash") + re.findall(r"(?:^    .+\n)+", text, re.M)
    lines = [line.split(" #")[0].strip() for block in found for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("deepsound ")]


def promised(arguments: list[str]) -> set[int] | None:
    """Exit codes that a line may end with on a machine without weights and servers; None for one that goes on."""
    line = " ".join(arguments)
    if any(place in line for place in ELSEWHERE):
        return None
    if line.startswith("train generator") or "--base bs_roformer" in line:
        return {MISSING}
    if any(name in line for name in OWN):
        return {BAD_ARGUMENT}
    if line.startswith("train reasoner"):
        # Without the extra `train`; with it, the base model is the folder that is not there.
        return {BAD_ARGUMENT, MISSING}
    for words, package in EXTRAS.items():
        if line.startswith(words) or words in arguments:
            if find_spec(package) is None:
                return {MISSING}
            return None if words == "app" else {SOME_FAILED} if words == "comfy submit" else {0}
    if line.startswith("calibrate") and WEIGHTS.search(line):
        return {SOME_FAILED}
    if line.startswith("train data"):
        if "--label records" in line:
            return {0, BAD_ARGUMENT}  # outputs/ is there where the README's lines ran before.
        return {MISSING} if "--generator mmaudio" in line else {SOME_FAILED}  # One of clips/ has no sound.
    if line.startswith(PUBLISHED_ONLY) or "--preset published" in line:
        return {MISSING}
    if line.startswith("run") and WEIGHTS.search(line):
        return {MISSING}
    if line.startswith("models download"):
        return None
    return {0}


def prepare(folder: Path) -> None:
    """What the lines name: clips, clips/ with labels, a table, reference/, labelled/, workflows, a picture, a sound."""
    clip = ROOT / "demo" / "silent_impacts.mp4"
    for name in ("clip.mp4", "one.mp4", "two.mov"):
        shutil.copy(clip, folder / name)
    shutil.copy(ROOT / "demo" / "narrated_landscape.mp4", folder / "narrated.mp4")
    for name in ("clips", "reference"):
        (folder / name).mkdir()
    shutil.copy(clip, folder / "clips" / "first.mp4")
    shutil.copy(ROOT / "demo" / "narrated_landscape.mp4", folder / "clips" / "second.mp4")
    shutil.copy(ROOT / "demo" / "narrated_landscape.mp4", folder / "reference" / "second.mp4")
    (folder / "labelled" / "Yes").mkdir(parents=True)
    shutil.copy(ROOT / "demo" / "narrated_landscape.mp4", folder / "labelled" / "Yes" / "second.mp4")
    (folder / "clips" / "labels.csv").write_text("video,label\nfirst.mp4,No3\nsecond.mp4,Yes\n")
    (folder / "clips.csv").write_text("video,prompt\nclip.mp4,metal\n")
    shutil.copytree(folder / "reference", folder / "known" / "clips")
    shutil.copytree(ROOT / "workflows", folder / "workflows")
    Image.new("RGB", (64, 48), "teal").save(folder / "picture.png")
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(random.Random(0).randbytes(2 * 16000 * 2))  # noqa: S311 - two seconds of noise


def run(command: list[str], folder: Path, allowed: set[int]) -> str:
    """What is wrong with how the command ended; empty where nothing is."""
    environment = {**os.environ, "DEEPSOUND_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {LIMIT_S} s"
    if "Traceback" in done.stderr:
        return done.stderr
    return "" if done.returncode in allowed else f"exit code {done.returncode}, not {sorted(allowed)}\n{done.stderr}"


def main(pages: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder)
        everything = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
        for page in pages or everything:
            text = (ROOT / page).read_text(encoding="utf-8")
            tasks = [(f"deepsound {shlex.join(line)}", ["deepsound", *line], promised(line)) for line in commands(text)]
            examples = blocks(text, "python") if page.startswith("README") else []
            tasks += [("the Python example", [sys.executable, "-c", block], {0}) for block in examples]
            for title, command, allowed in tasks:
                if allowed is None:
                    print(f"not run  {title}", flush=True)
                    continue
                trouble = run(command, folder, allowed)
                failed += bool(trouble)
                print(f"{'FAILED' if trouble else 'ok':8} {title}", *filter(None, [trouble]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The examples in docs/plugins.md, taken out of the document, installed and run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepsound.media.audio import decode_audio

DOCUMENT = Path(__file__).parents[2] / "docs" / "plugins.md"
FILE = re.compile(r"^`(?P<path>[\w/.]+)`\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, str]:
    return {found["path"]: found["text"] for found in FILE.finditer(DOCUMENT.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that the document's packages are installed into, as pip does it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for path, text in examples().items():
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_text(text, encoding="utf-8")
    packages = sorted(folder for folder in source.iterdir() if folder.is_dir())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--disable-pip-version-check",
            "--target",
            target,
            *packages,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def run_cli(site, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "deepsound", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(site)},
    )


def getting_brighter(index):
    return np.full((48, 64, 3), 25 * index, np.uint8)


def test_the_generator_example_is_short_and_whole():
    shown = examples()
    generator = [text for path, text in shown.items() if path.startswith("hum_pack/")]
    assert len(generator) == 2
    assert sum(len(text.splitlines()) for text in generator) <= 40
    assert len(shown) == 4


def test_the_examples_are_listed_and_run(installed, make_video, tmp_path):
    clip = make_video("clip.mp4", seconds=1.0, fps=10, paint=getting_brighter)
    done = run_cli(
        installed,
        "run",
        clip,
        "--generator",
        "hum",
        "--reasoner",
        "always_yes",
        "--separator",
        "side_only",
        "--plan",
        "model",
        "-o",
        tmp_path / "out",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert "Every sound is taken for voice-over" in done.stderr
    record = json.loads(done.stdout)
    assert {step: choice["name"] for step, choice in record["engines"].items()} == {
        "generator": "hum",
        "reasoner": "always_yes",
        "separator": "side_only",
    }
    assert record["verdict"] == "yes" and record["final_from"] == "background"
    sound = decode_audio(record["final_audio_path"])
    samples = sound.numpy()[0]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    assert abs(spectrum.argmax() * sound.sample_rate / samples.size - 110) < 2
    early, late = (np.sqrt((part**2).mean()) for part in np.array_split(samples, 2))
    assert late > 2 * early, "the hum follows the brightness"

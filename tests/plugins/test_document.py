"""The examples in docs/plugins.md, taken out of the document, installed and run."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepsound import plugins
from deepsound.errors import EngineError
from deepsound.media.audio import decode_audio
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Span

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
        timeout=600,
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
    assert len(shown) == 6


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


SAM_AUDIO = """
import types, torch
calls = []

class Batch(types.SimpleNamespace):
    def to(self, device):
        return self

class SAMAudioProcessor:
    audio_sampling_rate = 48000
    @classmethod
    def from_pretrained(cls, folder):
        assert folder.endswith("sam-audio-small")
        return cls()
    def __call__(self, descriptions, audios, anchors=None, masked_videos=None):
        assert all(audio.dim() == 2 and audio.shape[0] == 1 for audio in audios)
        return Batch(descriptions=descriptions, audios=audios, anchors=anchors)

class SAMAudio:
    @classmethod
    def from_pretrained(cls, folder):
        return cls()
    def eval(self):
        return self
    def to(self, device):
        return self
    def separate(self, batch, predict_spans=False, reranking_candidates=1):
        calls.append(batch)
        # Half of everything is taken for the voice; the codec gives whole frames.
        wavs = [torch.nn.functional.pad(audio[0] * 0.5, (0, 960)) for audio in batch.audios]
        return types.SimpleNamespace(target=wavs, residual=wavs)
"""


@pytest.fixture
def sam_audio(tmp_path, monkeypatch):
    """The document's plug-in beside a stand-in for the package it is written around."""
    plugin = examples()["sam_audio_pack/sam_audio_pack.py"]
    for name, text in {"sam_audio.py": SAM_AUDIO, "sam_audio_pack.py": plugin}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("sam_audio", "sam_audio_pack"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import sam_audio
    import sam_audio_pack

    monkeypatch.setattr(sam_audio_pack, "PIECE_S", 2.0)
    return sam_audio, sam_audio_pack


def test_the_sam_audio_example_prompts_with_the_voice_s_spans_in_every_piece(sam_audio, monkeypatch):
    package, plugin = sam_audio
    heard = (Span(0.5, 1.0), Span(1.5, 2.5), Span(6.5, 7.0))
    monkeypatch.setattr(plugin, "voice_spans", lambda audio, progress: heard)
    engine = plugins.build("separator", "sam_audio", "sam_audio_pack:SamAudio", "sam-audio-pack 1.0")
    engine.configure(Execution("cpu", weights={"sam_audio": Path("weights/sam-audio-small")}))
    sound = Audio.from_numpy(np.random.default_rng(0).uniform(-0.5, 0.5, (2, 7 * 44100 + 1)), 44100)
    stems = engine.separate(sound, Progress())
    assert [call.anchors[0] for call in package.calls] == [
        [["+", 0.5, 1.0], ["+", 1.5, 2.0]],
        [["+", 0.0, 0.5]],
        [["+", 0.5, pytest.approx(1.0, abs=1e-3)]],
    ]
    assert {text for call in package.calls for text in call.descriptions} == {"person speaking"}
    assert all(len(call.audios) == 2 for call in package.calls)
    assert stems.voice.waveform.shape == sound.waveform.shape
    middle = slice(round(1.0 * 44100), round(1.8 * 44100))
    # Half of the sound below what the resamplers' filters take.
    assert np.corrcoef(stems.voice.numpy()[0, middle], sound.numpy()[0, middle])[0, 1] > 0.95
    assert float(stems.voice.waveform[:, round(4.1 * 44100) : round(5.9 * 44100)].abs().max()) < 1e-3


def test_the_sam_audio_example_loads_nothing_without_a_voice_and_names_its_weights(sam_audio, monkeypatch):
    package, plugin = sam_audio
    engine = plugins.build("separator", "sam_audio", "sam_audio_pack:SamAudio", "sam-audio-pack 1.0")
    sound = Audio.from_numpy(np.zeros((1, 48000)), 48000)
    assert float(engine.separate(sound, Progress()).voice.waveform.abs().max()) == 0 and not package.calls
    monkeypatch.setattr(plugin, "voice_spans", lambda audio, progress: (Span(0.0, 1.0),))
    with pytest.raises(EngineError, match="--weights sam_audio=DIR"):
        engine.separate(sound, Progress())


def test_the_steps_in_python_run_as_they_are_written(make_video, tone, tmp_path, monkeypatch, capsys):
    """The document named a function that needed another import, and values that came from nowhere."""
    code = DOCUMENT.read_text(encoding="utf-8").split("- **In Python**")[1].split("```python\n")[1].split("```")[0]
    make_video("with_sound.mp4", seconds=1.0, audio=tone())
    monkeypatch.chdir(tmp_path)
    (script := tmp_path / "steps.py").write_text(code, encoding="utf-8")
    runpy.run_path(str(script))
    assert capsys.readouterr().out.split()[0] in ("yes", "no")

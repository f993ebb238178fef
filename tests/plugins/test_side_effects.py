"""What a plug-in changes beside its result, and what that does to the rest of a run."""

import sys
import textwrap

import numpy as np
import pytest
import torch

from deepsound import Pipeline, engines
from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress

MODULE = """
import numpy as np
import torch

from deepsound.types import Audio, ChainOfThought, Judgement, Plan, Stems, Verdict


class Careless:
    def generate(self, clip, request, progress):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        np.seterr(all="raise")
        return Audio.from_numpy(np.full(round(clip.duration_s * 16000), 0.1), 16000)


class Writes:
    def plan(self, clip, progress):
        return Plan(("Step1: Generate audio from video.",))

    def judge(self, clip, audio, progress):
        audio.waveform.zero_()
        return Judgement(Verdict.YES, "Yes", ChainOfThought("a voice", conclusion="Yes"))

    def separate(self, audio, progress):
        audio.waveform.numpy()[:] *= 0.5
        return Stems(audio, audio)
"""
POINTS = """
[deepsound.generators]
careless = careless_pack:Careless
[deepsound.reasoners]
writes = careless_pack:Writes
[deepsound.separators]
writes = careless_pack:Writes
"""


@pytest.fixture(autouse=True)
def pack(tmp_path, monkeypatch):
    """The distribution `careless-pack 1.0` on the path."""
    info = tmp_path / "careless_pack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: careless-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (tmp_path / "careless_pack.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("careless_pack", None)
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")


def test_a_plug_in_that_changes_torch_s_and_numpy_s_defaults_breaks_neither_the_other_engines_nor_the_host(make_video):
    clip = Clip.open(make_video())
    outcome = Pipeline("careless", "rules", "dtln").run_in_memory(clip, voice_decision="always", scope="clip")
    assert outcome.stems.voice.waveform.dtype == torch.float32
    assert torch.get_default_dtype() == torch.float32 and torch.get_default_device().type == "cpu"
    assert torch.is_grad_enabled() and np.geterr()["under"] == "ignore"


def test_plug_ins_that_write_on_the_sound_they_are_given_change_no_sound_but_their_own(make_video, tone):
    clip = Clip.open(make_video(audio=tone(1.0)))
    outcome = Pipeline("source", "writes", "writes").run_in_memory(clip, scope="clip")
    assert torch.equal(outcome.coarse.waveform, clip.audio().waveform)
    assert torch.allclose(outcome.stems.background.waveform, outcome.coarse.waveform / 2)


def test_a_sound_that_a_plug_in_is_given_outside_a_run_stays_as_it_is_too(tone):
    mix = tone()
    before = mix.waveform.clone()
    engines.separator("writes").separate(mix, Progress())
    assert torch.equal(mix.waveform, before)

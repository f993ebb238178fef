"""Tests of FoleyCrafter in a real ComfyUI, on tiny weights."""

import subprocess

import pytest

from deepsound.media.clip import Clip
from tests.comfy.conftest import python_of
from tests.generate.foleycrafter import tiny

pytestmark = pytest.mark.comfy

LOAD, FOLEY, SAVE = "1", "2", "3"
NODE = {
    "prompt": "rain",
    "negative_prompt": "",
    "seed": 1,
    "duration": 0.0,
    "steps": 2,
    "cfg": 7.5,
    "temporal_scale": 0.2,
    "semantic_scale": 1.0,
    "fps": 0.0,
    "takes": 1,
    "clip_frames": "150",
    "precision": "auto",
    "offload": False,
    "download": False,
}


@pytest.fixture
def models(server):
    if not (server.base / "models" / "foleycrafter").exists():
        tiny.write_published(server.base / "models")
    return server.base / "models"


def graph(server, **changed):
    """Load, generate, save; `changed` are the FoleyCrafter node's inputs."""
    load = {"file": "silent_impacts.mp4", "start": 0.0, "duration": 2.0}
    save = {
        "video": [LOAD, 0],
        "audio": [FOLEY, 0],
        "container": "auto",
        "codec": "flac",
        "filename_prefix": f"test/{server.core.name}_foleycrafter",
    }
    return {
        LOAD: {"class_type": "DeepSoundLoadVideo", "inputs": load},
        FOLEY: {"class_type": "DeepSoundFoleyCrafterGenerate", "inputs": {**NODE, "video": [LOAD, 0], **changed}},
        SAVE: {"class_type": "DeepSoundMuxVideo", "inputs": save},
    }


def has_diffusers(server):
    return (
        subprocess.run([python_of(server.core), "-c", "import diffusers"], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.failing_run
def test_sound_to_the_sample_or_what_to_install(server, models):
    assert server.ask("/object_info/DeepSoundFoleyCrafterGenerate")[1]["DeepSoundFoleyCrafterGenerate"]
    run = server.run(graph(server))
    if not has_diffusers(server):
        assert run.ending == "execution_error" and run.messages[-1][1]["node_id"] == FOLEY
        assert "FoleyCrafter needs diffusers" in run.error and "pip install diffusers" in run.error
        return
    assert run.ending == "execution_success", run.error or run.answer
    shown = run.saved(SAVE)
    sound = Clip.open(server.base / "output" / shown["subfolder"] / shown["filename"]).audio()
    assert (sound.sample_rate, sound.samples) == (16000, 32000)


def test_cancel_ends_the_sampling_in_its_middle(server, models):
    """How soon is proved by counting: a network asks before each of its modules (tests/runtime/test_interruption)."""
    if not has_diffusers(server):
        pytest.skip(f"{server.core.name}'s Python has no diffusers")
    reports = []

    def interrupt(kind, data):
        if kind == "progress" and data["node"] == FOLEY:
            reports.append(data)
            if (
                data["value"] > 0.4 * data["max"]
                and sum(report["value"] > 0.4 * report["max"] for report in reports) == 1
            ):
                server.ask("/interrupt", {})

    run = server.run(graph(server, seed=2, steps=400), interrupt)
    assert run.ending == "execution_interrupted"
    assert 0.4 * reports[-1]["max"] < reports[-1]["value"] < reports[-1]["max"]

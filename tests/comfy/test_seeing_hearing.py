"""Tests of Seeing and Hearing's nodes and templates in a real ComfyUI, on tiny weights."""

import json
import subprocess
from pathlib import Path

import pytest

from deepsound.media.clip import Clip
from tests.comfy.conftest import python_of
from tests.generate.aligned_video import tiny

pytestmark = pytest.mark.comfy

API = Path(__file__).parents[2] / "workflows" / "api"
SMALL = {"steps": 3, "frames": 4, "fps": 4.0, "width": 64, "height": 64}
OTHERS = {"videollama2_cot": "says_yes", "bs_roformer": "leaves_half"}


@pytest.fixture
def models(server):
    if not (server.base / "models" / tiny.ADAPTER_FILE).exists():
        tiny.write_published(server.base / "models")
    return server.base / "models"


def has_diffusers(server):
    asked = [python_of(server.core), "-c", "import diffusers"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def small(name):
    """A template with few steps, small pictures and known engines around it."""
    prompt = json.loads((API / f"{name}.json").read_text(encoding="utf-8"))
    for node in prompt.values():
        inputs = node["inputs"]
        if node["class_type"] == "DeepSoundLoadVideo":
            inputs["duration"] = 1.2
        if node["class_type"] == "DeepSoundSeeingHearing":
            inputs |= {"steps": 3, "duration": min(inputs["duration"] or 1.0, 1.0)}
        if node["class_type"] in ("DeepSoundAudioToVideo", "DeepSoundJoint"):
            inputs |= SMALL
        if inputs.get("engine") in OTHERS and node["class_type"] != "DeepSoundCoTPlan":
            inputs["engine"] = OTHERS[inputs["engine"]]
    return prompt


@pytest.mark.failing_run
@pytest.mark.parametrize("name", ["seeing_hearing", "image_to_sound", "audio_to_video", "joint_video"])
def test_a_template_runs_to_its_files_or_says_what_to_install(server, models, name):
    prompt = small(name)
    run = server.run(prompt)
    if not has_diffusers(server):
        assert run.ending == "execution_error", run.answer
        assert "Seeing and Hearing needs diffusers" in run.error and "pip install diffusers" in run.error
        return
    assert run.ending == "execution_success", run.error or run.answer
    kinds = {node["class_type"]: node_id for node_id, node in prompt.items()}
    if name == "image_to_sound":
        assert run.history["outputs"][kinds["PreviewAudio"]]["audio"]
        return
    shown = run.saved(kinds["DeepSoundMuxVideo"])
    clip = Clip.open(server.base / "output" / shown["subfolder"] / shown["filename"])
    assert clip.audio() is not None and clip.duration_s == pytest.approx(
        1.0 if name != "seeing_hearing" else 1.2, abs=0.1
    )
    if name == "joint_video":
        assert run.history["outputs"][kinds["DeepSoundCompare"]]["deepsound"][0]["tracks"]

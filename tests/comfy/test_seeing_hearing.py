"""Tests of Seeing and Hearing's nodes and templates in a real ComfyUI, on tiny weights."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from tests.comfy.conftest import python_of
from tests.generate.aligned_video import tiny

pytestmark = pytest.mark.comfy

API = Path(__file__).parents[2] / "workflows" / "api"
SMALL = {"steps": 3, "frames": 4, "fps": 4.0, "width": 64, "height": 64}
OTHERS = {"videollama2_cot": "says_yes", "bs_roformer": "leaves_half"}
JOINT, PICTURES, SOUND = "1", "2", "3"


@pytest.fixture
def models(server):
    if not (server.base / "models" / tiny.ADAPTER_FILE).exists():
        tiny.write_published(server.base / "models")
    return server.base / "models"


def has_diffusers(server):
    asked = [python_of(server.core), "-c", "import diffusers"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.fixture
def with_diffusers(server, models):
    if not has_diffusers(server):
        pytest.skip(f"{server.core.name}'s Python has no diffusers")
    return server


def joint(server, **changed):
    """Joint generation, its frames and its sound saved."""
    inputs = {"prompt": "rain", "negative_prompt": "", "seed": 3, "video_cfg": 7.5, "video_rate": 0.1, "warmup": 0.2}
    inputs |= {"inner_steps": 1, "update": "published", "prompt_rate": 0.001, "tune_prompt": True, "audio_cfg": 2.5}
    inputs |= {"audio_rate": 0.1, "precision": "fp32", "offload": False, "download": False, **SMALL, "frames": 2}
    inputs |= {"fps": 2.0, **changed}
    name = f"test/{server.core.name}_joint"
    return {
        JOINT: {"class_type": "DeepSoundJoint", "inputs": inputs},
        PICTURES: {"class_type": "SaveImage", "inputs": {"images": [JOINT, 1], "filename_prefix": name}},
        SOUND: {"class_type": "SaveAudio", "inputs": {"audio": [JOINT, 2], "filename_prefix": name}},
    }


def made(server, run):
    """The frames and the waveform that a run of `joint` has saved."""
    assert run.ending == "execution_success", run.error or run.answer
    folder = server.base / "output"
    outputs = run.history["outputs"]
    (sound,) = [folder / item["subfolder"] / item["filename"] for item in outputs[SOUND]["audio"]]
    frames = [folder / item["subfolder"] / item["filename"] for item in outputs[PICTURES]["images"]]
    return [np.asarray(Image.open(frame)) for frame in frames], decode_audio(sound).waveform


def written(server):
    """The videos in the server's temporary folder."""
    return {path.name for path in (server.base / "temp").glob("deepsound_*")}


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


def test_a_seed_makes_the_same_frames_and_sound_again_and_another_seed_others(with_diffusers):
    """Not run twice as it is, which the server would answer from its cache: with offload, which changes no value."""
    frames, sound = made(with_diffusers, with_diffusers.run(joint(with_diffusers)))
    assert len(frames) == 2 and frames[0].shape == (64, 64, 3) and sound.shape == (1, 16000)
    again, same_sound = made(with_diffusers, with_diffusers.run(joint(with_diffusers, offload=True)))
    assert all(map(np.array_equal, frames, again)) and bool((sound == same_sound).all())
    others, other_sound = made(with_diffusers, with_diffusers.run(joint(with_diffusers, seed=4)))
    assert not np.array_equal(frames[0], others[0]) and not bool((sound == other_sound).all())


def test_cancel_ends_the_alignment_in_its_middle_and_the_next_run_works(with_diffusers):
    reports, before = [], written(with_diffusers)

    def interrupt(kind, data):
        if kind == "progress" and data["node"] == JOINT:
            reports.append(data["value"] / data["max"])
            if reports[-1] > 0.2 and sum(value > 0.2 for value in reports) == 1:
                with_diffusers.ask("/interrupt", {})

    run = with_diffusers.run(joint(with_diffusers, steps=200, seed=5), interrupt)
    assert run.ending == "execution_interrupted" and 0.2 < reports[-1] < 0.9
    assert written(with_diffusers) <= before
    made(with_diffusers, with_diffusers.run(joint(with_diffusers, seed=6)))

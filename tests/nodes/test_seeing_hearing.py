"""Tests of the nodes of Seeing and Hearing on tiny weights, in ComfyUI's memory."""

from __future__ import annotations

import sys
from dataclasses import fields

import pytest
import torch

from deepsound.errors import EngineError, InputError
from deepsound.generate.aligned_video.request import AlignedVideoRequest
from deepsound.generate.aligner import guide
from deepsound.runtime.model_cache import model_cache
from tests.generate.aligned_video import tiny
from tests.nodes.conftest import InterruptedByHost

RUN = {"precision": "auto", "offload": False, "download": False}


@pytest.fixture
def models(host, no_other_weights):
    """Tiny weights in ComfyUI's models folder."""
    return tiny.write_published(host.root / "models")


def defaults(node, **changed):
    """A node's inputs as the page sends them, with those that tests change."""
    made = {item.id: item.keywords.get("default") for item in node.define_schema().inputs}
    return {**{name: value for name, value in made.items() if value is not None}, **changed}


@pytest.fixture
def sound(models, nodes):
    node = nodes["DeepSoundSeeingHearing"]

    def make(**changed):
        with torch.inference_mode():
            (audio,) = node.execute(**defaults(node, prompt="rain", steps=3, precision="fp32", **changed)).args
        return audio

    return make


def test_a_video_images_or_one_picture_get_their_sound_in_comfyui_s_memory(sound, load_video, host):
    video = load_video(fps=10, seconds=1.2)
    audio = sound(video=video)
    assert audio["waveform"].shape == (1, 1, 19200) and audio["sample_rate"] == 16000
    assert host.memory.current_loaded_models and all(full for _, full in host.memory.loads)
    host.memory.unload_all_models()
    assert model_cache().report() == []
    # The host has moved the weights in its inference mode: gradients pass them all the same.
    assert torch.equal(sound(video=video)["waveform"], audio["waveform"])
    assert not torch.equal(sound(video=video, rate=0.0)["waveform"], audio["waveform"])
    images = torch.rand(12, 20, 30, 3, generator=torch.Generator().manual_seed(0))
    assert sound(images=images, fps=10.0, takes=2)["waveform"].shape == (2, 1, 19200)
    assert sound(images=images[:1], duration=1.5)["waveform"].shape == (1, 1, 24000)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "Neither video nor images are connected"),
        ({"images": torch.zeros(3, 8, 8, 3)}, "3 images need their rate"),
        ({"images": torch.zeros(1, 8, 8, 3), "update": "adam"}, "update is 'adam'; choose one of: published, paper"),
        ({"images": torch.zeros(1, 8, 8, 3), "rate": -1.0}, "rate: expected a number from 0 to 10"),
    ],
)
def test_what_is_not_on_the_node_is_refused(sound, changed, message):
    with pytest.raises(InputError, match=message):
        sound(**changed)


def test_the_user_s_stop_ends_it(sound, host):
    host.interrupted = True
    with pytest.raises(InterruptedByHost):
        sound(images=torch.zeros(1, 8, 8, 3))
    assert not any(row.in_use for row in model_cache().report())


def test_both_video_nodes_give_picture_frames_and_sound(models, nodes):
    audio = {
        "waveform": 0.1 * torch.randn(1, 1, 16000, generator=torch.Generator().manual_seed(0)),
        "sample_rate": 16000,
    }
    small = {"prompt": "rain", "steps": 2, "frames": 2, "fps": 2.0, "width": 64, "height": 64, "precision": "fp32"}
    for node_id, given in (("DeepSoundAudioToVideo", {"audio": audio}), ("DeepSoundJoint", {})):
        node = nodes[node_id]
        with torch.inference_mode():
            video, images, sound = node.execute(**defaults(node, **small, **given)).args
        assert images.shape == (2, 64, 64, 3) and sound["waveform"].shape == (1, 1, 16000)
        assert video.get_stream_source().endswith(".mp4")


def test_every_setting_of_the_library_is_on_the_nodes(nodes):
    settings = {field.name for field in fields(AlignedVideoRequest)}
    joint = {item.id for item in nodes["DeepSoundJoint"].define_schema().inputs}
    assert joint == settings | set(RUN)
    assert {item.id for item in nodes["DeepSoundAudioToVideo"].define_schema().inputs} == (
        joint - {"audio_cfg", "audio_rate"} | {"audio"}
    )
    own = {field.name for field in fields(guide.GuideSettings)}
    assert own <= {item.id for item in nodes["DeepSoundSeeingHearing"].define_schema().inputs}


def test_without_diffusers_the_nodes_say_what_to_install(sound, nodes, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(EngineError, match="pip install diffusers"):
        sound(images=torch.zeros(1, 8, 8, 3))

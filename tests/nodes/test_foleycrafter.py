"""Tests of the node FoleyCrafter Generate on tiny weights, in ComfyUI's memory."""

from __future__ import annotations

import sys

import pytest
import torch

from deepsound.errors import EngineError, InputError
from deepsound.runtime.model_cache import model_cache
from tests.generate.foleycrafter import tiny
from tests.nodes.conftest import InterruptedByHost

WORDS = {
    "prompt": "rain",
    "negative_prompt": "",
    "seed": 7,
    "duration": 0.0,
    "steps": 1,
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
def models(host, no_other_weights):
    """Tiny weights in ComfyUI's models folder."""
    return tiny.write_published(host.root / "models")


@pytest.fixture
def node(models, nodes):
    return nodes["DeepSoundFoleyCrafterGenerate"]


@pytest.fixture
def video(load_video):
    return load_video(fps=25, seconds=1.2)


def sound(node, **changed):
    (audio,) = node.execute(**{**WORDS, **changed}).args
    return audio


def test_a_video_gets_sound_of_its_own_length_in_comfyui_s_memory(node, video, host):
    audio = sound(node, video=video)
    assert audio["waveform"].shape == (1, 1, 19200) and audio["sample_rate"] == 16000
    assert audio["waveform"].abs().max() > 0
    assert len(host.memory.current_loaded_models) == 6
    assert all(full and room > 0 for room, full in host.memory.loads)
    host.memory.unload_all_models()
    assert model_cache().report() == []
    again = sound(node, video=video, offload=True)
    assert torch.equal(again["waveform"], audio["waveform"])
    assert host.memory.current_loaded_models == []


def test_takes_come_as_a_batch_and_every_setting_arrives(node, video):
    waveform = sound(node, video=video, takes=2)["waveform"]
    assert waveform.shape == (2, 1, 19200)
    assert torch.equal(waveform[1], sound(node, video=video, seed=8)["waveform"][0])
    for changed in ({"temporal_scale": 1.0}, {"semantic_scale": 0.0}, {"clip_frames": "15"}, {"cfg": 2.0}):
        assert not torch.equal(waveform[0], sound(node, video=video, **changed)["waveform"][0]), changed


def test_images_need_their_rate_and_a_single_one_is_no_scene(node):
    images = torch.rand(12, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    assert sound(node, images=images, fps=10.0)["waveform"].shape[2] == 19200
    with pytest.raises(InputError, match="images: 12 images need their rate"):
        sound(node, images=images)
    for nothing in ({"images": images[:1]}, {}):
        with pytest.raises(InputError, match="connect a video, or several images with fps"):
            sound(node, **nothing)


def test_video_and_images_together_are_refused(node, video):
    with pytest.raises(InputError, match="Both video and images"):
        sound(node, video=video, images=torch.zeros(2, 8, 8, 3))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clip_frames": "7"}, "clip_frames is '7'; choose one of: 150, 15"),
        ({"precision": "nf4"}, "cannot run in nf4"),
        ({"duration": 9.0}, "past the end of the video"),
        ({"takes": 99}, "takes is 99"),
        ({"temporal_scale": -1.0}, r"temporal_scale: expected a number from 0 to 10, got -1\.0"),
    ],
)
def test_values_that_are_not_on_the_node_are_refused(node, video, changed, message):
    with pytest.raises(InputError, match=message):
        sound(node, video=video, **changed)


def test_the_user_s_stop_ends_it(node, video, host):
    host.interrupted = True
    with pytest.raises(InterruptedByHost):
        sound(node, video=video)
    assert not any(row.in_use for row in model_cache().report())


def test_weights_that_are_nowhere_are_named_with_the_place_for_them(node, video, models):
    (models / tiny.FILES["semantic_adapter"]).unlink()
    with pytest.raises(EngineError, match=r"foleycrafter/semantic_adapter.*download.*semantic"):
        sound(node, video=video)


def test_without_diffusers_the_node_is_on_the_menu_and_says_what_to_install(node, video, nodes, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert "foleycrafter" in nodes["DeepSoundGenerateAudio"].define_schema().inputs[1].options
    assert node.define_schema().node_id == "DeepSoundFoleyCrafterGenerate"
    with pytest.raises(EngineError, match="pip install diffusers"):
        sound(node, video=video)

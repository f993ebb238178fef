"""Tests of the node MMAudio Generate on tiny networks: inputs, folders, memory."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest
import torch

from deepsound.errors import EngineError, InputError
from deepsound.runtime.model_cache import model_cache
from tests.generate.mmaudio import tiny
from tests.nodes.conftest import InterruptedByHost

WORDS = {
    "variant": "mmaudio_small_16k",
    "prompt": "rain",
    "negative_prompt": "",
    "seed": 7,
    "duration": 0.0,
    "steps": 1,
    "cfg": 4.5,
    "fps": 0.0,
    "takes": 1,
    "mask_away_clip": False,
    "weights": "by variant",
    "precision": "auto",
    "offload": False,
    "download": False,
}


@pytest.fixture
def models(host, no_other_weights):
    """Tiny weights in ComfyUI's models folder, and nothing held in memory from other tests."""
    return tiny.write_published_16k(host.root / "models")


@pytest.fixture
def node(models, nodes):
    return nodes["DeepSoundMMAudioGenerate"]


@pytest.fixture
def video(load_video):
    return load_video(fps=25, seconds=1.2)


def sound(node, **changed):
    (audio,) = node.execute(**{**WORDS, **changed}).args
    return audio


def held() -> set[str]:
    return {row.key.name for row in model_cache().report()}


def test_a_video_gets_sound_of_its_own_length(node, video):
    audio = sound(node, video=video)
    assert audio["waveform"].shape == (1, 1, 19200) and audio["sample_rate"] == 16000
    assert audio["waveform"].abs().max() > 0


def test_takes_come_as_a_batch(node, video):
    waveform = sound(node, video=video, takes=3)["waveform"]
    assert waveform.shape == (3, 1, 19200)
    assert not torch.equal(waveform[0], waveform[1])
    assert torch.equal(waveform[1], sound(node, video=video, seed=8)["waveform"][0])


def test_images_need_their_rate_and_are_resampled_not_cut(node):
    images = torch.rand(12, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    assert sound(node, images=images, fps=10.0)["waveform"].shape[2] == 19200
    assert sound(node, images=images, fps=16.0)["waveform"].shape[2] == 12000
    with pytest.raises(InputError, match="images: 12 images need their rate"):
        sound(node, images=images)


def test_one_image_is_a_still_scene_and_no_picture_leaves_the_words(node):
    still = torch.full((1, 32, 48, 3), 0.5)
    assert sound(node, images=still)["waveform"].shape[2] == 8 * 16000
    assert sound(node, duration=1.0)["waveform"].shape[2] == 16000


def test_video_and_images_together_are_refused(node, video):
    with pytest.raises(InputError, match="Both video and images"):
        sound(node, video=video, images=torch.zeros(2, 8, 8, 3))


def test_networks_live_in_comfyui_s_memory(node, video, host):
    sound(node, video=video)
    assert held() == {"flow", "autoencoder", "vocoder", "clip", "synchformer"}
    assert len(host.memory.current_loaded_models) == 5
    assert all(full and room > 0 for room, full in host.memory.loads)


def test_unload_models_empties_the_cache(node, video, host):
    sound(node, video=video)
    host.memory.unload_all_models()
    assert held() == set() and host.memory.current_loaded_models == []
    assert sound(node, video=video)["waveform"].shape == (1, 1, 19200)


def test_what_comfyui_detached_is_really_freed_a_moment_later(node, video, host, monkeypatch):
    sound(node, video=video)
    host_memory = sys.modules[f"{node.__module__.rpartition('.')[0]}.host_memory"]
    timers = []

    class Held(threading.Timer):
        """Its time is over when the test says so, not before a busy machine has looked."""

        def start(self):
            timers.append(self)

    monkeypatch.setattr(host_memory, "Timer", Held)
    networks = [weakref.ref(loaded.model.model) for loaded in host.memory.current_loaded_models]
    host.memory.unload_all_models()
    assert all(network() is not None for network in networks), "ComfyUI still looks at what it has just detached"
    assert len(timers) == len(networks) and all(timer.interval <= 1 and timer.daemon for timer in timers)
    timers.clear()
    gc.collect()
    assert not any(network() is not None for network in networks)


def test_our_own_networks_pushing_each_other_out_stay_in_host_memory(node, video, host):
    host.memory.room = 1
    sound(node, video=video)
    assert len(host.memory.current_loaded_models) == 1
    assert len(held()) == 5


def test_another_node_needing_the_room_makes_the_cache_let_go(node, video, host):
    sound(node, video=video)
    host.memory.free_memory(1e9, torch.device("cpu"), keep_loaded=host.memory.current_loaded_models[1:])
    assert len(held()) == 4


def test_offload_leaves_nothing_behind(node, video, host):
    sound(node, video=video, offload=True)
    assert host.memory.current_loaded_models == [] and held() == set()


def test_the_user_s_stop_ends_it(node, video, host):
    host.interrupted = True
    with pytest.raises(InterruptedByHost):
        sound(node, video=video)
    assert not any(row.in_use for row in model_cache().report())


def test_files_of_one_s_own_are_on_the_menu_and_tell_what_they_are(node, video, models):
    tiny.write_repackaged_44k(models)
    menu = next(item for item in node.define_schema().inputs if item.id == "weights")
    own = "mmaudio_large_44k_v2_fp16.safetensors"
    assert menu.options[0] == "by variant" and own in menu.options and "merges.txt" not in menu.options
    assert sound(node, video=video, weights=own)["sample_rate"] == 44100


@pytest.mark.parametrize("name", ["../../secret.pth", "/etc/passwd", "absent.pth", ""])
def test_weights_that_are_not_on_the_menu_are_refused(node, video, name):
    with pytest.raises(InputError, match="models folder 'mmaudio'"):
        sound(node, video=video, weights=name)


@pytest.mark.parametrize(
    ("lora", "strength", "more", "chosen"),
    [
        ("none", 1.0, "", []),
        ("a.safetensors", 0.5, "", [("a.safetensors", 0.5)]),
        (
            "a.safetensors",
            0.0,
            " b.safetensors = 0.25 \n\nc.safetensors",
            [("b.safetensors", 0.25), ("c.safetensors", 1.0)],
        ),
    ],
)
def test_loras_are_one_of_the_menu_and_lines_of_more(nodes, lora, strength, more, chosen):
    package = nodes["DeepSoundMMAudioGenerate"].__module__.rpartition(".")[0]
    chosen_loras = sys.modules[f"{package}.lora_inputs"].chosen_loras
    assert chosen_loras(lora, strength, more) == chosen
    for wrong in ("x=much", "x=99", "x=nan"):
        with pytest.raises(InputError):
            chosen_loras("none", 1.0, wrong)


def test_a_lora_that_is_not_on_the_menu_is_refused(node, video):
    with pytest.raises(InputError, match="models folder 'loras'"):
        sound(node, video=video, lora="absent.safetensors")


def test_compile_and_loras_reach_the_generator_together(node, monkeypatch, host):
    """torch.compile was lost where the execution was made again for the LoRA files."""
    lora = host.root / "models" / "loras" / "rain.safetensors"
    lora.parent.mkdir()
    lora.touch()
    host.folder_names_and_paths["loras"] = ([str(lora.parent)], {".safetensors"})
    executions = []

    def generator(name, execution):
        executions.append(execution)
        raise EngineError("far enough")

    monkeypatch.setattr("deepsound.engines.generator", generator)
    with pytest.raises(EngineError, match="far enough"):
        sound(node, compile=True, lora=lora.name, lora_strength=0.5, offload=True)
    (execution,) = executions
    assert execution.compiled and execution.offload
    assert execution.loras == ((lora, 0.5),)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"variant": "mmaudio_huge"}, "variant is 'mmaudio_huge'; choose one of: mmaudio_large_44k_v2"),
        ({"precision": "nf4"}, "cannot run in nf4"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"duration": 9.0}, "past the end of the video"),
        ({"duration": 0.3}, r"at least 0\.64 s"),
        ({"takes": 99}, "takes is 99"),
    ],
)
def test_values_that_are_not_on_the_node_are_refused(node, video, changed, message):
    with pytest.raises(InputError, match=message):
        sound(node, video=video, **changed)


def test_weights_that_are_nowhere_are_named_with_the_place_for_them(node, video, models):
    (models / tiny.PUBLISHED["vae"]).unlink()
    with pytest.raises(EngineError, match=r"mmaudio/vae_16k.*download.*v1-16\.pth"):
        sound(node, video=video)


@pytest.mark.parametrize("node_id", ["DeepSoundGenerateAudio", "DeepSoundPipeline"])
def test_every_node_runs_its_networks_in_comfyui_s_memory(nodes, models, video, host, node_id):
    common = (video, "mmaudio_small_16k")
    more = ("rules", "spectral", "s3", "rep") if node_id == "DeepSoundPipeline" else ()
    audio = nodes[node_id].execute(*common, *more, "", "", 7, 0.0).args[0]
    assert audio["waveform"].shape == (1, 1, 19200)
    assert len(host.memory.current_loaded_models) == 5


def test_selva_is_a_variant_and_reads_its_own_folder(nodes, host, video, models):
    tiny.write_selva(host.root / "models")
    first = sound(nodes["DeepSoundMMAudioGenerate"], variant="selva", video=video, prompt="drums")
    assert first["waveform"].shape == (1, 1, 19200) and first["sample_rate"] == 16000
    assert "clip_text" in held() and "clip" not in held()
    other = sound(nodes["DeepSoundMMAudioGenerate"], variant="selva", video=video, prompt="rain")
    assert not torch.equal(first["waveform"], other["waveform"])

"""Where weights are found: every layout, and which goes first."""

import os
from pathlib import Path

import pytest

from deepsound.errors import EngineError, InputError
from deepsound.runtime import cache_folder
from deepsound.weights.catalogue import everything, weights
from deepsound.weights.locate import PRECISIONS, SUFFIXES, candidates, find, target
from deepsound.weights.missing import require
from deepsound.weights.search_paths import SearchPaths, default_search_paths, register_model_folders
from tests.weights.conftest import put

OF_DEEPSOUND_V1 = "pretrained/v2a/mmaudio"
APPLE = "apple_DFN5B-CLIP-ViT-H-14-384"


@pytest.fixture
def all_places(tmp_path) -> SearchPaths:
    return SearchPaths(
        model_folders=(tmp_path / "models", tmp_path / "more"),
        projects=(tmp_path / "project",),
        categories={"mmaudio": (tmp_path / "extra",), "sd1_tokenizer": (tmp_path / "core" / "sd1_tokenizer",)},
        cache=tmp_path / "own",
        hub_cache=tmp_path / "hub",
        torch_hub=tmp_path / "torch",
        packages=(tmp_path / "packages",),
    )


@pytest.mark.parametrize(
    ("id", "relative"),
    [
        ("mmaudio/large_44k_v2", "models/mmaudio/mmaudio_large_44k_v2_fp16.safetensors"),
        ("mmaudio/large_44k_v2", "models/mmaudio/mmaudio_large_44k_v2_fp32.safetensors"),
        ("mmaudio/large_44k_v2", "extra/mmaudio_large_44k_v2.pth"),
        ("mmaudio/vae_44k", "models/mmaudio/mmaudio_vae_44k_fp16.safetensors"),
        ("mmaudio/vae_44k", "models/mmaudio/v1-44.safetensors"),
        ("synchformer/visual", "models/mmaudio/mmaudio_synchformer_fp16.safetensors"),
        ("clip/dfn5b_h14_384", f"models/mmaudio/{APPLE}_fp16.safetensors"),
        ("bigvgan/v2_44k", "models/mmaudio/nvidia/bigvgan_v2_44khz_128band_512x/bigvgan_generator.pt"),
        ("bigvgan/v2_44k", "models/mmaudio/bigvgan_v2_44khz_128band_512x/bigvgan_generator.pt"),
        ("mmaudio/small_16k", "project/weights/mmaudio_small_16k.pth"),
        ("mmaudio/vae_16k", "project/ext_weights/v1-16.pth"),
        ("mmaudio/vocoder_16k", "project/ext_weights/best_netG.pt"),
        ("synchformer/visual", "project/ext_weights/synchformer_state_dict.pth"),
        ("mmaudio/medium_44k", f"project/{OF_DEEPSOUND_V1}/weights/mmaudio_medium_44k.pth"),
        ("mmaudio/vae_44k", f"project/{OF_DEEPSOUND_V1}/ext_weights/v1-44.pth"),
        ("bs_roformer/ep_317", "project/pretrained/remove_vo/checkpoints/model_bs_roformer_ep_317_sdr_12.9755.ckpt"),
        ("mel_band_roformer/kim", "models/diffusion_models/MelBandRoformer_fp16.safetensors"),
        ("mmaudio/large_44k", "hub/models--hkchengrex--MMAudio/snapshots/abc/weights/mmaudio_large_44k.pth"),
        ("mmaudio/vae_44k", "hub/models--Kijai--MMAudio_safetensors/snapshots/abc/mmaudio_vae_44k_fp16.safetensors"),
        ("clip/dfn5b_h14_384", "hub/models--apple--DFN5B-CLIP-ViT-H-14-384/snapshots/abc/open_clip_pytorch_model.bin"),
        ("bigvgan/v2_44k", "hub/models--nvidia--bigvgan_v2_44khz_128band_512x/snapshots/abc/bigvgan_generator.pt"),
        ("clip/bpe", "hub/models--openai--clip-vit-large-patch14/snapshots/abc/merges.txt"),
        ("clip/bpe", "models/mmaudio/bpe_simple_vocab_16e6.txt.gz"),
        ("clip/bpe", "core/sd1_tokenizer/merges.txt"),
        ("metrics/vggish", "torch/checkpoints/vggish-10086976.pth"),
        ("foleycrafter/timestamp_detector", "models/foleycrafter/timestamp_detector.pth.tar"),
        ("foleycrafter/vocoder", "project/pretrained/v2a/foleycrafter/checkpoints/vocoder/vocoder.pt"),
        ("clip/bpe", "packages/open_clip/bpe_simple_vocab_16e6.txt.gz"),
    ],
)
def test_every_layout_is_found(all_places, tmp_path, id, relative):
    assert find(weights(id), all_places) is None
    path = put(tmp_path / relative)
    assert find(weights(id), all_places) == path == require(weights(id), all_places)


@pytest.mark.parametrize(
    ("id", "relative"),
    [
        ("videollama2/av_cot", "project/pretrained/mllm/VideoLLaMA2.1-7B-AV-CoT"),
        ("videollama2/av_qa", "models/LLM/VideoLLaMA2.1-7B-AV-QA"),
        ("videollama2/av", "hub/models--DAMO-NLP-SG--VideoLLaMA2.1-7B-AV/snapshots/abc"),
        ("foleycrafter/image_encoder", "hub/models--h94--IP-Adapter/snapshots/abc/models/image_encoder"),
    ],
)
def test_folders_are_found_once_they_hold_what_they_must(all_places, tmp_path, id, relative):
    put(tmp_path / relative / "config.json")
    assert find(weights(id), all_places) is None
    put(tmp_path / relative / "model-00001-of-00004.safetensors")
    assert find(weights(id), all_places) == tmp_path / relative


@pytest.mark.parametrize("entry", everything(), ids=lambda entry: entry.id)
def test_what_a_download_leaves_is_found(entry, own):
    goal = target(entry, own)
    for pattern in entry.holds:
        put(goal / pattern.split("|")[0].replace("*", "model"))
    if entry.kind != "folder":
        put(goal)
    assert find(entry, own) == goal
    in_comfyui = SearchPaths(model_folders=(own.cache,))
    assert find(entry, in_comfyui) == goal == target(entry, in_comfyui)


def test_the_order_is_explicit_models_projects_own_hub(all_places, tmp_path):
    entry = weights("mmaudio/small_16k")
    in_order = [
        put(tmp_path / relative)
        for relative in (
            "models/mmaudio/mmaudio_small_16k.pth",
            "more/mmaudio/mmaudio_small_16k.pth",
            "extra/mmaudio_small_16k.pth",
            "project/weights/mmaudio_small_16k.pth",
            "own/mmaudio/mmaudio_small_16k.pth",
            "hub/models--hkchengrex--MMAudio/snapshots/abc/weights/mmaudio_small_16k.pth",
        )
    ]
    assert list(candidates(entry, all_places)) == in_order
    for path in in_order:
        assert find(entry, all_places) == path
        path.unlink()
    named = put(tmp_path / "elsewhere" / "anything.ckpt")
    put(in_order[0])
    assert find(entry, SearchPaths(explicit={entry.id: named}, model_folders=all_places.model_folders)) == named


def test_whole_files_go_before_halved_ones(all_places, tmp_path):
    folder = tmp_path / "models" / "mmaudio"
    expected = [put(folder / f"v1-44{precision}{suffix}") for precision in PRECISIONS for suffix in SUFFIXES]
    assert list(candidates(weights("mmaudio/vae_44k"), all_places)) == expected


def test_the_revision_that_is_asked_for_goes_before_newer_snapshots(all_places, tmp_path):
    repository = tmp_path / "hub" / "models--KimberleyJSN--melbandroformer"
    old = put(repository / "snapshots" / "old" / "MelBandRoformer.ckpt")
    new = put(repository / "snapshots" / "new" / "MelBandRoformer.ckpt")
    os.utime(old.parent, (1, 1))
    entry = weights("mel_band_roformer/kim")
    assert find(entry, all_places) == new
    put(repository / "refs" / "main", b"old\n")
    assert find(entry, all_places) == old


@pytest.mark.parametrize(
    "relative",
    [
        "v1-44.pth",
        "mmaudio_vae_44k_fp16.safetensors",
        "ext_weights/v1-44.pth",
        f"{OF_DEEPSOUND_V1}/ext_weights/v1-44.pth",
        "mmaudio/mmaudio_vae_44k_bf16.pt",
    ],
)
def test_an_explicit_folder_holds_the_file_somewhere(tmp_path, relative):
    path = put(tmp_path / "given" / relative)
    assert find(weights("mmaudio/vae_44k"), SearchPaths(explicit={"mmaudio/vae_44k": tmp_path / "given"})) == path


@pytest.mark.parametrize(
    ("id", "relative", "says"),
    [
        ("mmaudio/vae_44k", "gone.pth", "there is no such file"),
        ("mmaudio/vae_44k", "empty", "has no file of theirs"),
        ("videollama2/av_cot", "empty", "not a folder that holds config.json"),
    ],
)
def test_an_explicit_path_is_never_passed_over(tmp_path, all_places, id, relative, says):
    (tmp_path / "empty").mkdir()
    put(tmp_path / "models" / "mmaudio" / "v1-44.pth")
    given = SearchPaths(explicit={id: tmp_path / relative}, model_folders=all_places.model_folders)
    with pytest.raises(EngineError, match=says) as caught:
        find(weights(id), given)
    assert str(tmp_path / relative) in str(caught.value)


def test_what_is_missing_is_named_with_where_to_put_it_and_what_fetches_it(own):
    with pytest.raises(EngineError) as caught:
        require(weights("mmaudio/vae_44k"), own)
    said = str(caught.value)
    assert str(own.cache / "mmaudio" / "v1-44.pth") in said
    assert "deepsound models download mmaudio/vae_44k" in said and "hkchengrex/MMAudio" in said


def test_unknown_ids_get_near_ones():
    with pytest.raises(InputError, match="mmaudio/vae_44k"):
        weights("mmaudio/vae_44")


def test_places_come_from_the_environment_and_the_host(monkeypatch, tmp_path):
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "ComfyUI"))
    monkeypatch.setenv("DEEPSOUND_PROJECTS", os.pathsep.join(["/a", "/b"]))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    register_model_folders([tmp_path / "host"], {"mmaudio": [tmp_path / "disk2"]})
    found = default_search_paths({"clip/bpe": "merges.txt"}, models=[tmp_path / "named"])
    assert found.model_folders == (tmp_path / "named", tmp_path / "host", tmp_path / "ComfyUI" / "models")
    core = tmp_path / "ComfyUI" / "comfy" / "sd1_tokenizer"
    assert found.categories == {"mmaudio": (tmp_path / "disk2",), "sd1_tokenizer": (core,)}
    assert found.projects == (Path("/a"), Path("/b"), Path.cwd())
    assert (found.cache, found.hub_cache) == (tmp_path / "own", tmp_path / "hf" / "hub")
    assert found.torch_hub == tmp_path / "torch" / "hub" and found.explicit == {"clip/bpe": Path("merges.txt")}
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert default_search_paths().hub_cache == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/deepsound"),
        ("linux", {"XDG_CACHE_HOME": "{tmp}/xdg"}, "xdg/deepsound"),
        ("darwin", {}, "home/Library/Caches/deepsound"),
        ("win32", {"LOCALAPPDATA": "{tmp}/local"}, "local/deepsound"),
    ],
)
def test_the_own_cache_follows_the_platform(monkeypatch, tmp_path, platform, variables, expected):
    monkeypatch.delenv("DEEPSOUND_HOME")
    monkeypatch.setattr(cache_folder.sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp=tmp_path))
    assert cache_folder.own_cache() == tmp_path / expected

"""Tests of Stable Diffusion 1.5 and motion adapters as folders in diffusers' layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from deepsound.errors import EngineError
from deepsound.generate.aligner.animatediff import AnimateDiffFiles
from deepsound.weights.catalogue import weights
from deepsound.weights.locate import find
from deepsound.weights.search_paths import SearchPaths, default_search_paths, register_model_folders
from tests.generate.aligned_video import tiny

BASE, ADAPTER = weights("animatediff/sd15"), weights("animatediff/motion_adapter")
STEM = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both in diffusers' layout, and nothing else."""
    folder = tmp_path_factory.mktemp("folders")
    tiny.write_folders(folder)
    return folder


@pytest.fixture
def spoilt(models: Path, tmp_path: Path) -> Path:
    """A copy to change, as ComfyUI's models folder."""
    return Path(shutil.copytree(models, tmp_path / "models"))


def files(folder: Path) -> AnimateDiffFiles:
    return AnimateDiffFiles(folder / tiny.BASE_FOLDER / "unet" / STEM, folder / tiny.ADAPTER_FOLDER / STEM)


def test_folders_are_found_in_comfyuis_models_and_in_the_hubs_cache(models, tmp_path, nothing_at_hand) -> None:
    register_model_folders([models])
    found = [find(entry, default_search_paths()) for entry in (BASE, ADAPTER)]
    assert found == [files(models).base, files(models).adapter]
    for repo, folder in (
        ("stable-diffusion-v1-5--stable-diffusion-v1-5", tiny.BASE_FOLDER),
        ("guoyww--animatediff-motion-adapter-v1-5-2", tiny.ADAPTER_FOLDER),
    ):
        shutil.copytree(models / folder, tmp_path / f"models--{repo}" / "snapshots" / "0123")
    cached = [find(entry, SearchPaths(hub_cache=tmp_path)) for entry in (BASE, ADAPTER)]
    assert [path.name if path else None for path in cached] == [STEM, STEM]


def test_a_folder_that_was_named_is_taken(models) -> None:
    named = {BASE.id: models / tiny.BASE_FOLDER, ADAPTER.id: models / tiny.ADAPTER_FOLDER}
    found = [find(entry, SearchPaths(explicit=named)) for entry in (BASE, ADAPTER)]
    assert found == [files(models).base, files(models).adapter]


def test_a_folder_without_its_autoencoder_is_passed_over(spoilt, nothing_at_hand) -> None:
    (spoilt / tiny.BASE_FOLDER / "vae" / STEM).unlink()
    register_model_folders([spoilt])
    assert find(BASE, default_search_paths()) is None


def test_folders_and_single_files_are_the_same_networks(models, tmp_path) -> None:
    tiny.write_published(tmp_path)
    single = AnimateDiffFiles(tmp_path / tiny.BASE_FILE, tmp_path / tiny.ADAPTER_FILE)
    files(models).check()
    assert files(models).most_frames == single.most_frames == 24
    sources = files(models).sources()
    assert {path.name for source in sources.values() for path in source.files} >= {"config.json", STEM}
    for role, source in single.sources().items():
        expected, state = source.build(torch.float32).state_dict(), sources[role].build(torch.float32).state_dict()
        assert expected.keys() == state.keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items()), role


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cross_attention_dim": 1024}, r"another base, such as SDXL or 2\.x \(cross_attention_dim 1024\)"),
        ({"in_channels": 9}, "in_channels 9"),
        ({"block_out_channels": [64, 128, 256]}, "is for another base model; this one has 64, 128, 256"),
        ({"_class_name": "UNet2DModel"}, "is for UNet2DModel; expected UNet2DConditionModel"),
    ],
)
def test_a_folder_of_another_base_model_is_refused(spoilt, change, message) -> None:
    unet = {"_class_name": "UNet2DConditionModel", **tiny._UNET, **change}
    tiny.tiny.write_json(unet, spoilt / tiny.BASE_FOLDER / "unet" / "config.json")
    with pytest.raises(EngineError, match=message):
        files(spoilt).check()

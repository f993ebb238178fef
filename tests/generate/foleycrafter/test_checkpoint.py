"""What is missing or of another shape is refused, and named with what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from deepsound.errors import EngineError
from deepsound.generate import diffusers_parts
from deepsound.generate.foleycrafter import dependencies as libraries
from deepsound.generate.foleycrafter.generator import FoleyCrafterGenerator
from deepsound.media.clip import Clip
from deepsound.models.foleycrafter import diffusion
from deepsound.types import GenerationRequest
from tests.generate.foleycrafter import tiny
from tests.generate.foleycrafter.conftest import FEW, QUIET


@pytest.mark.parametrize("module", libraries.NEEDED)
def test_a_missing_library_is_named_with_what_installs_it(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineError, match=rf"FoleyCrafter needs {module}, .*-m pip install {module}"):
        foley.generate(clip, FEW, QUIET)


def test_a_diffusers_that_is_too_old_is_named(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diffusers_parts, "version", lambda name: "0.29.2")
    with pytest.raises(
        EngineError, match=r"needs diffusers 0\.33 or newer, and this Python has 0\.29; .*diffusers>=0\.33"
    ):
        foley.generate(clip, FEW, QUIET)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (tiny.FILES["temporal_adapter"], r"foleycrafter/temporal_adapter.*deepsound models download.*temporal_adapter"),
        (tiny.FILES["vocoder"], r"foleycrafter/vocoder.*deepsound models download"),
        (tiny.FOLDERS["auffusion"] + "/unet/config.json", r"foleycrafter/auffusion.*are not on this machine"),
        (tiny.FOLDERS["auffusion"] + "/unet/diffusion_pytorch_model.safetensors", r"auffusion.unet holds no weights"),
        (tiny.FOLDERS["auffusion"] + "/scheduler/scheduler_config.json", r"scheduler_config.json cannot be read"),
        (tiny.FOLDERS["auffusion"] + "/tokenizer/vocab.json", r"The tokenizer in .*tokenizer cannot be read"),
        ("foleycrafter/vocoder/config.json", r"vocoder.config.json cannot be read as settings"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    copied: Path,
    gone: str,
    message: str,
) -> None:
    (copied / gone).unlink()
    with pytest.raises(EngineError, match=message):
        foley.generate(clip, FEW, QUIET)


def spoil_temporal(models: Path) -> None:
    tiny.save_pickled(
        tiny.temporal_file(tiny.UNET | {"block_out_channels": [8, 24]}), models / tiny.FILES["temporal_adapter"]
    )


def spoil_temporal_keys(models: Path) -> None:
    file = tiny.temporal_file()
    del file["state_dict"]["module.controlnet_mid_block.weight"]
    tiny.save_pickled(file, models / tiny.FILES["temporal_adapter"])


def spoil_semantic_shape(models: Path) -> None:
    other = diffusion.unet(tiny.UNET | {"block_out_channels": [8, 24]})
    tiny.save_pickled(tiny.semantic_file(other), models / tiny.FILES["semantic_adapter"])


def spoil_semantic_width(models: Path) -> None:
    tiny.save_pickled(tiny.semantic_file(diffusion.unet(tiny.UNET), 20), models / tiny.FILES["semantic_adapter"])


def spoil_semantic_form(models: Path) -> None:
    flat = {"image_proj.latents": torch.zeros(1, 16, 8), "weight": torch.zeros(2)}
    tiny.save_pickled(flat, models / tiny.FILES["semantic_adapter"])


def spoil_semantic_extra(models: Path) -> None:
    file = tiny.semantic_file(diffusion.unet(tiny.UNET))
    file["ip_adapter"]["99.to_k_ip.weight"] = torch.zeros(2, 2)
    tiny.save_pickled(file, models / tiny.FILES["semantic_adapter"])


def spoil_detector(models: Path) -> None:
    tiny.save_pickled({"state_dict": {"conv.weight": torch.zeros(1)}}, models / tiny.FILES["timestamp_detector"])


def spoil_vocoder(models: Path) -> None:
    tiny.write_json(tiny.VOCODER | {"upsample_initial_channel": 64}, models / "foleycrafter/vocoder/config.json")


def spoil_hop(models: Path) -> None:
    tiny.write_json(tiny.VOCODER | {"upsample_rates": [5, 4, 4, 4]}, models / "foleycrafter/vocoder/config.json")


def spoil_unet_class(models: Path) -> None:
    tiny.write_json({"_class_name": "UNet3DModel"}, models / tiny.FOLDERS["auffusion"] / "unet" / "config.json")


def spoil_words(models: Path) -> None:
    tiny.write_json(tiny.UNET | {"cross_attention_dim": 99}, models / tiny.FOLDERS["auffusion"] / "unet/config.json")


def spoil_vae(models: Path) -> None:
    tiny.write_json(tiny.VAE | {"block_out_channels": [4, 4]}, models / tiny.FOLDERS["auffusion"] / "vae/config.json")


def spoil_scheduler(models: Path) -> None:
    tiny.write_json(
        tiny.SCHEDULER | {"_class_name": "os.system"},
        models / tiny.FOLDERS["auffusion"] / "scheduler" / "scheduler_config.json",
    )


def spoil_pickle(models: Path) -> None:
    (models / tiny.FILES["temporal_adapter"]).write_bytes(b"<!doctype html><html>not found</html>")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_temporal, r"temporal_adapter\.ckpt do not fit this network; .* of another shape: .*is 24"),
        (spoil_temporal_keys, r"temporal_adapter\.ckpt do not fit .* 1 missing: controlnet_mid_block\.weight"),
        (spoil_semantic_shape, r"semantic_adapter\.bin do not fit .* of another shape"),
        (spoil_semantic_width, r"semantic_adapter\.bin are for image embeddings of 20 values.*makes 12"),
        (spoil_semantic_form, r"semantic_adapter\.bin cannot be used: an adapter's file holds the groups"),
        (spoil_semantic_extra, r"semantic_adapter\.bin do not fit .* 1 unexpected: ip_adapter\.99\.to_k_ip\.weight"),
        (spoil_detector, r"timestamp_detector\.pth\.tar cannot be used: these are not the weights"),
        (spoil_vocoder, r"vocoder\.pt do not fit this network"),
        (spoil_hop, r"vocoder do not fit: product of upsample_rates is 320, and .* needs 160"),
        (spoil_unet_class, r"unet.config\.json is for UNet3DModel; expected UNet2DConditionModel"),
        (spoil_words, r"unet do not fit: cross_attention_dim is 99, and the text encoder needs 16"),
        (spoil_vae, r"vae do not fit: scale of block_out_channels is 2, and the temporal adapter needs 8"),
        (spoil_scheduler, r"scheduler_config\.json is for os\.system; expected PNDMScheduler or DDIMScheduler"),
        (spoil_pickle, r"temporal_adapter\.ckpt cannot be read: it is a web page"),
    ],
)
def test_files_of_another_shape_are_refused_by_name(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    copied: Path,
    spoil: Callable[[Path], None],
    message: str,
) -> None:
    spoil(copied)
    with pytest.raises(EngineError, match=message):
        foley.generate(clip, GenerationRequest(steps=1), QUIET)

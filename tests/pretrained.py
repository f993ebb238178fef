"""Miniature of DeepSound-V1's folder `pretrained/` and of the hub's cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from deepsound.models.bigvgan.config import BIGVGAN_V2_44K
from deepsound.models.clip.model import CLIP as ClipNetwork
from tests.generate.foleycrafter import tiny as foleycrafter
from tests.generate.mmaudio import tiny as mmaudio
from tests.reason.videollama2 import tiny as videollama2
from tests.separate import small

GENERATORS = (
    "mmaudio_small_16k",
    "mmaudio_small_44k",
    "mmaudio_medium_44k",
    "mmaudio_large_44k",
    "mmaudio_large_44k_v2",
    "foleycrafter",
)
YES = (
    "<SUMMARY> I look and listen.</SUMMARY>\n",
    "<CAPTION> Somebody speaks.</CAPTION>\n",
    "<REASONING> I detect that the audio contains a voice-over. </REASONING>\n",
    "<CONCLUSION>",
    " A ",
    "</CONCLUSION>",
)
CLIP = "apple--DFN5B-CLIP-ViT-H-14-384"


def write(root: Path, verdict: Sequence[str] = YES) -> Path:
    """Everything below `root`: `pretrained/` as MODELS.md says, `hub/` for what the original downloads by itself."""
    write_mmaudio(root)
    write_foleycrafter(root)
    write_judges(root, verdict)
    write_separator(root)
    return root


def write_mmaudio(root: Path) -> None:
    folder = root / "pretrained" / "v2a" / "mmaudio"
    small_16k, large_v2 = mmaudio.TINY_16K, mmaudio.TINY_44K_V2
    flow_44k = replace(large_v2.flow, v2=False)
    flows = dict.fromkeys(("small_44k", "medium_44k", "large_44k"), flow_44k)
    for variant, flow in {"small_16k": small_16k.flow, **flows, "large_44k_v2": large_v2.flow}.items():
        mmaudio.save_pickled(mmaudio.flow_state(flow, 1), folder / "weights" / f"mmaudio_{variant}.pth")
    beside = folder / "ext_weights"
    mmaudio.save_pickled(mmaudio.vae_state(small_16k.vae, 2), beside / "v1-16.pth")
    mmaudio.save_pickled(mmaudio.vae_state(large_v2.vae, 2), beside / "v1-44.pth")
    mmaudio.save_pickled({"generator": mmaudio.vocoder_state(small_16k.vocoder, 3)}, beside / "best_netG.pt")
    mmaudio.save_pickled(mmaudio.sync_state(small_16k.synchformer, 4), beside / "synchformer_state_dict.pth")
    vocoder = snapshot(root, "nvidia--bigvgan_v2_44khz_128band_512x") / "bigvgan_generator.pt"
    assert large_v2.vocoder.num_mels == BIGVGAN_V2_44K.num_mels
    mmaudio.save_pickled({"generator": mmaudio.vocoder_state(large_v2.vocoder, 3)}, vocoder)
    towers = snapshot(root, CLIP) / "open_clip_pytorch_model.bin"
    mmaudio.save_pickled(mmaudio.seeded(ClipNetwork(small_16k.clip), 5).state_dict(), towers)
    mmaudio.write_settings(small_16k.clip, towers)
    mmaudio.write_byte_pairs(towers.with_name("merges.txt"))


def write_foleycrafter(root: Path) -> None:
    made = foleycrafter.write_published(root / "made") / "foleycrafter"
    checkpoints = root / "pretrained" / "v2a" / "foleycrafter" / "checkpoints"
    checkpoints.parent.mkdir(parents=True)
    made.rename(checkpoints)
    image_encoder = snapshot(root, "h94--IP-Adapter") / "models" / "image_encoder"
    image_encoder.parent.mkdir(parents=True)
    (checkpoints / "image_encoder").rename(image_encoder)


def write_judges(root: Path, verdict: Sequence[str] = YES) -> None:
    mllm = root / "pretrained" / "mllm"
    videollama2.write(mllm / "VideoLLaMA2.1-7B-AV-CoT", script=verdict)
    videollama2.write(mllm / "VideoLLaMA2.1-7B-AV-QA", script=("A",))


def write_separator(root: Path) -> None:
    name = "model_bs_roformer_ep_317_sdr_12.9755"
    checkpoint = small.write(root / "pretrained" / "remove_vo" / "checkpoints" / f"{name}.ckpt")
    settings = checkpoint.with_suffix(".json")
    checkpoint.with_suffix(".yaml").write_text(yaml.safe_dump(json.loads(settings.read_text())))
    settings.unlink()


def snapshot(root: Path, repo: str) -> Path:
    """Where the hub's library keeps a repository's files."""
    return root / "hub" / f"models--{repo}" / "snapshots" / "abc"


def only_here(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Work in `root`; nothing of the machine's own weights is seen."""
    for name in ("COMFYUI_PATH", "DEEPSOUND_PROJECTS", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in {"HF_HUB_CACHE": "hub", "HF_HOME": "no", "TORCH_HOME": "no", "DEEPSOUND_HOME": "no"}.items():
        monkeypatch.setenv(name, str(root / folder))
    monkeypatch.setattr("deepsound.weights.search_paths._registered_folders", ())
    monkeypatch.setattr("deepsound.weights.search_paths._registered_categories", {})
    monkeypatch.chdir(root)

"""Sizes are told by the tensors: every published file gives its published configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepsound.models.bigvgan import config as bigvgan
from deepsound.models.bigvgan import weights as bigvgan_weights
from deepsound.models.clip.config import DFN5B_VIT_H_14_384
from deepsound.models.clip.weights import config_of as clip_config
from deepsound.models.mmaudio.config import VARIANTS
from deepsound.models.mmaudio.weights import config_of as flow_config
from deepsound.models.synchformer.config import SYNCHFORMER
from deepsound.models.synchformer.weights import config_of as sync_config
from deepsound.models.vae.config import VAE_16K, VAE_44K
from deepsound.models.vae.weights import config_of as vae_config

MANIFESTS = Path(__file__).parent / "manifests" / "mmaudio"


def published(name: str) -> dict[str, Tensor]:
    rows = json.loads((MANIFESTS / f"{name}.json").read_text())["tensors"]
    return {key: torch.empty(shape, device="meta") for key, (shape, _) in rows.items()}


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_flow_networks(variant: str) -> None:
    assert flow_config(published(f"mmaudio_{variant}")) == VARIANTS[variant].flow


@pytest.mark.parametrize(("name", "expected"), [("v1-16", VAE_16K), ("v1-44", VAE_44K)])
def test_autoencoders(name: str, expected: object) -> None:
    assert vae_config(published(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("best_netG.folded", bigvgan.BIGVGAN_16K), ("bigvgan_v2_44khz_128band_512x.folded", bigvgan.BIGVGAN_V2_44K)],
)
def test_vocoders(name: str, expected: object) -> None:
    assert bigvgan_weights.config_of(published(name)) == expected


def test_clip_and_synchformer() -> None:
    assert clip_config(published("DFN5B-CLIP-ViT-H-14-384")) == DFN5B_VIT_H_14_384
    assert sync_config(published("synchformer_vfeat")) == SYNCHFORMER


def test_settings_beside_clip_say_how_heads_are_parted() -> None:
    settings = {"quick_gelu": False, "vision_cfg": {"head_width": 64}, "text_cfg": {"heads": 8}}
    config = clip_config(published("DFN5B-CLIP-ViT-H-14-384"), settings)
    assert (config.vision.head_width, config.text.heads, config.quick_gelu) == (64, 8, False)


@pytest.mark.parametrize(
    ("config_of", "family"),
    [
        (flow_config, "MMAudio flow network"),
        (vae_config, "autoencoder"),
        (bigvgan_weights.config_of, "BigVGAN"),
        (clip_config, "CLIP"),
        (sync_config, "Synchformer"),
    ],
)
def test_other_weights_are_refused_by_name(config_of, family: str) -> None:
    with pytest.raises(ValueError, match=rf"not the weights of .*{family}.* is missing"):
        config_of({"some.weight": torch.zeros(1)})

"""Tests of FoleyCrafter's networks: published keys at full size, loading, edge cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from deepsound.models.foleycrafter import diffusion, weights
from deepsound.models.foleycrafter.adapter import SemanticAdapter, attach
from deepsound.models.foleycrafter.config import HiFiGanConfig, OnsetConfig
from deepsound.models.foleycrafter.onset import OnsetDetector
from deepsound.models.foleycrafter.spectrogram import denormalise, normalise
from deepsound.models.foleycrafter.timing import time_condition
from deepsound.models.foleycrafter.vocoder import HiFiGan, sixteen_bit

MANIFESTS = Path(__file__).parent / "manifests" / "foleycrafter"
# Stable Diffusion 1.5's UNet, which the adapters' manifests suppose.
SD15 = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
SMALL = HiFiGanConfig(4, 8, (2, 5), (4, 11), (3,), ((1, 3),))


def published(name: str) -> dict[str, list]:
    return json.loads((MANIFESTS / f"{name}.json").read_text())


def described(network: nn.Module) -> dict[str, list]:
    return {
        name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for name, tensor in network.state_dict().items()
    }


def test_the_onset_detector_has_the_published_keys() -> None:
    manifest = published("timestamp_detector")
    with torch.device("meta"):
        detector = OnsetDetector(OnsetConfig())
    assert described(detector) == manifest
    assert weights.onset_config_of(detector.state_dict()) == OnsetConfig()


def test_both_adapters_have_the_keys_they_have_beside_stable_diffusion() -> None:
    with torch.device("meta"):
        unet = diffusion.unet(SD15)
        assert described(diffusion.controlnet(SD15)) == published("temporal_adapter_assumed_sd15_shape")
        assert described(SemanticAdapter(unet, 1024)) == published("semantic_adapter_assumed_sd15_shape")


def test_the_adapter_goes_in_as_diffusers_loads_it() -> None:
    unet = diffusion.unet(
        SD15
        | {
            "block_out_channels": [8, 16],
            "down_block_types": ["DownBlock2D"] * 1 + ["CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
            "cross_attention_dim": 12,
            "norm_num_groups": 4,
            "layers_per_block": 1,
        }
    ).eval()
    stock = diffusion.unet(dict(unet.config)).eval()
    stock.load_state_dict(unet.state_dict())
    adapter = SemanticAdapter(unet, 10)
    groups: dict[str, dict] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in adapter.state_dict().items():
        group, _, rest = name.partition(".")
        groups[group][rest] = tensor.clone()
    stock._load_ip_adapter_weights([groups], low_cpu_mem_usage=False)
    attach(adapter, unet)
    assert sorted(unet.state_dict()) == sorted(stock.state_dict())
    latent, words, image = torch.randn(1, 4, 8, 8), torch.randn(1, 3, 12), torch.randn(1, 1, 10)
    with torch.no_grad():
        mine, theirs = (
            network(latent, 5, words, added_cond_kwargs={"image_embeds": [image]}).sample for network in (unet, stock)
        )
    assert torch.equal(mine, theirs)


def test_a_hint_is_made_once_for_the_same_tensor() -> None:
    calls = []

    class Embedding(nn.Module):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            calls.append(picture.shape)
            return picture * 2

    hint, picture = diffusion.CachedControlHint(Embedding()), torch.ones(2, 1, 4, 4)
    assert torch.equal(hint(picture), hint(picture))
    assert calls == [(1, 1, 4, 4)]
    hint(picture.clone())
    hint.clear()
    hint(picture)
    assert len(calls) == 3


def test_the_detector_gives_a_value_for_every_frame_and_none_depends_on_the_batch() -> None:
    detector = OnsetDetector(OnsetConfig((4, 6, 8, 10), 5, 3, 1)).eval()
    frames = torch.randn(2, 3, 7, 20, 30)
    with torch.no_grad():
        logits = detector(frames)
        assert logits.shape == (2, 7)
        assert torch.allclose(logits[1:], detector(frames[1:]), atol=1e-6)
        assert detector(frames[:, :, :1]).shape == (2, 1)


@pytest.mark.parametrize("frames", [1, 2, 19])
def test_the_vocoder_gives_exactly_the_hop_for_every_frame(frames: int) -> None:
    wave = HiFiGan(SMALL).eval()(torch.randn(2, 4, frames))
    assert wave.shape == (2, 1, frames * SMALL.hop) and SMALL.hop == 10


def test_sixteen_bits_are_cut_towards_zero_and_full_scale_does_not_wrap() -> None:
    waveform = torch.tensor([-1.0, -0.9999, -1e-5, 0.0, 1e-5, 0.5, 1.0])
    assert sixteen_bit(waveform).tolist() == [-32768, -32764, 0, 0, 0, 16384, 32767]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resblock": "2"}, "resblock = '2'"),
        ({"num_mels": None}, "num_mels missing"),
        ({"upsample_rates": [5]}, "1 upsample_rates do not match 2"),
        ({"resblock_dilation_sizes": [[1], [1]]}, "1 resblock_kernel_sizes do not match 2"),
    ],
)
def test_a_vocoder_of_another_kind_is_refused(changed: dict, message: str) -> None:
    settings = {
        "num_mels": 4,
        "upsample_initial_channel": 8,
        "upsample_rates": [2, 5],
        "upsample_kernel_sizes": [4, 11],
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3]],
    }
    assert HiFiGanConfig.from_json(settings) == SMALL
    settings = {name: value for name, value in (settings | changed).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        HiFiGanConfig.from_json(settings)


def test_a_spectrogram_comes_back_from_its_picture() -> None:
    mel = torch.empty(5, 9).uniform_(-11.5, 5.2, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(denormalise(normalise(mel)), mel, atol=1e-5)


def test_the_condition_covers_what_the_clip_covers_and_says_no_beyond() -> None:
    always = torch.ones(150)
    assert time_condition(always, 5.0).tolist() == [1.0] * 512 + [-1.0] * 512
    assert time_condition(always, 0.001).tolist() == [-1.0] * 1024
    assert time_condition(torch.full((150,), 0.4999), 10.0).max() == -1
    assert len(time_condition(always, 10.2)) == 1044


@pytest.mark.parametrize(
    "file",
    [
        {"image_proj": {}},
        {"image_proj": {}, "ip_adapter": torch.zeros(1)},
        {"image_proj": {}, "ip_adapter": {}, "more": {}},
        {"a.weight": torch.zeros(1)},
    ],
)
def test_an_adapter_of_another_form_is_refused(file: dict) -> None:
    with pytest.raises(ValueError, match="holds the groups image_proj and ip_adapter"):
        weights.adapter_state(file)


def test_other_weights_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"not the weights of FoleyCrafter's onset detector: .* is missing"):
        weights.onset_config_of({"some.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="not the weights of an IP-Adapter"):
        weights.embed_dim_of({"image_proj.latents": torch.zeros(1, 16, 8)})


@pytest.mark.parametrize("prefix", ["", "text_model."])
def test_text_towers_of_either_naming_fit_the_installed_transformers(prefix: str) -> None:
    with torch.device("meta"):
        tower = diffusion.text_encoder(
            {
                "hidden_size": 4,
                "intermediate_size": 4,
                "num_hidden_layers": 1,
                "num_attention_heads": 1,
                "vocab_size": 49408,
            }
        )
    stored = {prefix + name.removeprefix("text_model."): tensor for name, tensor in tower.state_dict().items()}
    stored[f"{prefix}embeddings.position_ids"] = torch.zeros(1)
    assert set(weights.encoder_state(stored, tower)) == set(tower.state_dict())

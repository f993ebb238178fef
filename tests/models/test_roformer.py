"""Tests of the RoFormer networks: published keys, sizes detected from tensors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.models.roformer.bands import mel_bands
from deepsound.models.roformer.config import (
    BS_ROFORMER,
    BS_ROFORMER_TINY,
    MEL_BAND_ROFORMER,
    MEL_BAND_ROFORMER_KJ,
    BSRoformerConfig,
    MelBandRoformerConfig,
    RoformerConfig,
)
from deepsound.models.roformer.layers import RoformerAttention, RotaryFrequencies
from deepsound.models.roformer.model import Roformer, along_axis
from deepsound.models.roformer.weights import config_of, network, restore_rotary_freqs

MANIFESTS = Path(__file__).parent / "manifests" / "bs_roformer"
PUBLISHED = {
    "model_bs_roformer_ep_317_sdr_12.9755": BS_ROFORMER,
    "model_mel_band_roformer_ep_3005_sdr_11.4360": MEL_BAND_ROFORMER,
    "MelBandRoformer_KimberleyJensen": MEL_BAND_ROFORMER_KJ,
}
SMALL = BSRoformerConfig(
    dim=16,
    depth=2,
    dim_head=8,
    heads=2,
    stft_n_fft=64,
    stft_hop_length=16,
    stft_win_length=64,
    freqs_per_bands=(3, 5, 10, 15),
)
SMALL_MEL = MelBandRoformerConfig(
    dim=16,
    depth=2,
    dim_head=8,
    heads=2,
    stft_n_fft=128,
    stft_hop_length=32,
    stft_win_length=128,
    num_bands=8,
    sample_rate=16000,
)


def manifest(name: str) -> dict[str, tuple[tuple[int, ...], str]]:
    listed = json.loads((MANIFESTS / f"{name}.manifest.json").read_text())
    return {key: (tuple(shape), dtype) for key, (shape, dtype) in listed.items()}


def small(config: RoformerConfig, seed: int = 0) -> Roformer:
    generator = torch.Generator().manual_seed(seed)
    model = network(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def wave(samples: int, channels: int = 2, batch: int = 1) -> torch.Tensor:
    return 0.2 * torch.randn(batch, channels, samples, generator=torch.Generator().manual_seed(samples))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_keys_at_full_size(name: str) -> None:
    with torch.device("meta"):
        model = network(PUBLISHED[name])
    ours = {
        key: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for key, tensor in model.state_dict().items()
    }
    assert ours == manifest(name)


def test_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = network(BS_ROFORMER)
    assert sum(parameter.numel() for parameter in model.parameters()) == 159_758_092


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_configurations(name: str) -> None:
    published = json.loads((MANIFESTS / f"{name}.config.json").read_text())["model"]
    assert type(PUBLISHED[name]).of(published) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_told_by_the_tensors(name: str) -> None:
    tensors = {key: torch.empty(shape, device="meta") for key, (shape, _) in manifest(name).items()}
    expected = PUBLISHED[name]
    unknown = replace(
        expected,
        dim=1,
        depth=1,
        heads=1,
        dim_head=2,
        stereo=False,
        mlp_expansion_factor=1,
        mask_estimator_depth=1,
        num_stems=3,
    )
    assert config_of(tensors, unknown) == expected


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        SMALL_MEL,
        BS_ROFORMER_TINY,
        replace(SMALL, num_stems=3, stereo=False),
        replace(SMALL, mask_estimator_depth=3),
        replace(SMALL_MEL, stereo=False),
    ],
)
def test_sizes_of_other_networks_are_told_too(config: RoformerConfig) -> None:
    with torch.device("meta"):
        tensors = network(config).state_dict()
    assert config_of(tensors, replace(config, dim=2, depth=1, heads=1, stereo=True)) == config


def test_tensors_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="not the weights of a RoFormer separator"):
        config_of({"encoder.weight": torch.zeros(1)}, BS_ROFORMER)
    with pytest.raises(ValueError, match="weights of a Mel-Band-RoFormer, not of a BS-RoFormer"):
        config_of(small(SMALL_MEL).state_dict(), SMALL)
    with pytest.raises(ValueError, match="weights of a BS-RoFormer, not of a Mel-Band-RoFormer"):
        config_of(small(SMALL).state_dict(), SMALL_MEL)
    with pytest.raises(ValueError, match="not the mel bands of 128 samples at 22050 Hz"):
        config_of(small(SMALL_MEL).state_dict(), replace(SMALL_MEL, sample_rate=22050))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="the bands have 8 bins, the transform 33"):
        replace(SMALL, freqs_per_bands=(3, 5))
    with pytest.raises(ValueError, match="turned in pairs"):
        replace(SMALL, dim_head=7)
    with pytest.raises(ValueError, match="does not fit"):
        replace(SMALL, stft_win_length=65)


def test_every_bin_is_in_a_mel_band() -> None:
    bands = mel_bands(MEL_BAND_ROFORMER)
    assert len(bands.freqs_per_band) == 60
    assert bands.bands_per_freq.shape == (1025,)
    assert int(bands.bands_per_freq.min()) >= 1
    assert sum(bands.freqs_per_band) == int(bands.bands_per_freq.sum()) == len(bands.bins)


@pytest.mark.parametrize("config", [SMALL, SMALL_MEL])
@torch.no_grad()
def test_stems_have_the_shape_of_the_sound(config: RoformerConfig) -> None:
    model = small(replace(config, num_stems=2))
    for samples in (config.stft_n_fft // 2 + 1, 200, 413):
        length = samples // config.stft_hop_length * config.stft_hop_length if config == SMALL_MEL else samples
        assert model(wave(samples, batch=3)).shape == (3, 2, 2, length)


@torch.no_grad()
def test_the_length_can_be_kept_by_mel_bands_too() -> None:
    kept = small(replace(SMALL_MEL, match_input_audio_length=True))
    whole_hops, some_more = wave(320), wave(333)
    assert torch.equal(kept(whole_hops), small(SMALL_MEL)(whole_hops))
    assert kept(some_more).shape[-1] == 333


@torch.no_grad()
def test_entries_of_a_batch_know_nothing_of_each_other() -> None:
    model, sound = small(SMALL), wave(300, batch=2)
    assert torch.allclose(model(sound)[1:], model(sound[1:]), atol=1e-6)


@torch.no_grad()
def test_silence_is_answered_with_silence_and_loudness_with_loudness() -> None:
    model, sound = small(SMALL), wave(500)
    assert not model(torch.zeros(1, 2, 500)).any()
    assert torch.allclose(model(1e-3 * sound), 1e-3 * model(sound), atol=1e-7)


@pytest.mark.parametrize("sound", [wave(300, channels=1), wave(300)[0]])
def test_another_number_of_channels_is_refused(sound: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected a waveform \[B, 2, samples\]"):
        small(SMALL)(sound)


def test_too_short_a_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="32 samples are too few; give more than 32"):
        small(SMALL)(wave(32))


def test_one_table_of_frequencies_serves_each_axis() -> None:
    model = small(SMALL)
    tables = [module.rotary_embed for module in model.modules() if isinstance(module, RoformerAttention)]
    assert len({id(table) for table in tables[0::2]}) == len({id(table) for table in tables[1::2]}) == 1
    published = {name: tensor + index for index, (name, tensor) in enumerate(model.state_dict().items())}
    model.load_state_dict(published)
    last = max(name for name in published if name.endswith("1.layers.0.0.rotary_embed.freqs"))
    assert torch.equal(tables[1].freqs, published[last])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_angles_are_as_in_float32_whatever_the_network_runs_in(dtype: torch.dtype) -> None:
    exact = RotaryFrequencies(64)
    rounded = RotaryFrequencies(64).to(dtype)
    restore_rotary_freqs(rounded, {"freqs": exact.freqs})  # a name that is no rotary embedding's changes nothing
    assert rounded.freqs.dtype == dtype
    model, halved = small(SMALL), small(SMALL).to(dtype)
    restore_rotary_freqs(halved, model.state_dict())
    for ours, theirs in zip(model.modules(), halved.modules(), strict=True):
        if isinstance(ours, RotaryFrequencies):
            one, other = ours(801), theirs(801)
            assert one.dtype == other.dtype == torch.complex64
            assert torch.equal(one, other)


@torch.no_grad()
def test_runs_in_bfloat16() -> None:
    exact, rounded = small(SMALL), small(SMALL).to(torch.bfloat16)
    restore_rotary_freqs(rounded, exact.state_dict())
    sound = wave(2000)
    ours, theirs = rounded(sound), exact(sound)
    assert ours.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.99


@torch.inference_mode()
def test_lines_go_through_a_transformer_in_parts_as_they_do_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    transformer = small(SMALL).layers[0][0]
    tokens = torch.randn(2, 9, 5, 16).transpose(1, 2)
    at_once = along_axis(transformer, tokens)
    lengths: list[int] = []
    transformer.register_forward_hook(lambda _module, _inputs, output: lengths.append(len(output)))
    monkeypatch.setattr("deepsound.models.roformer.model._CPU_TOKENS", 20)
    in_parts = along_axis(transformer, tokens)
    assert lengths == [2, 2, 1] * 2
    torch.testing.assert_close(in_parts, at_once)

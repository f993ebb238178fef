"""Tests of the mel VAE: published keys, weights normalised once, lengths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from deepsound.models.vae.config import VAE_16K, VAE_44K, VaeConfig
from deepsound.models.vae.layers import AttnBlock1D, Downsample1D, mp_silu, pixel_norm
from deepsound.models.vae.model import MelVae
from deepsound.models.vae.weights import is_normalised, normalise_weights, without_encoder

MANIFESTS = Path(__file__).parent / "manifests" / "mmaudio"
SMALL = VaeConfig(n_mels=9, latent_channels=5, base_channels=8)


def raw_weights(scale: float = 1.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: tensor if name == "data_std" else torch.randn(tensor.shape, generator=generator) * scale
        for name, tensor in MelVae(SMALL).state_dict().items()
    }


def vae(state: dict[str, torch.Tensor]) -> MelVae:
    model = MelVae(SMALL).eval()
    model.load_state_dict(state, strict=True)
    return model


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "config"), [("v1-16", VAE_16K), ("v1-44", VAE_44K)])
def test_the_published_keys_at_full_size(name: str, config: VaeConfig) -> None:
    with torch.device("meta"):
        model = MelVae(config)
        decoder_only = MelVae(config, with_encoder=False)
    ours = {
        key: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for key, tensor in model.state_dict().items()
    }
    assert ours == json.loads((MANIFESTS / f"{name}.json").read_text())["tensors"]
    assert without_encoder(model.state_dict()).keys() == decoder_only.state_dict().keys()


def test_every_row_gets_unit_norm() -> None:
    raw = raw_weights(scale=0.7)
    rows = [
        tensor.flatten(1).norm(dim=1) for name, tensor in normalise_weights(raw).items() if name.endswith(".weight")
    ]
    # The floor of 1e-4 under a root mean square of about 0.7 keeps them just below 1.
    assert torch.cat(rows).min() > 0.9997
    assert torch.cat(rows).max() < 1.0


def test_only_convolutions_are_normalised() -> None:
    raw = raw_weights()
    normalised = normalise_weights(raw)
    changed = {name for name, tensor in raw.items() if not torch.equal(tensor, normalised[name])}
    assert changed == {name for name in raw if name.endswith(".weight")}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_normalised_weights_are_recognised_in_every_precision(dtype: torch.dtype) -> None:
    raw = {name: tensor.to(dtype) for name, tensor in raw_weights().items()}
    stored = {name: tensor.to(dtype) for name, tensor in normalise_weights(raw).items()}
    assert is_normalised(stored) and not is_normalised(raw)
    again = normalise_weights(stored)
    assert all(tensor.dtype == torch.float32 for tensor in again.values())
    assert all(torch.equal(tensor, stored[name].float()) for name, tensor in again.items())


@pytest.mark.parametrize("scale", [0.05, 0.2, 1.5])
def test_raw_weights_of_any_size_are_normalised(scale: float) -> None:
    assert not is_normalised(raw_weights(scale))


def test_a_few_unit_rows_do_not_make_a_file_normalised() -> None:
    mixed = raw_weights() | {
        name: tensor for name, tensor in normalise_weights(raw_weights()).items() if name.startswith("decoder.")
    }
    assert not is_normalised(mixed)


def test_without_the_encoder_decoding_is_the_same() -> None:
    state, latents = normalise_weights(raw_weights()), noise(2, 5, 7)
    decoder_only = MelVae(SMALL, with_encoder=False)
    decoder_only.load_state_dict(without_encoder(state), strict=True)
    assert torch.equal(decoder_only.decode(latents), vae(state).decode(latents))


@pytest.mark.parametrize("frames", [2, 3, 10, 11])
def test_two_mel_frames_make_a_latent_one(frames: int) -> None:
    model = vae(normalise_weights(raw_weights()))
    posterior = model.encode(noise(1, 9, frames))
    assert posterior.mean.shape == posterior.std.shape == (1, 5, frames // 2)
    assert model.decode(posterior.mean).shape == (1, 9, frames // 2 * 2)


def test_down_sampling_drops_an_odd_last_frame() -> None:
    down, x = Downsample1D(3), noise(1, 3, 7)
    assert torch.equal(down(x), down(x[..., :6]))


def test_log_variances_stay_in_range() -> None:
    state = normalise_weights(raw_weights()) | {"encoder.learnable_gain": torch.tensor(1e4)}
    log_variance = vae(state).encode(noise(1, 9, 8)).log_variance
    assert log_variance.min() == -30.0 and log_variance.max() == 20.0


def test_what_blocks_give_is_clamped() -> None:
    state = normalise_weights(raw_weights())
    # Blocks after the first renormalise what they get, so only a block's own weights can exceed the clamp.
    state["decoder.up.0.block.2.conv2.weight"] = state["decoder.up.0.block.2.conv2.weight"] * 1e4
    model = vae(state)
    blocks, level = [], model.decoder.up[0]
    level.block[2].register_forward_hook(lambda _module, _inputs, output: blocks.append(output))
    level.register_forward_hook(lambda _module, _inputs, output: blocks.append(output))
    model.decode(noise(1, 5, 7))
    assert blocks[0].abs().max() > 256.0 and blocks[1].abs().max() == 256.0


def test_what_the_middle_gives_is_clamped() -> None:
    state = normalise_weights(raw_weights())
    for half in ("encoder", "decoder"):
        state[f"{half}.mid.block_2.conv2.weight"] = state[f"{half}.mid.block_2.conv2.weight"] * 1e4
    model = vae(state)
    seen: dict[str, torch.Tensor] = {}
    model.decoder.up[2].register_forward_pre_hook(lambda _module, inputs: seen.update(level=inputs[0]))
    model.encoder.conv_out.register_forward_pre_hook(lambda _module, inputs: seen.update(output=inputs[0]))
    model.decode(noise(1, 5, 7))
    model.encode(noise(1, 9, 14))
    assert seen["level"].abs().max() == 256.0
    assert seen["output"].max() == mp_silu(torch.tensor(256.0))


def test_attention_treats_queries_keys_and_values_as_interleaved() -> None:
    attention, x = AttnBlock1D(6).eval(), noise(2, 6, 5)
    q, k, v = (pixel_norm(attention.qkv(x)[:, start::3], dim=1) for start in range(3))
    weights = (q.transpose(1, 2) @ k / 6**0.5).softmax(dim=-1)
    expected = (0.7 * x + 0.3 * attention.proj_out(v @ weights.transpose(1, 2))) / 0.58**0.5
    assert torch.allclose(attention(x), expected, atol=1e-6)


def test_runs_in_bfloat16() -> None:
    model, latents = vae(normalise_weights(raw_weights())), noise(1, 5, 16)
    exact = model.decode(latents)
    rounded = model.to(torch.bfloat16).decode(latents.to(torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rounded.float().flatten(), dim=0) > 0.99

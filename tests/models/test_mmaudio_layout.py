"""Tests of the flow network's weight layout in memory: same numbers, same results."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from deepsound.models.mmaudio import convolution, linear
from deepsound.models.mmaudio.attention import HeadProjection
from deepsound.models.mmaudio.config import FlowConfig
from deepsound.models.mmaudio.convolution import ChannelLastConv1d
from deepsound.models.mmaudio.lengths import SequenceLengths
from deepsound.models.mmaudio.linear import Linear
from deepsound.models.mmaudio.mlp import GatedConvMlp, GatedMlp
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.mmaudio.tensor_cache import DerivedTensorCache
from deepsound.models.mmaudio.weights import state_dict

SMALL = FlowConfig(
    latent_dim=6,
    hidden_dim=16,
    num_heads=2,
    depth=4,
    fused_depth=2,
    clip_dim=8,
    sync_dim=10,
    text_dim=12,
    text_seq_len=5,
)
LENGTHS = SequenceLengths(latent=53, clip=9, sync=40)

pytestmark = pytest.mark.usefixtures("no_gradients")


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def published(config: FlowConfig = SMALL) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in MMAudio(config).state_dict().items()}
    return {name: 0.3 * normal(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}


def network(config: FlowConfig = SMALL, assign: bool = True) -> MMAudio:
    built = MMAudio(config).eval().requires_grad_(False)
    built.load_state_dict(state_dict(published(config)), strict=True, assign=assign)
    return built


def assert_close(got: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal but for the order of float32 sums."""
    assert got.shape == expected.shape
    assert float((got - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("v2", [False, True])
def test_what_is_loaded_is_saved_bit_for_bit(v2: bool, assign: bool) -> None:
    config = replace(SMALL, v2=v2)
    saved = network(config, assign).state_dict()
    assert saved.keys() == published(config).keys()
    assert all(torch.equal(saved[name], tensor) for name, tensor in published(config).items())


def test_what_is_saved_can_be_written_to_a_file() -> None:
    # Files refuse tensors that share memory or do not lie in order.
    again = load(save(dict(network().state_dict())))
    assert all(torch.equal(again[name], tensor) for name, tensor in published().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_saved_as_it_was_loaded(dtype: torch.dtype) -> None:
    halved, built = {name: tensor.to(dtype) for name, tensor in published().items()}, MMAudio(SMALL)
    built.load_state_dict(halved, strict=True, assign=True)
    assert all(torch.equal(built.state_dict()[name], tensor) for name, tensor in halved.items())


def test_no_weight_is_held_twice() -> None:
    held = sum(tensor.numel() for tensor in [*network().parameters(), *network().buffers()])
    assert held == sum(tensor.numel() for tensor in published().values())


@pytest.mark.parametrize(
    "name", ["fused_blocks.0.ffn.w3.weight", "text_input_proj.1.w1.weight", "joint_blocks.1.text_block.attn.qkv.bias"]
)
def test_loading_is_strict(name: str) -> None:
    built, state = network(), published()
    with pytest.raises(RuntimeError, match="Unexpected"):
        built.load_state_dict(state | {f"{name}.more": torch.zeros(1)}, strict=True)
    del state[name]
    with pytest.raises(RuntimeError, match="Missing"):
        built.load_state_dict(state, strict=True)


def test_published_rows_of_queries_keys_and_values_are_interleaved() -> None:
    projection, sequence = HeadProjection(16, 2), normal(2, 7, 16)
    weight, bias = normal(48, 16, seed=2), normal(48, seed=3)
    norms = {f"{kind}_norm.weight": torch.ones(8) for kind in "qk"}
    projection.load_state_dict(norms | {"qkv.weight": weight, "qkv.bias": bias})
    by_head = (sequence @ weight.T + bias).view(2, 7, 2, 8, 3)
    got = projection(sequence, None)
    for kind, heads in enumerate(got):
        expected = by_head[..., kind].transpose(1, 2)
        if kind < 2:
            expected = torch.nn.functional.rms_norm(expected, (8,), eps=1.19e-7)
        assert_close(heads, expected)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 33, 130])
def test_outputs_in_pairs_are_those_of_a_convolution(length: int, bias: bool) -> None:
    conv, sequence = ChannelLastConv1d(12, 7, 3, bias=bias), normal(2, length, 12)
    assert conv.pairs(sequence)
    expected = torch.nn.functional.conv1d(sequence.transpose(1, 2), conv.weight, conv.bias, padding=1).transpose(1, 2)
    assert_close(conv(sequence), expected)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 33, 130])
@pytest.mark.parametrize(
    "mlp",
    [GatedMlp(12, 20), GatedConvMlp(12, 20), GatedConvMlp(12, 20, kernel_size=7)],
    ids=["linear", "conv3", "conv7"],
)
def test_gated_mlps_are_what_they_say(mlp: GatedMlp | GatedConvMlp, length: int) -> None:
    sequence, state = normal(2, length, 12), mlp.state_dict()

    def apply(name: str, x: torch.Tensor) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        weight = weight if weight.dim() == 3 else weight[..., None]
        padding = weight.shape[-1] // 2
        return torch.nn.functional.conv1d(x.transpose(1, 2), weight, padding=padding).transpose(1, 2)

    gate = torch.nn.functional.silu(apply("w1", sequence))
    assert_close(mlp(sequence), apply("w2", gate * apply("w3", sequence)))


@pytest.mark.parametrize("shape", [(12,), (1, 12), (70, 12), (2, 70, 12), (3, 2, 40, 12)])
def test_linear_maps_as_convolutions_are_linear_maps(shape: tuple[int, ...]) -> None:
    layer = Linear(12, 5)
    assert_close(layer(normal(*shape)), torch.nn.functional.linear(normal(*shape), layer.weight, layer.bias))


@pytest.mark.parametrize("latents", [53, 54])
def test_a_cpus_ways_and_the_plain_ones_give_the_same_velocity(monkeypatch: pytest.MonkeyPatch, latents: int) -> None:
    built, lengths = network(), replace(LENGTHS, latent=latents)
    latent, time = normal(2, latents, SMALL.latent_dim), torch.tensor(0.4)
    conditions = built.preprocess_conditions(lengths, clip=normal(2, 9, 8), sync=normal(2, 40, 10), batch=2)
    velocity = built(latent, time, conditions)
    for module in (linear, convolution):
        monkeypatch.setattr(module, "runs_as_convolution", lambda sequence: False)
    assert_close(velocity, built(latent, time, conditions))


@pytest.mark.parametrize("latents", [53, 54])
def test_two_outputs_at_a_time_in_bfloat16_are_about_as_near_to_float32_as_one(
    monkeypatch: pytest.MonkeyPatch, latents: int
) -> None:
    monkeypatch.setattr(linear, "has_bf16_tiles", lambda: False)
    sequence = normal(2, latents, 24)
    exact = ChannelLastConv1d(24, 16, 3)
    rounded = ChannelLastConv1d(24, 16, 3)
    rounded.load_state_dict({name: tensor.bfloat16() for name, tensor in exact.state_dict().items()}, assign=True)
    assert rounded.pairs(sequence.bfloat16())
    assert rounded.weight[..., 0].is_contiguous()
    expected, paired = exact(sequence), rounded(sequence.bfloat16())
    monkeypatch.setattr(linear, "has_bf16_tiles", lambda: True)
    plain = rounded(sequence.bfloat16())

    def error(output: torch.Tensor) -> float:
        return float((output.float() - expected).norm() / expected.norm())

    # Sums of two are rounded before the products, and sums of products in between: three times the plain error at most.
    assert error(paired) < 3 * error(plain) < 3 * 2**-7


def test_plain_ways_are_taken_with_gradients_and_in_half_precision() -> None:
    conv = ChannelLastConv1d(4, 4, 3)
    assert not conv.pairs(normal(1, 5, 4).half())
    with torch.enable_grad():
        assert not conv.pairs(normal(1, 5, 4))
        assert not conv.pairs(normal(1, 5, 4).bfloat16())
        conv(normal(1, 5, 4)).sum().backward()
    assert conv.weight.grad.abs().max() > 0


def test_changed_weights_are_noticed() -> None:
    conv, sequence = ChannelLastConv1d(12, 7, 3), normal(1, 9, 12)
    before = conv(sequence)
    conv.weight.mul_(2.0)
    conv.bias.mul_(2.0)
    assert_close(conv(sequence), 2.0 * before)
    conv.load_state_dict({"weight": conv.weight / 2.0, "bias": conv.bias / 2.0}, assign=True)
    assert_close(conv(sequence), before)


def empty_clip(built: MMAudio) -> torch.Tensor:
    return built.preprocess_conditions(LENGTHS, sync=normal(1, 40, 10)).clip


def test_empty_features_are_projected_once_per_length() -> None:
    built, seen = network(), []
    built.clip_input_proj.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[1]))
    first = built.preprocess_conditions(LENGTHS, batch=2)
    built.preprocess_conditions(LENGTHS, text=normal(1, 5, 12))
    built.preprocess_conditions(replace(LENGTHS, clip=11))
    assert seen == [9, 11]
    written_out = built.preprocess_conditions(LENGTHS, clip=built.empty_clip_feat.expand(2, 9, -1), batch=2)
    assert_close(first.clip, written_out.clip)
    assert_close(first.summary, written_out.summary)


def test_kept_empty_features_follow_the_weights() -> None:
    built = network()
    before = empty_clip(built)
    assert "_derived" not in str(built.state_dict().keys())
    built.empty_clip_feat.mul_(2.0)
    assert not torch.equal(empty_clip(built), before)
    built.to(torch.float64)
    assert built.preprocess_conditions(LENGTHS).clip.dtype == torch.float64
    built.load_state_dict(published(), assign=True)
    assert torch.equal(empty_clip(built), before)


def test_kept_empty_features_go_with_the_network() -> None:
    built = network()
    empty_clip(built)
    kept = weakref.ref(built._derived.get(("clip", 9), built_sources(built), lambda: pytest.fail("it was not kept")))
    copied = copy.deepcopy(built)
    assert torch.equal(empty_clip(copied), empty_clip(built))
    assert kept() is not None
    del built
    gc.collect()
    assert kept() is None


def built_sources(built: MMAudio) -> list[torch.Tensor]:
    return [built.empty_clip_feat, built.sync_pos_emb, *built.clip_input_proj.parameters()]


def test_threads_share_what_is_kept() -> None:
    kept, source, made = DerivedTensorCache(), normal(3), []

    def ask(key: int) -> None:
        for _ in range(200):
            made.append((key % 40, float(kept.get(key % 40, [source], lambda: torch.tensor(float(key % 40))))))

    threads = [threading.Thread(target=ask, args=(key,)) for key in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 80 * 200 and all(key == value for key, value in made)

"""Tests of BigVGAN: published keys, both forms of the activation, settings files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from deepsound.models.bigvgan import activations, snake_rows, snake_triton
from deepsound.models.bigvgan.activations import AntiAliasedSnake
from deepsound.models.bigvgan.chunks import decode
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K, BigVganConfig
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.bigvgan.weights import fold_weight_norm

MANIFESTS = Path(__file__).parent / "manifests" / "mmaudio"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SMALL = BigVganConfig(
    num_mels=6,
    upsample_initial_channel=16,
    upsample_rates=(4, 2),
    upsample_kernel_sizes=(8, 4),
    resblock_kernel_sizes=(3, 5),
    resblock_dilation_sizes=((1, 3), (1, 2)),
)
PUBLISHED = pytest.mark.parametrize(
    ("name", "config"), [("best_netG", BIGVGAN_16K), ("bigvgan_v2_44khz_128band_512x", BIGVGAN_V2_44K)]
)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def normed(layers: torch.nn.Module, ends: tuple[str, str]) -> dict[str, torch.Tensor]:
    """`layers`' state with convolution weights as a size and a direction, under names with these endings."""
    state: dict[str, torch.Tensor] = {}
    for name, tensor in layers.state_dict().items():
        if name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            size = tensor.flatten(1).norm(dim=1).view(-1, 1, 1)
            state |= {layer + ends[0]: size, layer + ends[1]: tensor * 3.0}
        else:
            state[name] = tensor
    return state


@PUBLISHED
def test_the_published_keys_at_full_size(name: str, config: BigVganConfig) -> None:
    with torch.device("meta"):
        ours = BigVgan(config).state_dict()
    folded = json.loads((MANIFESTS / f"{name}.folded.json").read_text())["tensors"]
    assert {key: [list(tensor.shape), "float32"] for key, tensor in ours.items()} == folded


@PUBLISHED
@pytest.mark.parametrize("renamed", [False, True])
def test_weight_normed_files_fold_to_the_networks_keys(name: str, config: BigVganConfig, renamed: bool) -> None:
    published = json.loads((MANIFESTS / f"{name}.json").read_text())["tensors"]
    state = {key: torch.empty(shape, dtype=DTYPES[dtype], device="meta") for key, (shape, dtype) in published.items()}
    if renamed:
        state = {
            key.replace("weight_g", "parametrizations.weight.original0").replace(
                "weight_v", "parametrizations.weight.original1"
            ): tensor
            for key, tensor in state.items()
        }
    with torch.device("meta"):
        ours = BigVgan(config).state_dict()
    assert {key: tensor.shape for key, tensor in fold_weight_norm(state).items()} == {
        key: tensor.shape for key, tensor in ours.items()
    }


@pytest.mark.parametrize(
    "ends", [(".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1")]
)
def test_every_published_form_gives_the_same_weights(ends: tuple[str, str]) -> None:
    vocoder = BigVgan(SMALL)
    folded, plain = fold_weight_norm(normed(vocoder, ends)), vocoder.state_dict()
    assert folded.keys() == plain.keys()
    assert all(torch.allclose(folded[name], tensor, atol=1e-7) for name, tensor in plain.items())
    assert fold_weight_norm(plain).keys() == plain.keys()


def test_a_torch_weight_normed_layer_folds_to_what_it_computes() -> None:
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.ConvTranspose1d(4, 3, 8))
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(1.7)
    assert torch.allclose(
        fold_weight_norm({f"up.{name}": tensor for name, tensor in layer.state_dict().items()})["up.weight"],
        layer.weight,
        atol=1e-7,
    )


def test_half_a_pair_is_refused_by_name() -> None:
    state = normed(BigVgan(SMALL), (".weight_g", ".weight_v"))
    del state["ups.1.0.weight_g"]
    with pytest.raises(ValueError, match=r"lack ups\.1\.0\.weight_g"):
        fold_weight_norm(state)


def skewed_activation(channels: int) -> AntiAliasedSnake:
    """Different filters up and down, neither symmetric, so that no tap can stand in for another."""
    activation, generator = AntiAliasedSnake(channels), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in activation.state_dict().values():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.4)
    return activation.eval()


def written_out(activation: AntiAliasedSnake, x: torch.Tensor) -> torch.Tensor:
    """[B, T, C]: zeros stuffed between samples, both filters over everything, every other sample dropped."""
    x, channels = x.transpose(1, 2), x.shape[2]
    up, down = (
        kernel.expand(channels, 1, -1) for kernel in (activation.upsample.filter, activation.downsample.lowpass.filter)
    )
    doubled = 2 * F.conv_transpose1d(F.pad(x, (5, 5), mode="replicate"), up, stride=2, groups=channels)[..., 15:-15]
    frequency, divisor = (log.exp().view(-1, 1) for log in (activation.act.alpha, activation.act.beta))
    doubled = doubled + torch.sin(doubled * frequency) ** 2 / (divisor + 1e-9)
    return F.conv1d(F.pad(doubled, (5, 6), mode="replicate"), down, stride=2, groups=channels).transpose(1, 2)


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 31, 64])
def test_the_rows_of_the_activation_are_those_written_out(length: int) -> None:
    activation, x = skewed_activation(5), noise(2, length, 5)
    expected = written_out(activation, x)
    assert torch.allclose(activation(x), expected, atol=1e-5 * expected.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("limit", [1, 40, 100, 250])
def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    activation, x = skewed_activation(5), noise(2, 41, 5)
    whole = activation(x)
    monkeypatch.setattr(snake_rows, "_CPU_BLOCK", limit)
    assert torch.allclose(activation(x), whole, atol=1e-6 * whole.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_at_the_end_only(dtype: torch.dtype) -> None:
    activation = skewed_activation(5).to(dtype)
    x = noise(2, 200, 5).to(dtype)
    rounded = activation(x)
    exact = activation.float()(x.float())
    assert rounded.dtype == dtype
    assert torch.equal(rounded, exact.to(dtype))


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Triton's kernels run on the CPU, and are the ones that are chosen."""
    pytest.importorskip("triton", reason="Triton is not installed: torch brings it with CUDA, on Linux")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(snake_triton, "runs_on", lambda x: True)
    snake_triton.kernel.cache_clear()
    yield
    snake_triton.kernel.cache_clear()


@torch.no_grad()
@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("batch", "length", "channels"),
    [(1, 1, 3), (2, 2, 5), (1, 3, 1), (2, 13, 24), (1, 32, 5), (1, 33, 130), (1, 75, 4)],
)
def test_the_triton_kernel_gives_what_the_rows_give(
    batch: int,
    length: int,
    channels: int,
    dtype: torch.dtype,
) -> None:
    activation = skewed_activation(channels).to(dtype)
    x = noise(batch, length, channels).to(dtype)
    up, down = activation.upsampling_taps(), activation.downsample.lowpass.taps()
    expected = snake_rows.anti_aliased_snake(x, up, down, *activation.act.coefficients())
    got = activation(x)
    assert got.dtype == dtype
    # The same float32 sums in another order, then rounded: half precision may fall to the neighbouring number.
    tolerance = max(1e-5, torch.finfo(dtype).eps) * expected.abs().max()
    assert float((got - expected).abs().max()) <= tolerance


@torch.no_grad()
@pytest.mark.usefixtures("interpreted")
def test_a_vocoder_runs_on_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    vocoder, mel = BigVgan(SMALL).eval(), noise(1, 6, 3)
    by_kernel = vocoder(mel)
    monkeypatch.setattr(snake_triton, "runs_on", lambda x: False)
    assert torch.allclose(by_kernel, vocoder(mel), atol=1e-6)


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_the_kernel_compiles_for_a_gpu_that_is_not_there(dtype: str) -> None:
    compiler = pytest.importorskip("triton.compiler", reason="Triton is not installed: torch brings it with CUDA")
    backends = pytest.importorskip("triton.backends.compiler")
    sizes = {"SEGMENT": snake_triton._SEGMENT, "LANES": snake_triton._LANES}
    types = dict.fromkeys(["x", "out"], f"*{dtype}") | dict.fromkeys(["up", "down", "frequency", "amplitude"], "*fp32")
    types |= dict.fromkeys(["length", "channels"], "i32") | dict.fromkeys(sizes, "constexpr")
    source = compiler.ASTSource(fn=snake_triton.kernel(), signature=types, constexprs=sizes)
    assert compiler.compile(source, target=backends.GPUTarget("cuda", 80, 32)).asm["cubin"]


def test_the_kernel_is_for_gpus() -> None:
    assert not snake_triton.runs_on(torch.zeros(1))


def test_the_filter_is_the_published_one() -> None:
    half = torch.tensor([0.00202896, 0.00938947, -0.02554346, -0.05765738, 0.12857258, 0.4432098])
    assert torch.allclose(activations.low_pass(), torch.cat([half, half.flip(0)]), atol=2e-8)


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_a_mel_frame_makes_a_hop_of_samples(frames: int) -> None:
    audio = BigVgan(SMALL).eval()(noise(2, 6, frames))
    assert audio.shape == (2, 1, 8 * frames)
    assert audio.abs().max() <= 1.0


@torch.no_grad()
def test_branches_that_change_nothing_average_to_what_they_got() -> None:
    vocoder = BigVgan(SMALL).eval()
    for branch in vocoder.resblocks:
        for conv in branch.convs2:
            conv.weight.zero_()
            conv.bias.zero_()
    seen: dict[str, torch.Tensor] = {}
    vocoder.ups[0].register_forward_hook(lambda _module, _inputs, output: seen.update(before=output))
    vocoder.ups[1].register_forward_pre_hook(lambda _module, inputs: seen.update(after=inputs[0]))
    vocoder(noise(1, 6, 9))
    assert torch.allclose(seen["after"], seen["before"], atol=1e-6)


@torch.no_grad()
def test_the_second_version_clips_where_the_first_bends() -> None:
    loud = noise(1, 6, 9) * 1e3
    for tanh in (True, False):
        vocoder = BigVgan(replace(SMALL, use_tanh_at_final=tanh)).eval()
        audio = vocoder(loud)
        before = vocoder.conv_post(vocoder.activation_post(inner(vocoder, loud))).transpose(1, 2)
        assert before.abs().max() > 1.0
        assert torch.equal(audio, before.tanh() if tanh else before.clamp(-1, 1))


def inner(vocoder: BigVgan, mel: torch.Tensor) -> torch.Tensor:
    """What reaches the last activation."""
    seen: list[torch.Tensor] = []
    handle = vocoder.activation_post.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    vocoder(mel)
    handle.remove()
    return seen[0]


def test_hops() -> None:
    assert (BIGVGAN_16K.hop, BIGVGAN_V2_44K.hop) == (256, 512)


def test_settings_are_read_from_the_published_file() -> None:
    settings = {
        "resblock": "1",
        "num_gpus": 0,
        "batch_size": 4,
        "num_mels": 128,
        "upsample_rates": [8, 4, 2, 2, 2, 2],
        "upsample_kernel_sizes": [16, 8, 4, 4, 4, 4],
        "upsample_initial_channel": 1536,
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "use_tanh_at_final": False,
        "use_bias_at_final": False,
        "activation": "snakebeta",
        "snake_logscale": True,
    }
    assert BigVganConfig.from_json(settings) == BIGVGAN_V2_44K


@pytest.mark.parametrize(("name", "value"), [("resblock", "2"), ("activation", "snake"), ("snake_logscale", False)])
def test_other_kinds_of_vocoder_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} = {value!r}"):
        BigVganConfig.from_json({name: value})


@torch.inference_mode()
def test_rounded_inner_convolutions_leave_60_db_of_float32_s_waveform() -> None:
    config = replace(BIGVGAN_V2_44K, upsample_initial_channel=256)
    torch.manual_seed(0)
    exact = BigVgan(config).eval()
    mixed, rounded = BigVgan(config).eval(), BigVgan(config).eval()
    for network in (mixed, rounded):
        network.load_state_dict(exact.state_dict())
    mixed.round_inner_convolutions(torch.bfloat16)
    rounded.bfloat16()
    mel = noise(1, config.num_mels, 6)
    expected = exact(mel)

    def snr_db(network: BigVgan) -> float:
        error = (decode(network, mel).float() - expected).norm() / expected.norm()
        return -20.0 * float(error.log10())

    assert decode(mixed, mel.bfloat16()).dtype == torch.float32
    assert snr_db(mixed) >= 60.0 > snr_db(rounded)

"""The vocoder in parts: as the whole, in memory of one part, with a way out between them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deepsound.models.bigvgan import chunks
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K, BigVganConfig
from deepsound.models.bigvgan.model import BigVgan, VocoderStep

SMALL = replace(
    BIGVGAN_16K,
    num_mels=6,
    upsample_initial_channel=16,
    upsample_rates=(4, 2),
    upsample_kernel_sizes=(8, 4),
    resblock_kernel_sizes=(3, 5),
    resblock_dilation_sizes=((1, 3), (1, 2)),
)

pytestmark = pytest.mark.usefixtures("no_gradients")


def vocoder(config: BigVganConfig = SMALL, gain: float = 1.5) -> BigVgan:
    built, generator = BigVgan(config).eval(), torch.Generator().manual_seed(0)
    for name, parameter in built.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif name.endswith("weight"):
            fan_in = parameter[0].numel() if "ups" not in name else parameter.numel() / parameter.shape[1]
            parameter.normal_(std=gain / fan_in**0.5, generator=generator)
    return built


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("at_once", [1, 2, 7, 30, 60, 61, 500])
@pytest.mark.parametrize("frames", [1, 2, 61, 120])
def test_parts_make_the_whole(frames: int, at_once: int) -> None:
    built, mel = vocoder(), noise(2, 6, frames)
    whole = built(mel)
    assert whole.abs().max() > 0.1
    assert float((chunks.decode(built, mel, at_once) - whole).abs().max()) < 1e-5


@pytest.mark.parametrize("config", [BIGVGAN_16K, BIGVGAN_V2_44K], ids=["16k", "44k"])
def test_parts_make_the_whole_at_the_published_rates(config: BigVganConfig) -> None:
    # Through 36 activations a larger gain would raise the rounding itself to the waveform's size.
    built = vocoder(replace(config, upsample_initial_channel=64), gain=0.85)
    mel = noise(1, config.num_mels, 70)
    whole = built(mel)
    assert 0.1 < whole.abs().max() < 1.0
    assert float((chunks.decode(built, mel, 33) - whole).abs().max()) < 1e-5


def test_half_precision_keeps_its_dtype() -> None:
    built, mel = vocoder().to(torch.bfloat16), noise(1, 6, 20).to(torch.bfloat16)
    assert chunks.decode(built, mel, 7).dtype == torch.bfloat16


def influence(step: VocoderStep, channels: int) -> tuple[int, int]:
    """How far before and behind an output the inputs begin and end that change it, counted in outputs."""
    length = 2 * step.reach + 8
    x = noise(1, length, channels)
    changed = torch.cat([x, *(x.index_fill(1, torch.tensor([position]), 9.0) for position in range(length))])
    outputs = step.run(changed)
    middle = length // 2 * step.rate
    positions = (outputs[1:] != outputs[0]).any(-1)[:, middle : middle + step.rate]
    before, behind = 0, 0
    for output, column in enumerate(positions.T, start=middle):
        inputs = column.nonzero().flatten()
        before = max(before, output - (int(inputs[0]) * step.rate + step.rate - 1))
        behind = max(behind, int(inputs[-1]) * step.rate - output)
    return before, behind


@pytest.mark.parametrize("number", range(6))
def test_the_reach_of_every_step_is_what_changes_its_outputs(number: int) -> None:
    built, channels = vocoder(), [6, 16, 8, 8, 4, 4]
    for name, taps in built.named_buffers():
        # All alike: through several filters the outer ones of the published taps fade below float32.
        taps.fill_(0.3 if "downsample" in name else 0.15)
    step = list(built.steps())[number]
    assert influence(step, channels[number]) == (step.reach, step.reach)


def test_memory_is_that_of_a_part() -> None:
    built = vocoder()
    widest: list[int] = []
    for branch in built.resblocks:
        branch.register_forward_hook(lambda _module, _inputs, output: widest.append(output.numel()))
    chunks.decode(built, noise(1, 6, 60), 20)
    short = max(widest)
    widest.clear()
    chunks.decode(built, noise(1, 6, 600), 20)
    assert max(widest) <= 2 * short


def test_parts_are_reported_and_can_be_ended() -> None:
    built, mel = vocoder(), noise(1, 6, 50)
    seen: list[tuple[int, int]] = []
    chunks.decode(built, mel, 20, lambda done, frames: seen.append((done, frames)))
    assert seen == [(20, 50), (40, 50), (50, 50)]

    def stop(done: int, frames: int) -> None:
        seen.append((done, frames))
        raise KeyboardInterrupt

    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        chunks.decode(built, mel, 20, stop)
    assert seen == [(20, 50)]


def test_no_frame_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame at a time, not 0"):
        chunks.decode(vocoder(), noise(1, 6, 5), 0)

"""The mel converter beyond its goldens: lengths, silence, levels beyond full scale."""

from __future__ import annotations

import pytest
import torch

from deepsound.models.mel import MEL_16K, MEL_44K, MelConfig, MelSpectrogram, mel_basis

CONFIGS = pytest.mark.parametrize("config", [MEL_16K, MEL_44K], ids=["16k", "44k"])


def noise(samples: int) -> torch.Tensor:
    return torch.rand(2, samples, generator=torch.Generator().manual_seed(0)) * 2 - 1


@CONFIGS
@pytest.mark.parametrize("extra", [0, 1, 255, 256, 511, 512])
def test_frames_are_whole_hops(config: MelConfig, extra: int) -> None:
    samples = 4 * config.hop + extra
    assert MelSpectrogram(config)(noise(samples)).shape == (2, config.n_mels, samples // config.hop)


@CONFIGS
def test_too_short_a_waveform_names_the_shortest_that_works(config: MelConfig) -> None:
    mel = MelSpectrogram(config)
    with pytest.raises(ValueError, match=r"of 300 samples is too short .* at least \d+") as refusal:
        mel(noise(300))
    shortest = int(str(refusal.value).split()[-1].rstrip("."))
    assert mel(noise(shortest)).shape[-1] == shortest // config.hop
    with pytest.raises(ValueError, match="too short"):
        mel(noise(shortest - 1))


def test_silence_is_the_floor() -> None:
    silence = torch.zeros(1, 8192)
    assert MelSpectrogram(MEL_16K)(silence).eq(-5.0).all()
    assert torch.allclose(MelSpectrogram(MEL_44K).magnitude(silence), torch.tensor(1e-9).sqrt(), rtol=1e-6, atol=0)
    assert torch.allclose(MelSpectrogram(MEL_44K)(silence), torch.tensor(1e-5).log())


def test_what_is_beyond_full_scale_is_clipped() -> None:
    mel, loud = MelSpectrogram(MEL_16K), 3.0 * noise(4096)
    assert torch.equal(mel(loud), mel(loud.clamp(-1.0, 1.0)))


@CONFIGS
def test_a_tone_is_loudest_in_the_band_around_it(config: MelConfig) -> None:
    basis = mel_basis(config)
    for frequency in (440.0, 3000.0):
        tone = torch.sin(2 * torch.pi * frequency * torch.arange(16 * config.hop) / config.sample_rate)
        loudest = int(MelSpectrogram(config)(tone[None])[0, :, 8].argmax())
        bins = basis[loudest].nonzero().flatten() * config.sample_rate / config.n_fft
        assert bins[0] - config.sample_rate / config.n_fft <= frequency <= bins[-1] + config.sample_rate / config.n_fft

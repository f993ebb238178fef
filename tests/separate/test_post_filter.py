"""Tests of the post-filter that removes the residue of a voice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepsound.separate.post_filter import remove_residue

RATE = 48_000


def syllables(seconds: float = 3.0) -> torch.Tensor:
    """A buzz in syllables with pauses, [1, samples]."""
    at = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * n * 140 * at) / n for n in range(1, 25))
    return torch.from_numpy((0.1 * buzz * np.clip(np.sin(2 * np.pi * 2 * at), 0, 1)).astype(np.float32))[None]


def level_db(sound: torch.Tensor, reference: torch.Tensor) -> float:
    return float(10 * torch.log10(sound.square().mean() / reference.square().mean()))


def test_what_an_estimate_left_of_a_voice_alone_is_removed() -> None:
    """At 12 dB under a narrator the residue was heard as his ghost."""
    voice = syllables()
    left = voice - remove_residue(voice, 0.75 * voice, RATE)
    assert level_db(0.25 * voice, voice) == pytest.approx(-12.0, abs=0.1)
    assert level_db(left, voice) < -45.0


def test_the_rumble_and_the_echo_of_a_voice_alone_are_removed() -> None:
    voice = syllables()
    at = torch.arange(voice.shape[1]) / RATE
    envelope = torch.from_numpy(np.clip(np.sin(2 * np.pi * 2 * at.numpy()), 0, 1)).float()
    rumble = 0.01 * torch.sin(2 * torch.pi * 50 * at) * envelope
    echo = 0.1 * torch.roll(voice, RATE // 20)
    mix = voice + rumble + echo
    left = mix - remove_residue(mix, voice, RATE)
    assert level_db(left, rumble + echo) < -15.0


def test_steady_sound_under_a_voice_keeps_its_level() -> None:
    voice = syllables()
    rain = 0.004 * torch.randn(voice.shape, generator=torch.Generator().manual_seed(1))
    assert level_db(rain, voice) < -15.0
    mix = voice + rain
    left = mix - remove_residue(mix, 0.9 * voice, RATE)
    assert abs(level_db(left, rain)) < 2.0


def test_hits_as_loud_as_the_voice_are_left() -> None:
    voice, hits = syllables(), torch.zeros(1, 3 * RATE)
    fall = torch.exp(-torch.arange(4800) / 900) * torch.randn(4800, generator=torch.Generator().manual_seed(2))
    for first in range(6_000, 3 * RATE - 4800, 18_000):
        hits[:, first : first + 4800] = 0.3 * fall
    left = voice + hits - remove_residue(voice + hits, voice, RATE)
    assert level_db(left - hits, hits) < -12.0


@pytest.mark.parametrize("samples", [1, 511, 2049])
def test_any_length_and_silence_will_do(samples: int) -> None:
    sound = 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(3))
    found = remove_residue(sound, 0.5 * sound, RATE)
    assert found.shape == sound.shape and bool(found.isfinite().all())
    assert torch.equal(remove_residue(0 * sound, 0 * sound, RATE), 0 * sound)


def test_without_a_voice_nothing_is_removed() -> None:
    noise = 0.1 * torch.randn(1, RATE, generator=torch.Generator().manual_seed(4))
    assert remove_residue(noise, torch.zeros_like(noise), RATE).abs().max() < 1e-6

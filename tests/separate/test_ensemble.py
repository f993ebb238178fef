"""Tests of separator ensembles, `a+b` and `median:a+b+c`, by name and in the pipeline."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.errors import EngineError, InputError
from deepsound.runtime.progress import Progress
from deepsound.separate.ensemble import EnsembleSeparator
from deepsound.types import Audio, SeparationSettings, Stems
from deepsound.weights.catalogue import needed_by

QUIET = Progress()


class Scaled:
    """A separator that takes a fixed share of the mix for the voice."""

    def __init__(self, share: float) -> None:
        self.share = share

    def separate(self, audio: Audio, progress: Progress) -> Stems:
        voice = audio.waveform * self.share
        return Stems(Audio(voice, audio.sample_rate), Audio(audio.waveform - voice, audio.sample_rate))


def mix() -> Audio:
    return Audio(torch.randn(2, 400, generator=torch.Generator().manual_seed(1)), 8000)


@pytest.mark.parametrize(
    ("rule", "shares", "expected"),
    [("mean", (0.1, 0.2, 0.9), 0.4), ("median", (0.1, 0.2, 0.9), 0.2), ("median", (0.1, 0.2, 0.3, 0.9), 0.25)],
)
def test_the_voice_is_the_mean_or_median_and_both_stems_make_the_mix(rule, shares, expected):
    sound = mix()
    # The median is of signed samples: for negative ones the order of the shares is turned round, the middle is not.
    stems = EnsembleSeparator({str(share): Scaled(share) for share in shares}, rule).separate(sound, QUIET)
    assert np.allclose(stems.voice.numpy(), sound.numpy() * expected, atol=1e-6)
    assert np.allclose(stems.voice.numpy() + stems.background.numpy(), sound.numpy(), atol=1e-6)


def test_one_bad_member_is_named():
    class Short(Scaled):
        def separate(self, audio, progress):
            return super().separate(Audio(audio.waveform[:, :10], audio.sample_rate), progress)

    with pytest.raises(EngineError, match="The separator 'short'"):
        EnsembleSeparator({"fine": Scaled(0.5), "short": Short(0.5)}).separate(mix(), QUIET)


def test_a_vote_by_name_is_an_engine_like_any_other():
    engine = engines.separator("bs_roformer_tiny+spectral")
    assert isinstance(engine, EnsembleSeparator)
    assert engine.rule == "mean" and list(engine.members) == ["bs_roformer_tiny", "spectral"]
    assert engines.require("separator", " median:spectral + bs_roformer_tiny".strip()).name == (
        "median:spectral+bs_roformer_tiny"
    )
    sound = Audio(torch.zeros(1, 16000), 16000)
    assert not engine.separate(sound, QUIET).voice.waveform.any()
    assert set(engine.files()) == {"bs_roformer_tiny: separator"}


def test_what_a_member_does_not_use_of_the_settings_is_said():
    settings = SeparationSettings(augment=True)
    engine = engines.separator("bs_roformer_tiny+spectral", settings=settings)
    assert engine.members["bs_roformer_tiny"].augment
    assert list(engine.settings_in_use()) == ["bs_roformer_tiny"]
    (note,) = engines.separation_notes(engine, "both", settings)
    assert note.startswith("spectral does not use")


@pytest.mark.parametrize("name", ["spectral+", "+", "spectral+spectral", "median:spectral+", "a++b"])
def test_a_combination_without_two_different_members_is_refused(name):
    with pytest.raises(InputError, match="two or more different separators"):
        engines.require("separator", name)


def test_an_unknown_member_is_named_and_generators_are_not_combined():
    with pytest.raises(InputError, match="Unknown separator 'nothing'"):
        engines.require("separator", "spectral+nothing")
    with pytest.raises(InputError, match="expected the name of one generator"):
        engines.require("generator", "draft+source")


def test_a_vote_needs_the_weights_of_all_its_members():
    ids = {entry.id for entry in needed_by("median:bs_roformer+mel_band_roformer")}
    assert ids == {"bs_roformer/ep_317", "mel_band_roformer/kim"}

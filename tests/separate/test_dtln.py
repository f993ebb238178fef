"""Tests of the embedded separator `dtln` with its shipped weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.generate.draft.recordings import embedded, load_take
from deepsound.media.audio import resample
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.selection import EMBEDDED
from deepsound.separate import dtln
from deepsound.separate.dtln import DtlnSeparator
from deepsound.separate.roformer import BSRoformerTinySeparator
from deepsound.silence import measure
from deepsound.train.losses import si_sdr
from deepsound.train.voices import active_rms
from deepsound.types import Audio

Speech = Callable[..., Audio]
Mixed = Callable[[Audio, Audio, float], Audio]


def recorded(name: str, channels: int = 1, rate: int = 44_100) -> Audio:
    """Six seconds of one of the draft's recordings, again and again."""
    take = load_take(embedded()[name].paths[0])
    assert take is not None
    bed = Audio.from_numpy(np.tile(take, 6 * 44_100 // take.shape[1] + 1)[:channels, : 6 * 44_100], 44_100)
    return resample(bed, rate)


def background_of(audio: Audio, gated: bool = True) -> Audio:
    stems = DtlnSeparator(gated).separate(audio, Progress())
    assert torch.allclose(stems.voice.waveform + stems.background.waveform, audio.waveform, atol=1e-6)
    assert stems.background.waveform.shape == audio.waveform.shape and stems.background.sample_rate == audio.sample_rate
    return stems.background


def improvement_db(mix: Audio, bed: Audio, got: Audio) -> float:
    wanted = bed.waveform.mean(0)
    return float(si_sdr(got.waveform.mean(0), wanted) - si_sdr(mix.waveform.mean(0), wanted))


@pytest.mark.parametrize(("name", "channels"), [("rain", 1), ("footstep", 1), ("train", 2)])
def test_speech_is_taken_out_of_recorded_sounds_where_the_smaller_network_made_them_worse(
    speech: Speech, mixed: Mixed, name: str, channels: int
) -> None:
    bed = recorded(name, channels)
    mix = mixed(bed, speech(44_100), 5)
    got = improvement_db(mix, bed, background_of(mix))
    assert got > 6.0
    assert got > improvement_db(mix, bed, BSRoformerTinySeparator().separate(mix, Progress()).background) + 2


def test_speech_is_taken_out_of_a_storm(storm: Audio, speech: Speech, mixed: Mixed) -> None:
    mix = mixed(storm, speech(44_100), 6)
    assert improvement_db(mix, storm, background_of(mix)) > 4.0


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_it_works_at_other_rates(speech: Speech, mixed: Mixed, rate: int) -> None:
    bed = recorded("rain", rate=rate)
    mix = mixed(bed, speech(rate), 6)
    assert improvement_db(mix, bed, background_of(mix)) > 5.0


def test_sound_without_a_voice_is_left_as_it_was_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    model_cache().unload()
    monkeypatch.setattr(dtln, "load_dtln", lambda: pytest.fail("the network was loaded"))
    bed = recorded("footstep", 2)
    assert torch.equal(background_of(bed).waveform, bed.waveform)


def test_outside_what_is_spoken_not_one_sample_changes(speech: Speech) -> None:
    bed = recorded("rain")
    words = speech(44_100).waveform[:, : 2 * 44_100]
    mix = Audio(0.1 * bed.waveform + torch.nn.functional.pad(words, (3 * 44_100, 44_100)), 44_100)
    got = background_of(mix)
    assert torch.equal(got.waveform[:, : 2 * 44_100], mix.waveform[:, : 2 * 44_100])
    assert not torch.equal(got.waveform[:, 3 * 44_100 :], mix.waveform[:, 3 * 44_100 :])


def test_the_loudness_of_the_whole_changes_nothing(speech: Speech, mixed: Mixed) -> None:
    mix = mixed(recorded("rain"), speech(44_100), 3)
    quiet = Audio(0.01 * mix.waveform, 44_100)
    assert torch.allclose(background_of(quiet).waveform, 0.01 * background_of(mix).waveform, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 400, 48_001])
def test_short_sounds_come_back_as_long_as_they_were(samples: int) -> None:
    sound = Audio(0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(1)), 44_100)
    assert background_of(sound, gated=False).samples == samples


def test_what_cannot_be_separated_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        DtlnSeparator().separate(Audio(torch.full((1, 800), torch.nan), 44_100), Progress())
    model_cache().unload()
    monkeypatch.setattr(dtln, "WEIGHTS", tmp_path / "dtln.safetensors")
    with pytest.raises(EngineError, match="install deepsound again"):
        DtlnSeparator(gated=False).separate(recorded("rain"), Progress())


def test_it_stops_when_it_is_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        DtlnSeparator(gated=False).separate(recorded("rain"), Progress(check=token.check))


def test_it_is_the_embedded_default_and_ships_within_eight_megabytes() -> None:
    assert EMBEDDED["separator"] == "dtln"
    assert isinstance(engines.separator("dtln"), DtlnSeparator)
    assert dtln.WEIGHTS.stat().st_size <= 8_000_000
    assert (dtln.WEIGHTS.parent / "LICENSE.dtln.txt").is_file()


def test_a_voice_alone_leaves_silence_where_dtln_left_rumble_and_hiss(speech: Speech) -> None:
    """DTLN alone leaves what lies below 150 Hz and above 7.5 kHz, which was over -50 dB in a quarter of the frames."""
    words = speech(48_000).waveform[:, : 8 * 48_000]
    narrator = Audio(words * (0.1 / active_rms(words[0].numpy())), 48_000)
    assert not measure(DtlnSeparator(post_filter=False).separate(narrator, Progress()).background).is_silent
    assert measure(background_of(narrator)).is_silent


def test_both_directions_are_computed_side_by_side() -> None:
    """One by one they took nearly twice the time; the samples are the same."""
    shapes: list[tuple[int, ...]] = []

    class Listening(torch.nn.Module):
        def forward(self, sound: torch.Tensor) -> torch.Tensor:
            shapes.append(tuple(sound.shape))
            return sound

    low = 0.1 * torch.randn(3, 16_000, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(dtln._both_ways(Listening(), low), low, atol=1e-6)
    assert shapes == [(6, 3 * 16_000)]

"""Tests of the generator `source`, which passes on a clip's own sound."""

from __future__ import annotations

import numpy as np
import pytest

from deepsound import engines
from deepsound.errors import Cancelled, InputError, MediaError
from deepsound.media.clip import Clip
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import GenerationRequest


def generate(clip, **request):
    return engines.generator("source").generate(clip, GenerationRequest(**request), Progress())


@pytest.fixture
def clip(make_video, tone):
    return Clip.open(make_video("clip.mov", seconds=2.0, audio=tone(2.0, rate=48000, channels=2)))


def test_it_is_the_clips_own_sound(clip):
    audio = generate(clip, prompt="anything", seed=7)
    assert (audio.sample_rate, audio.channels, audio.samples) == (48000, 2, 96000)
    np.testing.assert_array_equal(audio.numpy(), clip.audio().numpy())


def test_a_second_call_gives_the_same_sound(clip):
    np.testing.assert_array_equal(generate(clip, seed=1).numpy(), generate(clip, seed=2).numpy())


def test_a_shorter_duration_cuts_and_a_longer_one_does_not_pad(clip):
    whole = generate(clip).numpy()
    np.testing.assert_array_equal(generate(clip, duration_s=0.5).numpy(), whole[:, :24000])
    assert generate(clip, duration_s=9.0).samples == 96000


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan")])
def test_a_duration_that_cannot_be_is_refused(clip, duration_s):
    with pytest.raises(InputError, match="more than 0 seconds"):
        generate(clip, duration_s=duration_s)


def test_without_sound_the_error_says_what_to_do(make_video):
    with pytest.raises(MediaError, match=r"no sound of its own.*'draft'"):
        generate(Clip.open(make_video("mute.mp4")))


def test_it_can_be_cancelled(clip):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        engines.generator("source").generate(clip, GenerationRequest(), Progress(check=token.check))

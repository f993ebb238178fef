"""Tests of the second opinion on a voice that the detector is unsure of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from deepsound.generate.draft.recordings import embedded, load_take
from deepsound.media import second_opinion as module
from deepsound.media import vad
from deepsound.media.second_opinion import is_asked_for, second_opinion
from deepsound.media.vad import voice_spans
from deepsound.runtime.progress import Progress
from deepsound.train import backgrounds
from deepsound.types import Audio

RATE, SECONDS = 44_100, 4.0


def recording(name: str) -> Audio:
    """One of the draft's recordings, again and again for four seconds."""
    take = load_take(embedded()[name].paths[0])
    assert take is not None
    return Audio.from_numpy(np.resize(take.mean(axis=0), round(SECONDS * RATE))[None], RATE)


def voiced_s(audio: Audio) -> float:
    return sum(span.duration_s for span in voice_spans(audio, Progress()))


def test_a_spoken_voice_6_db_under_a_train_is_found(
    speech: Callable[..., Audio], mixed: Callable[..., Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector alone gave it a probability of 0.4 at most, and no span."""
    sound = mixed(recording("train"), speech(RATE), -6.0)
    assert voiced_s(sound) > 1.0
    vad._recent._kept.clear()
    monkeypatch.setattr(vad, "is_asked_for", lambda *_: False)
    assert voiced_s(sound) == 0.0


@pytest.mark.parametrize("name", ["train", "siren", "scratch", "spaceship", "dog", "heartbeat"])
def test_recordings_without_a_voice_raise_no_alarm_when_it_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "is_asked_for", lambda *_: True)
    vad._recent._kept.clear()
    assert voiced_s(recording(name)) == 0.0


def test_it_is_not_asked_where_the_detector_is_sure(
    speech: Callable[..., Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would only cost time: a voice is found, or there is not a hint of one."""

    def unreachable(*_: object) -> torch.Tensor:
        raise AssertionError("expected no second opinion to be asked for")

    monkeypatch.setattr(vad, "second_opinion", unreachable)
    vad._recent._kept.clear()
    assert voiced_s(speech(RATE)) > 1.0
    assert voiced_s(Audio.from_numpy(np.zeros((1, RATE)), RATE)) == 0.0


def test_when_it_is_asked() -> None:
    quiet, hint, sure = (torch.full((2, 60), level) for level in (0.01, 0.2, 0.9))
    one_word = torch.where(torch.arange(60) < 10, sure, hint)
    asked = [is_asked_for(heard, heard[0]) for heard in (quiet, hint, one_word, sure)]
    assert asked == [False, True, True, False]


@pytest.mark.parametrize(("counted", "found"), [(20, False), (30, True)])
def test_what_is_heard_too_briefly_is_no_voice(counted: int, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_network", lambda: lambda level: level)
    sound = torch.randn((1, 125 * 512), generator=torch.Generator().manual_seed(0))
    again = (torch.arange(125) < counted).float().expand(2, 125)
    assert bool(second_opinion(sound, lambda _: again).any()) is found


def test_what_is_heard_too_faintly_is_no_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_network", lambda: lambda level: 0.1 * level)
    sound = torch.randn((1, 125 * 512), generator=torch.Generator().manual_seed(0))
    assert not second_opinion(sound, lambda rows: torch.ones(len(rows), 125)).any()


@pytest.mark.parametrize("seed", [294, 356, 412])
def test_tones_that_speech_enhancement_leaves_are_no_voice(seed: int) -> None:
    """Bells and hums pass DTLN, and the detector took what it left of them for a voice."""
    made = backgrounds.background(6.0, np.random.default_rng([seed, 9001]))
    assert voiced_s(Audio.from_numpy(made[None], 16_000)) == 0


def test_a_beginning_that_is_heard_twice_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first second warms the detector up and comes again: 15 windows of it were 30."""
    monkeypatch.setattr(module, "_network", lambda: lambda level: level)
    sound = 0.1 * torch.randn(1, 200 * 512, generator=torch.Generator().manual_seed(0))
    heard = torch.zeros(2, 200)
    heard[:, 5:20] = heard[:, 37:52] = 0.9
    assert second_opinion(sound, lambda rows: heard).max() == 1
    assert second_opinion(sound, lambda rows: heard, repeated=32).max() == 0

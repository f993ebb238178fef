"""Tests of the stretches in which a separator may remove a voice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepsound.media.voice_activity import WINDOW_S, VoiceActivity
from deepsound.runtime.progress import Progress
from deepsound.separate import voice_gate
from deepsound.separate.voice_gate import gate_spans
from deepsound.types import Audio


def spans_of_windows(
    monkeypatch: pytest.MonkeyPatch, probabilities: dict[tuple[int, int], float]
) -> list[tuple[float, float]]:
    heard = np.zeros(300, np.float32)
    for (first, last), probability in probabilities.items():
        heard[first:last] = probability
    monkeypatch.setattr(voice_gate, "voice_probabilities", lambda audio, progress: VoiceActivity(heard))
    sound = Audio(torch.zeros(1, round(300 * WINDOW_S * 16_000)), 16_000)
    return [(round(span.start_s, 2), round(span.end_s, 2)) for span in gate_spans(sound, Progress())]


def test_a_bark_that_the_reasoner_takes_for_no_voice_is_left_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """7 of 90 sounds without a voice were changed: the gate counted what lasts 0.16 s and reaches 0.4 anywhere."""
    assert spans_of_windows(monkeypatch, {(50, 58): 0.9, (200, 212): 0.45}) == []


def test_a_faint_syllable_near_a_voice_is_removed_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = spans_of_windows(monkeypatch, {(50, 80): 0.9, (100, 108): 0.45, (250, 258): 0.45})
    assert found == [(1.45, 2.71), (3.05, 3.61)], "the last is 4.5 s from the voice"

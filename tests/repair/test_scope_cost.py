"""Counts what `segments` costs beside `clip`: judgements, separated and detected samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsound import Pipeline
from deepsound.media import vad
from deepsound.media.clip import Clip
from deepsound.types import GenerationRequest
from tests import fakes

SECONDS = 6.0
# The detector works at 16 kHz; its last window is filled up.
DETECTOR_RATE, WINDOW = 16_000, 512
# The detector hears a sound 2.3 times, in overlapping windows of several alignments. A multiplication and an addition
# being two operations: silero has 0.31 million weights, each used at most 4 times (the frames of a window of 32 ms):
# 2 * 0.31e6 * 4 / 0.032 = 78 MFLOP a second of sound. The published BS-RoFormer has 24 transformers of 3.1 million
# weights over 62 bands of 100 frames a second: 2 * 75e6 * 6200 = 930 GFLOP. Three passes are 0.03 % of that, below 2 %.
DETECTIONS = 3


@pytest.fixture
def counted(fake_engines: type, nothing_at_hand: None, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Judgements, separations and separated samples of the fake engines, and the samples that the detector hears."""
    found: Counter[str] = Counter()
    judge, separate, ask = fakes.YesReasoner.judge, fakes.HalvingSeparator.separate, vad._ask_network

    def judged(self, clip, audio, progress):
        found["judgements"] += 1
        return judge(self, clip, audio, progress)

    def separated(self, audio, progress):
        found["separations"] += 1
        found["separated samples"] += audio.samples
        return separate(self, audio, progress)

    def detected(rows, progress):
        found["detector samples"] += rows.numel()
        return ask(rows, progress)

    monkeypatch.setattr(fakes.YesReasoner, "judge", judged)
    monkeypatch.setattr(fakes.HalvingSeparator, "separate", separated)
    monkeypatch.setattr(vad, "_ask_network", detected)
    return found


def test_segments_judge_and_separate_as_often_as_clip_and_only_the_detector_comes_on_top(
    counted: Counter[str], make_video: Callable[..., Path]
) -> None:
    clip = Clip.open(make_video("clip.mp4", seconds=SECONDS))
    costs = {}
    for scope in ("clip", "segments"):
        counted.clear()
        outcome = Pipeline("noise", "yes", "halving").run_in_memory(clip, GenerationRequest(), scope=scope)
        assert outcome.segments
        costs[scope] = dict(counted)
    heard = costs["segments"].pop("detector samples")
    costs["clip"].pop("detector samples", None)
    assert costs["segments"] == costs["clip"]
    assert costs["clip"]["judgements"] == costs["clip"]["separations"] == 1
    assert 0 < heard <= DETECTIONS * (SECONDS * DETECTOR_RATE + WINDOW)

"""Fake engines whose behaviour a test decides, registered by the fixture `fake_engines`."""

from __future__ import annotations

import time

import numpy as np

from deepsound.types import Audio, ChainOfThought, GenerationRequest, Judgement, Plan, Span, Stems, Verdict

SAMPLE_RATE = 16000
# The names under which the fixture `fake_engines` registers the classes below.
REGISTERED = {
    "generator": {
        "noise": "Generator",
        "nan": "NanGenerator",
        "wrong": "WrongGenerator",
        "endless": "EndlessGenerator",
    },
    "reasoner": {"yes": "YesReasoner", "no": "NoReasoner", "undecided": "UndecidedReasoner"},
    "separator": {
        "halving": "HalvingSeparator",
        "silencing": "SilencingSeparator",
        "shortening": "ShorteningSeparator",
    },
}


def noise(seconds: float, level: float, seed: int = 0, channels: int = 1) -> Audio:
    samples = np.random.default_rng(seed).standard_normal((channels, round(seconds * SAMPLE_RATE))) * level
    return Audio.from_numpy(samples, SAMPLE_RATE)


class Generator:
    """Noise as long as the clip; remembers what it was asked."""

    requests: list[GenerationRequest] = []  # noqa: RUF012 - reset by the fixture

    def generate(self, clip, request, progress):
        progress.update(0.5)
        self.requests.append(request)
        return noise(clip.duration_s, 0.1, seed=request.seed)


class NanGenerator(Generator):
    def generate(self, clip, request, progress):
        audio = super().generate(clip, request, progress)
        audio.waveform[0, 0] = float("nan")
        return audio


class WrongGenerator(Generator):
    def generate(self, clip, request, progress):
        return np.zeros(100)


class EndlessGenerator(Generator):
    """Works for a minute, asking at every step whether to stop."""

    def generate(self, clip, request, progress):
        for _ in progress.track(range(6000), 6000):
            time.sleep(0.01)
        return super().generate(clip, request, progress)


class YesReasoner:
    verdict = Verdict.YES

    def plan(self, clip, progress):
        return Plan(("Step1: Generate audio from video.",))

    def judge(self, clip, audio, progress):
        progress.say("<SUMMARY> looking </SUMMARY>")
        return Judgement(
            self.verdict,
            "Yes" if self.verdict is Verdict.YES else "No1",
            ChainOfThought("looking", "a [bold]voice[/] is heard", "so", "A. Yes"),
            (Span(0.1, 0.4),),
        )


class NoReasoner(YesReasoner):
    verdict = Verdict.NO


class UndecidedReasoner(YesReasoner):
    verdict = Verdict.UNDECIDED


class HalvingSeparator:
    """Half of the mix is voice."""

    def separate(self, audio, progress):
        half = Audio(audio.waveform * 0.5, audio.sample_rate)
        return Stems(half, half)


class SilencingSeparator:
    """All of the mix is voice, so silence is left."""

    def separate(self, audio, progress):
        return Stems(audio, Audio(audio.waveform * 0.0, audio.sample_rate))


class ShorteningSeparator:
    def separate(self, audio, progress):
        short = Audio(audio.waveform[:, :-1], audio.sample_rate)
        return Stems(short, short)

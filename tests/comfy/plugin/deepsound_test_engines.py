"""Plug-in package with fake engines, found through entry points like a third party's."""

import os
import time
from pathlib import Path

import numpy as np

from deepsound.runtime.model_cache import model_cache
from deepsound.types import Audio, ChainOfThought, Judgement, Plan, Span, Stems, Verdict

RATE = 16_000


class Hum:
    """A tone as long as the clip, quieter when it is asked to avoid something."""

    def generate(self, clip, request, progress):
        progress.update(0.5)
        level = 0.1 if request.negative_prompt else 0.4
        times = np.arange(round((request.duration_s or clip.duration_s) * RATE)) / RATE
        return Audio.from_numpy(level * np.sin(2 * np.pi * 220 * times), RATE)


class Endless:
    """Works for a minute and asks often whether to stop."""

    def generate(self, clip, request, progress):
        for _ in progress.track(range(1200), 1200):
            time.sleep(0.05)
        return Hum().generate(clip, request, progress)


class Broken:
    """Makes a sound with a hole in it."""

    def generate(self, clip, request, progress):
        sound = Hum().generate(clip, request, progress)
        sound.waveform[0, 7] = float("nan")
        return sound


class SaysYes:
    verdict, category = Verdict.YES, "Yes"

    def plan(self, clip, progress):
        return Plan(("Generate audio from the video.",))

    def judge(self, clip, audio, progress):
        thought = ChainOfThought("summary", "caption <b>bold</b>", "reasoning", "conclusion")
        for line in thought.tagged().splitlines(keepends=True):
            progress.say(line)
        return Judgement(self.verdict, self.category, thought)


class SaysNo(SaysYes):
    verdict, category = Verdict.NO, "No3"


class WritesSlowly(SaysYes):
    """Needs a while for each of its sections, as a model does; stays at the first while the test's file is there."""

    def judge(self, clip, audio, progress):
        thought = ChainOfThought("I look and listen.", "Hills, and a <b>voice</b>.", "Nobody is seen.", "A. Yes")
        for line in thought.tagged().splitlines(keepends=True):
            progress.say(line)
            for _ in progress.track(range(5), 5):
                time.sleep(0.02)
            while Path(os.environ["WRITES_SLOWLY_HOLD"]).exists():
                time.sleep(0.02)
                progress.check()
        return Judgement(Verdict.YES, "Yes", thought, voice_spans=(Span(0.5, 1.2),), people_times_s=())


class LeavesHalf:
    def separate(self, audio, progress):
        half = Audio(audio.waveform / 2, audio.sample_rate)
        return Stems(half, half)


class LeavesNothing:
    def separate(self, audio, progress):
        return Stems(audio, Audio(audio.waveform * 0, audio.sample_rate))


class SaysWhatIsHeld(SaysNo):
    """Names the networks in memory, so that a test can see what the host's buttons did."""

    def judge(self, clip, audio, progress):
        held = ",".join(sorted(row.key.name for row in model_cache().report()))
        return Judgement(self.verdict, self.category, ChainOfThought(held))

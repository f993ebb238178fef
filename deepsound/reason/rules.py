"""The embedded reasoner: voice activity, person detection and the paper's rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepsound.engine_protocols import ReasonerBase
from deepsound.media.vad import voice_spans
from deepsound.media.views import UniformFrames
from deepsound.reason.cot import Evidence, write_cot
from deepsound.reason.person_detection import detect_people
from deepsound.reason.plan import four_steps
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Judgement, Plan, Span, Verdict

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

FRAMES = UniformFrames(count=16, long_side=640)
# Without a voice no verdict depends on who is seen: every fourth frame tells Figure 4's No1 from No3.
VOICELESS_STRIDE = 4


class RulesReasoner(ReasonerBase):
    """A human voice is heard and no person is seen: voice-over (arXiv 2503.22208, section 3.2, Figure 4)."""

    views = (FRAMES,)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        """The four published steps, said line by line."""
        plan = four_steps()
        for step in plan.steps:
            progress.say(step)
        return plan

    def judge(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        """Listen to the whole of `audio`, look at 16 frames, or 4 where no voice is heard, and apply the rule.

        Raises InputError for NaN samples, EngineError when silero-vad is missing.
        """
        stills = clip.view(FRAMES, progress.part(0.0, 0.3))
        voices = voice_spans(audio, progress.part(0.3, 0.5))
        if not voices:
            stills = stills[VOICELESS_STRIDE // 2 :: VOICELESS_STRIDE]
        times_s = {sighting.time_s for sighting in detect_people(stills, progress.part(0.5, 1.0))}
        evidence = Evidence(
            frames=len(stills),
            people_times_s=tuple(sorted(times_s)),
            duration_s=audio.duration_s,
            voice_spans=voices,
        )
        thought = write_cot(evidence)
        for section in thought.tagged().splitlines():
            progress.say(section)
        return Judgement(
            evidence.verdict,
            evidence.category.value,
            thought,
            evidence.voice_spans,
            evidence.people_times_s,
            raw=thought.tagged(),
        )

    def judge_spans(
        self, judgement: Judgement, spans: Sequence[Span], duration_s: float
    ) -> tuple[tuple[Verdict, str], ...]:
        """The rule on each of `spans` alone: voice-over unless a person is seen in the frames around it."""
        # Half the distance of two frames to each side, so that every span has at least one.
        around_s = duration_s / FRAMES.count / 2

        def verdict(span: Span) -> tuple[Verdict, str]:
            near = [
                time_s
                for time_s in judgement.people_times_s
                if span.start_s - around_s <= time_s <= span.end_s + around_s
            ]
            if near:
                return Verdict.NO, f"a person is seen at {near[0]:.1f} s"
            return Verdict.YES, "a voice is heard and nobody is seen around it"

        return tuple(map(verdict, spans))

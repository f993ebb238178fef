"""The embedded reasoner: voice activity, person detection, lip sync and the paper's rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepsound.engine_protocols import ReasonerBase
from deepsound.media.vad import voice_probabilities, voice_spans
from deepsound.media.views import UniformFrames
from deepsound.reason.cot import Evidence, write_cot
from deepsound.reason.lip_sync import LipSync, lip_sync
from deepsound.reason.person_detection import PersonDetection, detect_people
from deepsound.reason.plan import say_four_steps
from deepsound.reason.voice_envelope import voice_envelope
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Judgement, Plan, Span, Verdict

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

FRAMES = UniformFrames(count=16, long_side=640)
# Without a voice no verdict depends on who is seen: every fourth frame tells Figure 4's No1 from No3.
VOICELESS_STRIDE = 4
_MOST = 0.6


class RulesReasoner(ReasonerBase):
    """A human voice is heard and no person is seen: voice-over (arXiv 2503.22208, section 3.2, Figure 4).

    So is a voice under which every mouth on screen stays still, unless the preference `published_parser` asks for the
    paper's table to the letter.
    """

    views = (FRAMES,)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        """The four published steps, said line by line."""
        return say_four_steps(progress)

    def judge(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        """Listen to the whole of `audio`, look at 16 frames, or 4 where no voice is heard, and apply the rule.

        Where a voice is heard and nothing but faces is seen, the mouths are followed through the voiced spans.

        Raises InputError for NaN samples, EngineError when silero-vad is missing.
        """
        stills = clip.view(FRAMES, progress.part(0.0, 0.3))
        voices = voice_spans(audio, progress.part(0.3, 0.5))
        if not voices:
            stills = stills[VOICELESS_STRIDE // 2 :: VOICELESS_STRIDE]
        people = detect_people(stills, progress.part(0.5, 0.8))
        synced = self._lip_sync(clip, audio, voices, people, progress.part(0.8, 1.0))
        evidence = Evidence(
            frames=len(stills),
            people_times_s=tuple(sorted({sighting.time_s for sighting in people})),
            duration_s=audio.duration_s,
            voice_spans=voices,
            still_mouth_spans=synced.still_spans,
            pieces_looked_at=synced.looked_at,
            speech_pieces=synced.pieces,
            mouth_correlation=synced.correlation,
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
            still_mouth_spans=evidence.still_mouth_spans,
        )

    def _lip_sync(
        self,
        clip: Clip,
        audio: Audio,
        voices: Sequence[Span],
        people: Sequence[PersonDetection],
        progress: Progress,
    ) -> LipSync:
        """What the mouths do under the voice; nothing is looked at for the paper's table, nor without a face."""
        progress.update(0.0)
        if self.preferences.published_parser or not voices or not any(each.kind == "face" for each in people):
            progress.update(1.0)
            return LipSync()
        envelope = voice_envelope(audio, voice_probabilities(audio, Progress(check=progress.check)))
        return lip_sync(clip, voices, envelope, people, _around_s(clip.duration_s), progress)

    def judge_spans(
        self, judgement: Judgement, spans: Sequence[Span], duration_s: float
    ) -> tuple[tuple[Verdict, str], ...]:
        """The rule on each of `spans` alone: voice-over unless a person is seen around it whose mouth may be moving."""
        around_s = _around_s(duration_s)

        def verdict(span: Span) -> tuple[Verdict, str]:
            near = [
                time_s
                for time_s in judgement.people_times_s
                if span.start_s - around_s <= time_s <= span.end_s + around_s
            ]
            if near and _is_within(span, judgement.still_mouth_spans):
                return Verdict.YES, f"a voice is heard and the mouth of the person seen at {near[0]:.1f} s stays still"
            if near:
                return Verdict.NO, f"a person is seen at {near[0]:.1f} s"
            return Verdict.YES, "a voice is heard and nobody is seen around it"

        return tuple(map(verdict, spans))


def _around_s(duration_s: float) -> float:
    """Half the distance of two frames, so that every span has at least one within it to each side."""
    return duration_s / FRAMES.count / 2


def _is_within(span: Span, others: Sequence[Span]) -> bool:
    """Whether `others` fill most of a span; the separator's spans have wider margins than the reasoner's."""
    shared_s = sum(max(min(span.end_s, other.end_s) - max(span.start_s, other.start_s), 0.0) for other in others)
    return shared_s >= _MOST * span.duration_s

"""Chain of thought of step 2: rule and wording (arXiv 2503.22208, 3.2 and Figure 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from deepsound.types import ChainOfThought, Span, Verdict

MAX_LISTED = 12


class Category(str, Enum):
    """Figure 4's four cases, in the order of the paper's decision table."""

    YES = "Yes"
    NO_1 = "No1"
    NO_2 = "No2"
    NO_3 = "No3"


# (a person is seen, a human voice is heard) -> the case: a voice is a voice-over when nobody in the picture can own it.
TABLE = {
    (False, True): Category.YES,
    (False, False): Category.NO_1,
    (True, True): Category.NO_2,
    (True, False): Category.NO_3,
}


@dataclass(frozen=True)
class Evidence:
    """What was seen and heard: of `frames` frames looked at, those at `people_times_s` (seconds) show a person."""

    frames: int
    people_times_s: tuple[float, ...]
    duration_s: float
    voice_spans: tuple[Span, ...]

    @property
    def person_seen(self) -> bool:
        return bool(self.people_times_s)

    @property
    def voice_heard(self) -> bool:
        return bool(self.voice_spans)

    @property
    def category(self) -> Category:
        return TABLE[self.person_seen, self.voice_heard]

    @property
    def verdict(self) -> Verdict:
        return Verdict.YES if self.category is Category.YES else Verdict.NO


def write_cot(evidence: Evidence) -> ChainOfThought:
    """Write the four sections for what was seen and heard; the key sentences are the published model's own."""
    people, voice, detected = key_sentences(evidence.person_seen, evidence.voice_heard)
    return ChainOfThought(
        summary="I look for people in the frames, listen for human voices in the audio, and compare the two: "
        "a voice that nobody in the picture can be speaking with is a voice-over.",
        caption=f"{_visual_summary(evidence)} {_audio_summary(evidence)} "
        f"The video shows {people[0].lower()}{people[1:]} {voice}",
        reasoning=f"{people} {voice} {detected}",
        conclusion="A. Yes" if evidence.verdict is Verdict.YES else "B. No",
    )


def key_sentences(person_seen: bool, voice_heard: bool) -> tuple[str, str, str]:
    """The published model's own sentences: who is seen, who is heard, and what follows."""
    contains = "contains" if TABLE[person_seen, voice_heard] is Category.YES else "does not contain"
    return (
        "There are people in the video." if person_seen else "There are no people in the video.",
        "There is the sound of people in the audio." if voice_heard else "There is no sound of people in the audio.",
        f"I detect that the audio {contains} a voice-over.",
    )


def _visual_summary(evidence: Evidence) -> str:
    times = evidence.people_times_s
    where = f", at {_join_first([f'{time:.2f} s' for time in times])}" if times else ""
    return f"A person is seen in {len(times)} of {evidence.frames} frames{where}."


def _audio_summary(evidence: Evidence) -> str:
    spans = evidence.voice_spans
    voiced_s = sum(span.duration_s for span in spans)
    where = f", at {_join_first([str(span) for span in spans])}" if spans else ""
    return f"A human voice is heard for {voiced_s:.2f} of {evidence.duration_s:.2f} s{where}."


def _join_first(items: list[str]) -> str:
    """The items, or the first of many: an hour of speech has thousands of spans."""
    more = len(items) - MAX_LISTED
    return ", ".join(items[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")

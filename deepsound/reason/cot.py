"""Chain of thought of step 2: rule and wording (arXiv 2503.22208, 3.2 and Figure 4).

The paper's table goes by whether a person is seen. A person whose mouth stays still under the voice is seen and yet
does not speak: that refinement of the table is this project's own, and empty evidence of it leaves the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from deepsound.types import ChainOfThought, Span, Verdict

MAX_LISTED = 12
# Of the voiced time, over how much mouths are still in a clip that counts as narrated.
NARRATED_SHARE = 0.9


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
    """What was seen and heard: of `frames` frames looked at, those at `people_times_s` (seconds) show a person.

    In `still_mouth_spans` of the voiced ones faces are on screen and no mouth moves; `pieces_looked_at` of the
    `speech_pieces` pieces of speech were compared with mouths, and a moving one's `mouth_correlation` with the voice is
    None where none moves.
    """

    frames: int
    people_times_s: tuple[float, ...]
    duration_s: float
    voice_spans: tuple[Span, ...]
    still_mouth_spans: tuple[Span, ...] = ()
    pieces_looked_at: int = 0
    speech_pieces: int = 0
    mouth_correlation: float | None = None

    @property
    def person_seen(self) -> bool:
        return bool(self.people_times_s)

    @property
    def voice_heard(self) -> bool:
        return bool(self.voice_spans)

    @property
    def narrated(self) -> bool:
        """Whether mouths are still through the voiced time: whoever is seen is not the one speaking."""
        still_s, voiced_s = (
            sum(span.duration_s for span in spans) for spans in (self.still_mouth_spans, self.voice_spans)
        )
        return self.person_seen and 0 < NARRATED_SHARE * voiced_s <= still_s

    @property
    def category(self) -> Category:
        return TABLE[self.person_seen and not self.narrated, self.voice_heard]

    @property
    def verdict(self) -> Verdict:
        return Verdict.YES if self.category is Category.YES else Verdict.NO


def write_cot(evidence: Evidence) -> ChainOfThought:
    """Write the four sections for what was seen and heard; the key sentences are the published model's own."""
    people, voice, detected = key_sentences(evidence.person_seen, evidence.voice_heard, evidence.narrated)
    mouths = _mouth_summary(evidence)
    return ChainOfThought(
        summary="I look for people in the frames, listen for human voices in the audio, and compare the two: "
        "a voice that nobody in the picture can be speaking with is a voice-over.",
        caption=f"{_visual_summary(evidence)} {_audio_summary(evidence)} {mouths + ' ' if mouths else ''}"
        f"The video shows {people[0].lower()}{people[1:]} {voice}",
        reasoning=f"{people} {voice} {mouths + ' ' if evidence.narrated else ''}{detected}",
        conclusion="A. Yes" if evidence.verdict is Verdict.YES else "B. No",
    )


def key_sentences(person_seen: bool, voice_heard: bool, narrated: bool = False) -> tuple[str, str, str]:
    """The published model's own sentences: who is seen, who is heard, and what follows."""
    contains = "contains" if TABLE[person_seen and not narrated, voice_heard] is Category.YES else "does not contain"
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


def _mouth_summary(evidence: Evidence) -> str:
    """What the mouths do while the voice is heard; nothing where they were not looked at."""
    looked_at, pieces = evidence.pieces_looked_at, evidence.speech_pieces
    if not looked_at:
        return ""
    part = f" (looked at in {looked_at} of {pieces} pieces of it)" if looked_at < pieces else ""
    if evidence.still_mouth_spans:
        where = _join_first([str(span) for span in evidence.still_mouth_spans])
        return f"No mouth on screen moves while the voice is heard, at {where}{part}."
    if evidence.mouth_correlation is None:
        return f"No mouth on screen can be measured while the voice is heard{part}: too small, turned away or too many."
    return f"A mouth moves while the voice is heard, its correlation with it is {evidence.mouth_correlation:.2f}{part}."


def _join_first(items: list[str]) -> str:
    """The items, or the first of many: an hour of speech has thousands of spans."""
    more = len(items) - MAX_LISTED
    return ", ".join(items[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")

"""Reasoner with a verdict that a person has decided: no model judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepsound.choices import VOICE_DECISIONS, option
from deepsound.engine_protocols import Reasoner
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, ChainOfThought, Judgement, Plan, Verdict

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

JUDGED = VOICE_DECISIONS[0].name
_VERDICTS = {"always": Verdict.YES, "never": Verdict.NO}


class DecidedReasoner:
    """Plans as `reasoner` does, and judges as the voice decision says ("always" or "never")."""

    def __init__(self, reasoner: Reasoner, decision: str) -> None:
        self._reasoner = reasoner
        self._judgement = decided_judgement(decision)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        return self._reasoner.plan(clip, progress)

    def judge(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        return self._judgement


def decided_judgement(decision: str) -> Judgement:
    """The judgement of a voice decision that needs no judge. Raises InputError for another name."""
    verdict = _VERDICTS[option("voice_decision", decision, VOICE_DECISIONS[1:]).name]
    conclusion = f"The voice decision is {decision!r}: picture and sound were not judged."
    return Judgement(verdict, thought=ChainOfThought(conclusion=conclusion))

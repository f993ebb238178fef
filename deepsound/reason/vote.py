"""Voting reasoner: agreement, any or all of several verdicts, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepsound.combined_engine import CombinedEngine
from deepsound.engine_protocols import Reasoner, SupportsPreferences
from deepsound.engine_support import views
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Judgement, Plan, Preferences, Verdict

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.media.views import FrameConsumer


class VoteReasoner(CombinedEngine[Reasoner]):
    """Reasoners by name that judge the same clip; `rule` makes one verdict of theirs, see `combined_verdict`.

    The plan is the first one's.
    """

    def __init__(self, members: Mapping[str, Reasoner], rule: str = "agreement") -> None:
        super().__init__(members, rule)

    @property
    def views(self) -> Sequence[FrameConsumer[Any]]:
        """What any of them looks at, so that one decoding pass serves all."""
        return tuple(view for member in self.members.values() for view in views(member))

    def prefer(self, preferences: Preferences) -> None:
        """Say to all how to plan, how much to write, and by which rule to read the answer."""
        for member in self.members.values():
            if isinstance(member, SupportsPreferences):
                member.prefer(preferences)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        """The first member's plan."""
        return next(iter(self.members.values())).plan(clip, progress)

    def judge(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        """One judgement of all; a disagreement is a note, and stands in the conclusion and in `raw`.

        Raises what a member raises.
        """
        found: dict[str, Judgement] = {}
        for index, (name, member) in enumerate(self.members.items()):
            progress.say(f"{name}:")
            part = progress.part(index / len(self.members), (index + 1) / len(self.members))
            found[name] = member.judge(clip, audio, part)
        verdict = combined_verdict(self.rule, [judgement.verdict for judgement in found.values()])
        made = _joined(found, verdict)
        if len({judgement.verdict for judgement in found.values()}) > 1:
            text = f"The judges disagree: {_verdicts(found)}; by the rule {self.rule!r} that is {verdict.value}."
            progress.note(text)
            made = replace(made, thought=replace(made.thought, conclusion=text))
        return made


def combined_verdict(rule: str, verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of several.

    "agreement": what all say, else undecided. "any": yes where one says yes, no where all say no, else undecided.
    "all": yes where all say yes, no where one says no, else undecided.
    """
    found = set(verdicts)
    if len(found) == 1:
        return verdicts[0]
    if rule == "any" and Verdict.YES in found:
        return Verdict.YES
    if rule == "all" and Verdict.NO in found:
        return Verdict.NO
    return Verdict.UNDECIDED


def _joined(found: Mapping[str, Judgement], verdict: Verdict) -> Judgement:
    """The reasoning of the last member that says `verdict`, else of the last; spans and times of whoever has them."""
    judgements = list(found.values())
    agreeing = [judgement for judgement in judgements if judgement.verdict is verdict]
    categories = {judgement.category for judgement in agreeing if judgement.category}
    return Judgement(
        verdict,
        categories.pop() if len(categories) == 1 else "",
        (agreeing or judgements)[-1].thought,
        next((judgement.voice_spans for judgement in judgements if judgement.voice_spans), ()),
        next((judgement.people_times_s for judgement in judgements if judgement.people_times_s), ()),
        "\n\n".join(f"{name}: {judgement.verdict.value}\n{judgement.raw}" for name, judgement in found.items()),
        next((judgement.windows for judgement in judgements if judgement.windows), ()),
        next((judgement.still_mouth_spans for judgement in judgements if judgement.still_mouth_spans), ()),
    )


def _verdicts(found: Mapping[str, Judgement]) -> str:
    return ", ".join(
        f"{name} says {judgement.verdict.value}{f' ({judgement.category})' if judgement.category else ''}"
        for name, judgement in found.items()
    )

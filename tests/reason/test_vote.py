"""Tests of voting reasoners: the table of rules, disagreements, the command line."""

from __future__ import annotations

import json

import pytest

from deepsound import engines
from deepsound.cli.main import main
from deepsound.errors import InputError
from deepsound.reason import vote
from deepsound.reason.rules import RulesReasoner
from deepsound.reason.vote import VoteReasoner, combined_verdict
from deepsound.runtime.progress import Progress
from deepsound.types import ChainOfThought, Judgement, Plan, Preferences, Span, Verdict

YES, NO, OPEN = Verdict.YES, Verdict.NO, Verdict.UNDECIDED


class Fixed:
    """A judge that always says the same."""

    def __init__(self, verdict: Verdict, category: str = "", spans: tuple[Span, ...] = ()) -> None:
        self.judgement = Judgement(
            verdict, category, ChainOfThought(conclusion=verdict.value), spans, raw=verdict.value
        )
        self.preferences = Preferences()

    def prefer(self, preferences: Preferences) -> None:
        self.preferences = preferences

    def plan(self, clip, progress):
        return Plan(("one",))

    def judge(self, clip, audio, progress):
        return self.judgement


@pytest.mark.parametrize(
    ("rule", "verdicts", "expected"),
    [
        ("agreement", (YES, YES), YES),
        ("agreement", (NO, NO), NO),
        ("agreement", (YES, NO), OPEN),
        ("agreement", (YES, OPEN), OPEN),
        ("any", (YES, NO), YES),
        ("any", (YES, OPEN), YES),
        ("any", (NO, OPEN), OPEN),
        ("any", (NO, NO), NO),
        ("all", (YES, NO), NO),
        ("all", (YES, OPEN), OPEN),
        ("all", (NO, OPEN), NO),
        ("all", (YES, YES), YES),
    ],
)
def test_one_verdict_is_made_of_several_in_any_order(rule, verdicts, expected):
    assert combined_verdict(rule, verdicts) is expected
    assert combined_verdict(rule, verdicts[::-1]) is expected


def judged(rule: str, **members: Fixed) -> tuple[Judgement, list[str]]:
    notes: list[str] = []
    progress = Progress(lambda event: notes.append(event.text) if event.is_note else None)
    return VoteReasoner(members, rule).judge(None, None, progress), notes


def test_a_disagreement_is_a_note_and_stands_in_the_conclusion_and_the_raw_answer():
    made, notes = judged("agreement", ears=Fixed(YES, "Yes", (Span(1, 2),)), eyes=Fixed(NO, "No2"))
    text = "The judges disagree: ears says yes (Yes), eyes says no (No2); by the rule 'agreement' that is undecided."
    assert notes == [text] and made.thought.conclusion == text
    assert made.verdict is OPEN and made.category == "" and made.voice_spans == (Span(1, 2),)
    assert "ears: yes" in made.raw and "eyes: no" in made.raw


def test_judges_that_agree_say_nothing_more():
    made, notes = judged("any", ears=Fixed(YES, "Yes"), eyes=Fixed(YES))
    assert not notes and made.category == "Yes" and made.thought.conclusion == "yes"


def test_members_hear_of_preferences_and_the_first_one_plans():
    first = Fixed(YES)
    both = VoteReasoner({"first": first, "rules": RulesReasoner()})
    both.prefer(Preferences(trace=False))
    assert not first.preferences.trace
    assert both.plan(None, Progress()).steps == ("one",)
    assert both.views == RulesReasoner.views


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("rules+cot", "rules+videollama2_cot"),
        ("agreement:rules+cot", "rules+videollama2_cot"),
        ("any:rules+qa", "any:rules+videollama2_qa"),
    ],
)
def test_names_are_resolved_member_by_member(name, canonical):
    assert engines.require("reasoner", name).name == canonical
    assert isinstance(engines.reasoner(name), VoteReasoner)


def test_an_unknown_member_is_refused_by_name():
    with pytest.raises(InputError, match="Unknown reasoner 'oracle'"):
        engines.require("reasoner", "rules+oracle")


def test_the_command_line_records_the_disagreement(make_video, tmp_path, monkeypatch):
    made = vote.VoteReasoner({"ears": Fixed(YES), "eyes": Fixed(NO)})
    monkeypatch.setattr("deepsound.engines._combine", lambda info, execution: made)
    # The published judge of the name has no weights here.
    monkeypatch.setattr("deepsound.pipeline_run.check_later_files", lambda *given, **more: None)
    clip = make_video("clip.mp4", fps=10, seconds=1)
    flags = ["--generator", "draft", "--reasoner", "any:rules+cot", "--separator", "spectral", "--mode", "s3"]
    assert main(["run", str(clip), *flags, "--quiet", "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "clip.result.json").read_text())
    assert record["engines"]["reasoner"]["name"] == "any:rules+videollama2_cot"
    assert any("The judges disagree" in note for note in record["notes"])

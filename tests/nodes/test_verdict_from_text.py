"""The node that reads a verdict from any text."""

import pytest

from deepsound.errors import InputError


def verdict(nodes, text="", decision="auto", undecided="no"):
    output = nodes["DeepSoundVerdictFromText"].execute(text, decision, undecided)
    return (*output.args, output.ui["deepsound"][0]["notes"])


@pytest.mark.parametrize(
    ("text", "found"),
    [("A. Yes", "yes"), ("no.", "no"), ("<CONCLUSION> B. No </CONCLUSION>", "no"), ("It may rain.", "undecided")],
)
def test_a_text_gives_a_closed_verdict(nodes, text, found):
    voice_over, said, _ = verdict(nodes, text)
    assert (voice_over, said) == (found == "yes", found)


def test_what_is_neither_counts_as_chosen_and_is_said(nodes):
    voice_over, said, notes = verdict(nodes, "", undecided="yes")
    assert voice_over and said == "undecided" and notes == ["The text says neither yes nor no: it counts as yes."]


@pytest.mark.parametrize(("decision", "expected"), [("always", True), ("never", False)])
def test_one_s_own_decision_needs_no_text_and_overrules_it(nodes, decision, expected):
    assert verdict(nodes, "", decision)[0] is expected
    voice_over, _, notes = verdict(nodes, "A. Yes", decision)
    assert voice_over is expected and notes == [f"decision is {decision}: the text is not read."]


def test_an_unknown_decision_is_refused(nodes):
    with pytest.raises(InputError, match="decision"):
        verdict(nodes, "A", "perhaps")

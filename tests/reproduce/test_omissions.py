"""Tests of a reproduction's omissions: weights, partners, too few clips."""

from dataclasses import replace
from pathlib import Path

import pytest

from deepsound.evaluate.metrics import MetricScore
from deepsound.evaluate.report import EvaluationReport, Missing, SetReport
from deepsound.reproduce.omissions import as_markdown, omissions


def report(missing=(), scores=None, notes=()) -> EvaluationReport:
    one = SetReport("direct", Path("direct"), 2, 2, scores or {}, {}, None, ())
    two = replace(one, name="s3")
    return EvaluationReport({}, None, (one, two), tuple(missing), (), (), tuple(notes), {}, {})


def test_missing_weights_are_listed_once_for_all_metrics_systems_and_references():
    lacking = [Missing(name, "PANNs is not here", "deepsound models download metrics") for name in ("FD_PANNs", "IS")]
    said = omissions([report(lacking), report(lacking)], ["a"], ["a"])
    assert said == ("Not measured: FD_PANNs, IS: PANNs is not here (`deepsound models download metrics`).",)


def test_clips_on_one_side_alone_are_named_and_the_rest_counted():
    said = omissions([], ["a", "b"], ["b", *"defghij"])
    assert said == (
        "1 clips have no ground truth and are in no metric that compares with it: a.",
        "7 clips of the ground truth have no video and are in no row: d, e, f, g, h and 2 more.",
    )


def test_fewer_clips_than_a_metric_needs_are_said_once_for_all_sets():
    scores = {"FD_VGG": MetricScore(None, why="it needs 2 clips or more, there is 1")}
    (said,) = omissions([report(scores=scores), report(scores=scores)], ["a"], ["a"])
    assert said == "FD_VGG has no value for direct, s3: it needs 2 clips or more, there is 1."


@pytest.mark.parametrize(
    ("note", "kept"), [("direct: with fewer clips than features, FD comes out larger", 1), ("x", 0)]
)
def test_numbers_that_few_clips_distort_are_said(note, kept):
    assert len(omissions([report(notes=[note])], [], [])) == kept


def test_they_stand_below_the_tables_with_how_it_was_measured():
    text = as_markdown(["A."], {"protocol": "paper"})
    assert text.endswith("- protocol: paper\n- A.\n") and "## How this was measured" in text

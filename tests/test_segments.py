"""Span lists: reading, writing, merging, and every way in which one can be nonsense."""

import json
import math

import pytest

from deepsound.errors import InputError
from deepsound.segments import MAX_SEGMENTS, Segment, dump_segments, merge_spans, parse_segments
from deepsound.types import Span, Verdict


def spans_of(text: str, duration_s: float = 10.0) -> list[tuple[float, float]]:
    return [(each.span.start_s, each.span.end_s) for each in parse_segments(text, duration_s)]


def test_a_written_list_is_read_back_equal():
    segments = (
        Segment(Span(0.5, 1.25), Verdict.NO, "keep", "on screen"),
        Segment(Span(2.0, 3.0), Verdict.YES, "mask", prompt="rain"),
    )
    assert parse_segments(dump_segments(segments), 10.0) == segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("[]", []),
        ("1.2-3.4", [(1.2, 3.4)]),
        ("5-6, 1.2-3.4\n7..8 s", [(1.2, 3.4), (5.0, 6.0), (7.0, 8.0)]),
        ("1.2s-3.4s", [(1.2, 3.4)]),
        ("1.2\u20133.4\uff0c5\uff5e6\u3001 7\u52308\u79d2", [(1.2, 3.4), (5.0, 6.0), (7.0, 8.0)]),
        ("[[1, 2], [3, 4]]", [(1.0, 2.0), (3.0, 4.0)]),
        ('{"segments": [{"start_s": 1, "end_s": 2}]}', [(1.0, 2.0)]),
        ('{"start_s": 1, "end_s": 2}', [(1.0, 2.0)]),
        ("1-3, 2-4", [(1.0, 4.0)]),
        ("8-12", [(8.0, 10.0)]),
    ],
)
def test_forms_a_person_or_a_graph_writes(text, expected):
    assert spans_of(text) == expected


def test_a_prompt_stands_behind_its_span():
    assert parse_segments("0-3: rain on tin", 10.0)[0].prompt == "rain on tin"
    chinese = parse_segments("0-3\uff1a雨\uff0c风\uff1b5-6\uff1a雷", 10.0)
    assert [(one.span.start_s, one.prompt) for one in chinese] == [(0.0, "雨\uff0c风"), (5.0, "雷")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3-1", "expected an end after its start"),
        ("-2-1", "starts at -2 s"),
        ("11-12", "the clip has 0 to 10 s"),
        ("hello", "expected START-END"),
        ("[1, 2, 3]", "expected an object"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('[{"start_s": NaN, "end_s": 2}]', "expected a number of seconds"),
        ('[{"start_s": true, "end_s": 2}]', "expected a number of seconds"),
        ('[{"start_s": null, "end_s": 2}]', "expected a number of seconds"),
        ('[{"start_s": 1e999, "end_s": 2}]', "expected a number of seconds"),
        ('[{"start_s": 1, "end_s": 2, "verdict": "perhaps"}]', "choose one of"),
        ('{"segments": 5}', "expected a JSON list"),
        (
            '[{"start_s": 1, "end_s": 3, "action": "keep"}, {"start_s": 2, "end_s": 4, "action": "rm"}]',
            "overlap and ask for different things",
        ),
    ],
)
def test_nonsense_is_refused_in_one_sentence(text, words):
    with pytest.raises(InputError, match=words):
        parse_segments(text, 10.0)


def test_more_entries_than_a_list_may_have_are_refused():
    many = json.dumps([[index, index + 0.5] for index in range(MAX_SEGMENTS + 1)])
    with pytest.raises(InputError, match="at most 10,000"):
        parse_segments(many, math.inf)


def test_ten_thousand_spans_are_read():
    many = json.dumps([[index, index + 0.5] for index in range(MAX_SEGMENTS)])
    assert len(parse_segments(many, 1e6)) == MAX_SEGMENTS


def test_voices_closer_than_the_gap_are_one_span_and_padding_stays_inside_the_clip():
    found = merge_spans([Span(4.0, 5.0), Span(0.1, 1.0), Span(1.29, 2.0), Span(9.9, 10.0)], 10.0)
    assert [(round(each.start_s, 6), round(each.end_s, 6)) for each in found] == [
        (0.0, 2.15),
        (3.85, 5.15),
        (9.75, 10.0),
    ]


def test_voices_farther_apart_than_the_gap_stay_apart():
    found = merge_spans([Span(1.0, 2.0), Span(2.4, 3.0)], 10.0)
    assert len(found) == 2

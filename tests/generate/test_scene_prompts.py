"""Tests of prompts per scene: parsed, refused, joined for engines with one prompt."""

import pytest

from deepsound.errors import InputError
from deepsound.generate.scene_prompts import parse_schedule, scene_notes, whole_prompt
from deepsound.types import Span


def test_lines_with_times_are_scenes_and_the_others_hold_throughout():
    schedule = parse_schedule("field recording\n0-12: rain\n 12s - 1:05 : wind, soft", 60.0)
    assert [(each.span, each.text) for each in schedule.scenes] == [
        (Span(0.0, 12.0), "rain"),
        (Span(12.0, 60.0), "wind, soft"),
    ]
    assert schedule.text_over(Span(6, 14)) == "field recording, rain"
    assert schedule.text_over(Span(11.5, 20)) == "field recording, wind, soft"
    assert schedule.edges_s(60.0) == (12.0,)


@pytest.mark.parametrize(
    "line", ["0-12\uff1a下雨", "0\u201412 \uff1a 下雨", "0\uff5e12秒\uff1a下雨", "0秒到12秒: 下雨", "0至12: 下雨"]
)
def test_scene_lines_of_a_chinese_keyboard_are_not_taken_for_words_of_the_whole_clip(line):
    schedule = parse_schedule(f"{line}\n12-20\uff1a风", 60.0)
    assert [(each.span, each.text) for each in schedule.scenes] == [(Span(0.0, 12.0), "下雨"), (Span(12.0, 20.0), "风")]
    assert schedule.common == ""


@pytest.mark.parametrize("prompt", ["", "rain", "a 9-5 job: typing", "rain: heavy", "two\nlines", "3: birds"])
def test_a_prompt_without_scene_lines_is_left_as_it_is(prompt):
    assert parse_schedule(prompt, 10.0).whole == prompt
    assert scene_notes("draft", prompt) == ()


def test_where_no_scene_is_the_common_words_lead_alone():
    schedule = parse_schedule("hall\n2-4: steps", 10.0)
    assert [schedule.text_over(Span(*each)) for each in ((0, 2), (2, 4), (6, 8))] == ["hall", "hall, steps", "hall"]


def test_engines_with_one_prompt_get_every_scene_s_words_once_and_say_so():
    assert whole_prompt("hall\n0-4: steps\n4-6: door\n6-9: steps") == "hall, steps, door"
    assert "times not used" in scene_notes("draft", "0-4: steps")[0]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("5-3: rain", "runs from 5 to 3 s"),
        ("-1-3: rain", "runs from -1 to 3 s"),
        ("2-2: rain", "runs from 2 to 2 s"),
        ("0-5:", "has no text"),
        ("0-5: rain\n4-9: wind", "overlap"),
        ("40-50: rain", "begins at 40 s; the clip has 0 to 30 s"),
        ("0-1.2.3: rain", "is not a time"),
        ("0-1:2:3:4: rain", "is not a time"),
        ("\n".join(f"{index}-{index + 1}: x" for index in range(10_001)), "10,001 scene lines"),
    ],
)
def test_scene_lines_that_cannot_be_are_refused(prompt, message):
    with pytest.raises(InputError, match=message):
        parse_schedule(prompt, None if "10_001" in message or len(prompt) > 1000 else 30.0)

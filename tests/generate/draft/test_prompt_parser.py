"""Tests of the draft's prompt parser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deepsound.generate.draft.bed_table import BEDS
from deepsound.generate.draft.modal_synthesis import MATERIALS
from deepsound.generate.draft.prompt_notes import prompt_notes, read_prompt
from deepsound.generate.draft.prompt_parser import (
    _BED_WORDS,
    _MATERIAL_WORDS,
    NEUTRAL_MATERIAL,
    NO_SOUNDS,
    Palette,
    known_words,
    names_of,
    palette_for,
    sounds_in_order,
)

HELP_PAGES = Path(__file__).parents[3] / "web" / "docs"


def test_no_prompt_is_a_neutral_thing_without_a_bed_of_its_own():
    assert palette_for("") == Palette(materials=(NEUTRAL_MATERIAL,), beds=(), may_add_bed=True)


@pytest.mark.parametrize(
    "prompt, materials, beds",
    [
        ("A ball bouncing on a wooden floor", ("rubber", "wood"), ()),
        ("Drumsticks on METAL chairs, windy day", ("wood", "metal"), ("wind",)),
        ("tornado", (NEUTRAL_MATERIAL,), ("wind",)),
        ("glasses, bottles and dishes", ("glass", "ceramic"), ()),
        ("rain in the forest at night", (NEUTRAL_MATERIAL,), ("rain", "forest")),
        ("a crowd cheering", (NEUTRAL_MATERIAL,), ("room",)),
    ],
)
def test_words_choose_materials_and_beds(prompt, materials, beds):
    palette = palette_for(prompt)
    assert (palette.materials, palette.beds) == (materials, beds)


@pytest.mark.parametrize("prompt", ["xyzzy plugh", "a man speaks, a woman sings, human voice, choir", "ℵ ℶ 嗯", "!?."])
def test_unknown_words_and_voices_change_nothing(prompt):
    assert palette_for(prompt) == palette_for("")


@pytest.mark.parametrize(
    "negative, changed",
    [
        ("metal", {"materials": ("wood",)}),
        ("storm", {"beds": ("rain",)}),
        ("background", {"beds": ()}),
        ("impacts", {"impacts": False}),
        ("whoosh", {"whooshes": False}),
        ("scratching", {"scrapes": False}),
        ("human voice", {}),
    ],
)
def test_negative_words_remove_what_they_name(negative, changed):
    prompt = "metal on wood in wind and rain"
    palette = palette_for(prompt, negative)
    for name, value in changed.items():
        assert getattr(palette, name) == value
    unchanged = {"materials", "beds", "impacts", "whooshes", "scrapes"} - set(changed)
    assert all(getattr(palette, name) == getattr(palette_for(prompt), name) for name in unchanged)


@pytest.mark.parametrize("negative", ["wind", "ambience"])
def test_negative_words_also_keep_the_unasked_bed_away(negative):
    assert not palette_for("", negative).may_add_bed


def test_scrapes_can_be_asked_for():
    assert palette_for("dragging a crate").scrapes_named
    assert not palette_for("a crate").scrapes_named


def test_every_name_in_the_tables_can_be_played():
    assert set(_MATERIAL_WORDS) | {NEUTRAL_MATERIAL} == set(MATERIALS)
    assert set(_BED_WORDS) | {"air"} == set(BEDS)


def test_no_word_is_listed_twice_with_two_meanings():
    for table in (_MATERIAL_WORDS, _BED_WORDS):
        words = [word for listed in table.values() for word in listed.split()]
        assert len(words) == len(set(words))


@pytest.mark.parametrize("word", ["xylem", "a quiet library", "嗯", "啊哈", "Regen", "плюх"])
def test_words_it_does_not_know_are_said(word):
    """0.3.0 made the same sound with and without them, and said nothing."""
    (note,) = prompt_notes(f"metal, {word}")
    assert note.startswith("draft used: metal; did not know: ")
    assert word.lower().split()[-1] in note and note.endswith(
        "Known words: `deepsound engines draft`, or the help page of Generate Audio in ComfyUI."
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "dog",
        "thunder",
        "explosion",
        "gunshot",
        "applause",
        "piano music",
        "quiet library",
        "雨",
        "海浪",
        "脚步声",
        "Regen",
    ],
)
def test_prompts_that_0_3_0_passed_over_are_answered_for(prompt):
    """Each of these was ignored without a word: it is used, replaced by a named sound, or said to be unknown."""
    (note,) = prompt_notes(prompt)
    assert note.startswith(("draft used: ", "draft took the nearest it has for: ", "draft did not know: "))
    assert all(word.lower() in note for word in prompt.split())


def test_the_sentence_is_the_stated_one():
    assert prompt_notes("metal xylem") == (
        "draft used: metal; did not know: xylem. Known words: `deepsound engines draft`, "
        "or the help page of Generate Audio in ComfyUI.",
    )
    assert prompt_notes("") == () and prompt_notes("a metal door") == ("draft used: metal, door.",)


def test_what_is_left_out_is_said_too():
    reading = read_prompt("metal, wood, glass in the rain", "rain")
    assert (reading.used, reading.left_out, reading.refused) == (("metal", "wood"), ("glass",), ("rain",))
    assert prompt_notes("metal, wood, glass in the rain", "rain") == (
        "draft used: metal, wood; left out (two materials, two backgrounds and four recordings at most): glass; left "
        "out for the negative prompt: rain.",
    )


def test_negative_words_it_does_not_know_are_said_but_voices_need_no_ruling_out():
    assert prompt_notes("", "human voice") == () == prompt_notes("", "wind, speech")
    assert prompt_notes("", "zyzzyva") == (
        "In the negative prompt, draft did not know: zyzzyva. Known words: `deepsound engines draft`, "
        "or the help page of Generate Audio in ComfyUI.",
    )


def test_a_long_prompt_is_answered_in_a_few_words():
    (note,) = prompt_notes(" ".join(f"q{'x' * n}" for n in range(1, 200)))
    assert "and 191 more" in note and len(note) < 600


def test_the_known_words_are_those_that_change_something():
    listed = known_words()
    assert set(listed) == {"recordings", "materials", "beds", "layers"}
    for word in (word for names in listed.values() for words in names.values() for word in words):
        assert read_prompt(word).used == (word,)


@pytest.mark.parametrize("page", ["DeepSoundGenerateAudio.md", "DeepSoundGenerateAudio/zh.md"])
def test_every_word_of_the_help_page_is_used_and_every_sound_is_on_it(page):
    text = (HELP_PAGES / page).read_text("utf-8").split("*draft*")[-1]
    rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ") and "---" not in line][1:]
    words = [word.strip() for word in re.split("[,、]", re.sub(r"[（(].*?[)）]", "", ",".join(rows)))]
    assert len(words) > 50 and [word for word in words if not read_prompt(word).used] == []
    reached = {name for word in words for name in (*names_of(word), *sounds_in_order([word], NO_SOUNDS))}
    assert {name for table in known_words().values() for name in table} - reached == set()


def test_words_that_the_negative_prompt_rules_out_are_not_left_out_for_their_number():
    assert prompt_notes("rain", "rain") == ("draft left out for the negative prompt: rain.",)
    assert prompt_notes("rain, hits, wood", "hits") == (
        "draft used: rain, wood; left out for the negative prompt: hits.",
    )
    assert prompt_notes("wood, metal, glass")[0].endswith("and four recordings at most): glass.")


@pytest.mark.parametrize(
    ("prompt", "used", "negated"),
    [
        ("rain, no wind", ("rain",), ("wind",)),
        ("no loud music or wind, rain", ("rain",), ("music", "wind")),
        ("footsteps without any rain", ("footsteps",), ("rain",)),
        ("没有风的下雨", ("下雨",), ("风",)),
        ("不要雷声，下雨", ("下雨",), ("雷声",)),
        ("No. 5 drum", ("drum",), ()),
        ("no idea, rain", ("rain",), ()),
    ],
)
def test_what_a_prompt_does_not_want_is_not_made(prompt, used, negated):
    reading = read_prompt(prompt)
    assert (reading.used, reading.negated) == (used, negated)
    made = palette_for(prompt)
    assert not {*made.beds, *made.sounds} & {name for word in negated for name in names_of(word)}


def test_no_music_plays_no_wind_chime():
    assert palette_for("rain, no music").sounds == palette_for("rain").sounds
    assert prompt_notes("rain, no music, no speech") == (
        "draft used: rain; makes none of what the prompt negates: music.",
    )


def test_no_background_is_none_of_its_own_either():
    assert not palette_for("wood, no background noise").may_add_bed and palette_for("wood").may_add_bed

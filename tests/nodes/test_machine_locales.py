"""Tests of the machine-made locales: complete, as drawn, with values as in English."""

import json
import os
import re
from pathlib import Path

import pytest

from deepsound import choices, prompt_presets
from scripts.locales import draw
from tests.nodes.test_locales import MACHINE_MADE, keys_of, shape_of, shown_options

ROOT = Path(__file__).parents[2]
# Names of formats and codecs, which are the same in every language.
SAME_EVERYWHERE = {
    *("fp32", "bf16", "fp16", "int8", "nf4"),
    *("mp4", "mov", "webm", "mkv", "aac", "opus", "flac", "pcm", "wav"),
}
SCRIPTS = {"ja": r"[\u3040-\u30ff\u4e00-\u9fff]", "ko": r"[\uac00-\ud7af]", "ru": r"[\u0400-\u04ff]"}
# Words that a tooltip quotes as they are typed: `code`, 'prompts', <TAGS>, names_with_underscores.
QUOTED = re.compile(r"`[^`]+`|(?<!\w)'[^']+'(?!\w)|</?\w+>|\b\w+_\w+\b")
# Where a language counts in other units (10.3 hundred millions), digits differ.
COUNTED = " parameters, "


def english_of(nodes) -> dict:
    """Every text of the nodes as draw.py reads it."""
    found = {}
    for node_id, node in nodes.items():
        schema = node.define_schema()
        inputs = {item.id: {"tooltip": item.tooltip} for item in schema.inputs}
        for item in schema.inputs:
            if shown := shown_options(item):
                inputs[item.id]["options"] = shown
        outputs = {
            str(index): {"name": item.keywords.get("display_name", item.id), "tooltip": item.tooltip}
            for index, item in enumerate(schema.outputs)
        }
        found[node_id] = {"description": schema.description, "inputs": inputs, "outputs": outputs}
    return found


def lines_of(english: dict) -> list[str]:
    """Each line of descriptions and tooltips once, without the menu of prompts, which are English in every language."""
    texts = [
        text
        for entry in english.values()
        for text in (
            entry["description"],
            *(item["tooltip"] for item in (*entry["inputs"].values(), *entry["outputs"].values())),
        )
    ]
    given = {f"{row.name}: {row.prompt}" for row in prompt_presets.PROMPT_PRESETS}
    return [line for line in dict.fromkeys("\n".join(texts).split("\n")) if line not in given]


def test_the_table_of_english_is_that_of_the_schemas(nodes, monkeypatch):
    """DEEPSOUND_WRITE_LOCALES=1 writes it, and draws the locales from it."""
    monkeypatch.setattr(choices, "find_spec", lambda name: None)  # On every machine the longer tooltip of `precision`.
    english = english_of(nodes)
    if os.environ.get("DEEPSOUND_WRITE_LOCALES"):
        draw.write(draw.HERE / "english.json", english)
        draw.main()
    assert draw.read_english() == english, "a text has changed: DEEPSOUND_WRITE_LOCALES=1 writes english.json"


@pytest.mark.parametrize("language", MACHINE_MADE)
def test_no_tooltip_or_description_is_english_only(language):
    lines, texts = lines_of(draw.read_english()), draw.read_texts(language)
    assert len(lines) > 300
    assert [line for line in lines if not texts.get(line, "").strip()] == [], f"add them to texts/{language}.json"
    assert [line for line in texts if line not in lines] == [], "no node has these texts any more"
    assert [line for line in lines if texts[line] == line] == []
    if language in SCRIPTS:
        assert [line for line in lines if not re.search(SCRIPTS[language], texts[line])] == []


@pytest.mark.parametrize("language", MACHINE_MADE)
def test_values_and_numbers_are_those_of_the_english_text(language):
    menus = {value for options in menus_of(draw.read_english()) for value in options}
    for line, text in draw.read_texts(language).items():
        head = line.split(": ")[0]
        assert text.startswith(f"{head}: ") or head not in menus, line
        assert [quoted for quoted in QUOTED.findall(line) if quoted not in text] == [], line
        if COUNTED not in line:
            assert numbers_of(line) <= numbers_of(re.sub(r"(?<=\d),(?=\d)", ".", text)), (line, text)


def menus_of(english: dict) -> list[list[str]]:
    return [item.get("options", []) for entry in english.values() for item in entry["inputs"].values()]


def numbers_of(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def test_every_option_has_a_word_in_every_language():
    terms = {key for kind, key in draw.read_terms() if kind == "option"}
    assert {value for options in menus_of(draw.read_english()) for value in options} - terms == SAME_EVERYWHERE


@pytest.mark.parametrize("language", MACHINE_MADE)
def test_a_machine_made_locale_is_drawn_from_its_tables_and_complete(nodes, language):
    path = ROOT / "locales" / language / "nodeDefs.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found == draw.draw(language), "run python scripts/locales/draw.py"
    for node_id, node in nodes.items():
        assert _without_formats(shape_of(found[node_id])) == _without_formats(keys_of(node)), node_id


def _without_formats(shape: dict) -> dict:
    """A node's keys without the options that are the same in every language."""
    inputs = {
        name: {**item, "options": {key: None for key in item.get("options", {}) if key not in SAME_EVERYWHERE}}
        for name, item in shape["inputs"].items()
    }
    return {**shape, "inputs": inputs}


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in ROOT.glob("locales/*/nodeDefs.json")))
def test_no_text_has_signs_that_the_page_s_translations_take_for_their_syntax(folder):
    """vue-i18n reads {name}, @:link and a|b in a message."""
    text = (ROOT / "locales" / folder / "nodeDefs.json").read_text(encoding="utf-8")
    texts = re.findall(r'"(?:name|tooltip|description|display_name)": "((?:[^"\\]|\\.)*)"', text)
    assert len(texts) > 500
    assert [text for text in texts if re.search(r"[{}@|]", text)] == []

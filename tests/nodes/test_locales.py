"""Tests of the locales: schemas and translations agree key by key."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "locales"
LANGUAGES = ("zh",)
# Written by a machine (locales/README.md); tests/nodes/test_machine_locales.py is about them.
MACHINE_MADE = ("de", "es", "fr", "ja", "ko", "ru")
# Menus of what is installed or lies in a folder: their options are names, which nobody translates.
OPEN_MENUS = {
    "file",
    "folder",
    "engine",
    "generator",
    "reasoner",
    "separator",
    "variant",
    "lora",
    "weights",
    "generator_weights",
    "separator_weights",
}
# The words among them.
WORDS_OF_OPEN_MENUS = {"auto", "by engine", "by variant", "none"}


def shown_options(item) -> list[str]:
    """The options of a menu that are words; none for what is no menu."""
    options = list(item.options) if item.io_type == "COMBO" else []
    return [each for each in options if item.id not in OPEN_MENUS or each in WORDS_OF_OPEN_MENUS]


def keys_of(node) -> dict:
    """Everything of a node that a person reads, as ComfyUI's locales name it; None stands for a text."""
    schema = node.define_schema()
    inputs = {item.id: {"name": None, "tooltip": None} for item in schema.inputs}
    for item in schema.inputs:
        if shown := shown_options(item):
            inputs[item.id]["options"] = dict.fromkeys(shown)
    outputs = {str(index): {"name": None, "tooltip": None} for index in range(len(schema.outputs))}
    return {"display_name": None, "description": None, "inputs": inputs, "outputs": outputs}


def texts(language: str) -> dict:
    return json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))


def shape_of(entry):
    """The same keys, and None for every text; an empty text stays, so that it is found."""
    if isinstance(entry, dict):
        return {key: shape_of(value) for key, value in entry.items()}
    return None if isinstance(entry, str) and entry.strip() else entry


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_keys_of_the_schemas_and_no_others(nodes, language):
    found = texts(language)
    assert set(found) == set(nodes)
    for node_id, node in nodes.items():
        assert shape_of(found[node_id]) == keys_of(node), node_id


def test_every_language_is_there_and_the_machine_made_ones_are_marked():
    folders = sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir())
    assert folders == sorted((*LANGUAGES, *MACHINE_MADE))
    marked = (LOCALES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{language}`" in marked for language in MACHINE_MADE)
    for language in folders:
        commands = json.loads((LOCALES / language / "commands.json").read_text(encoding="utf-8"))
        assert set(commands) == {"DeepSound_Weights"} and commands["DeepSound_Weights"]["label"].strip()


def test_english_is_complete_in_the_schemas(nodes):
    for node_id, node in nodes.items():
        schema = node.define_schema()
        assert schema.display_name and schema.description, node_id
        for item in (*schema.inputs, *schema.outputs):
            assert item.tooltip and item.tooltip.strip(), f"{node_id}.{item.id}"


def test_chinese_is_there_and_is_chinese():
    assert "zh" in LANGUAGES
    for node_id, node in texts("zh").items():
        for text in (node["display_name"], node["description"], *(item["tooltip"] for item in node["inputs"].values())):
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text), f"{node_id}: {text}"


@pytest.mark.parametrize(
    ("words", "node_id"),
    [
        ("foley", "DeepSoundPipeline"),
        ("sound effects", "DeepSoundGenerateAudio"),
        ("video to audio", "DeepSoundGenerateAudio"),
        ("voice removal", "DeepSoundVocalSeparate"),
        ("save video", "DeepSoundMuxVideo"),
        ("voice-over", "DeepSoundVoiceOverCoT"),
        *((words, "DeepSoundPipeline") for words in ("配音", "音效", "去人声", "视频配音", "声音", "拟音")),
        *((words, "DeepSoundPipeline") for words in ("dub", "add audio", "sound design")),
        ("去人声", "DeepSoundVocalSeparate"),
        ("画外音", "DeepSoundVoiceOverCoT"),
        *(
            (words, "DeepSoundPipeline")
            for words in ("効果音", "효과음", "озвучка", "bruitage", "Vertonung", "sonorizar")
        ),
        *(
            (words, "DeepSoundVocalSeparate")
            for words in ("声を消す", "음성 제거", "убрать голос", "supprimer la voix")
        ),
        *((words, "DeepSoundVocalSeparate") for words in ("Stimme entfernen", "quitar la voz")),
    ],
)
def test_what_people_type_finds_a_node(nodes, words, node_id):
    assert words in nodes[node_id].define_schema().search_aliases


def test_every_node_is_found_by_chinese_words_and_foley_means_the_whole_pipeline_first(nodes):
    aliases = {node_id: node.define_schema().search_aliases for node_id, node in nodes.items()}
    for node_id, words in aliases.items():
        assert any("\u4e00" <= letter <= "\u9fff" for word in words for letter in word), node_id
        assert len(words) == len(set(words)), node_id
    assert [node_id for node_id, words in aliases.items() if "foley" in words] == ["DeepSoundPipeline"]


def test_help_pages_have_a_translation_that_mentions_every_input_and_output(nodes):
    docs = LOCALES.parent / "web" / "docs"
    for node_id, node in nodes.items():
        schema = node.define_schema()
        for page in (docs / f"{node_id}.md", *(docs / node_id / f"{language}.md" for language in LANGUAGES)):
            text = page.read_text(encoding="utf-8")
            for item in (*schema.inputs, *schema.outputs):
                label = item.keywords.get("display_name", item.id)
                assert f"`{label}`" in text, f"{page.name} of {node_id} does not mention {label}"


def chinese_terms() -> list[tuple[str, list[str], list[str]]]:
    """The rows of docs/architecture.md's table: English, the words that are used, the words that never are."""
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Terms in Chinese")[1]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    return [(english, used.split("、"), never.strip("-").split("、")) for english, used, never in rows]


def test_chinese_pages_use_the_terms_of_the_table():
    pages = [*(ROOT / "web").glob("docs/*/zh.md"), *(ROOT / "web").glob("*texts.js"), ROOT / "README.zh.md"]
    pages += [*(ROOT / "web").glob("*_zh.json"), ROOT / "scripts/workflows/notes.zh.json"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*pages, LOCALES / "zh" / "nodeDefs.json"))
    terms = chinese_terms()
    assert len(pages) > 15 and len(terms) > 20
    assert not [(english, word) for english, used, _ in terms for word in used if word not in text]
    assert not [(english, word) for english, _, never in terms for word in never if word and word in text]


def _form(page: str) -> list[str]:
    """A help page's blocks by kind, and the names in the first column of its tables."""
    kinds = {"|": "table", "#": "heading", "-": "list"}
    blocks = [kinds.get(block[0], "paragraph") for block in re.split(r"\n\s*\n", page.strip())]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return [*blocks, *(name for row in rows for name in re.findall(r"`\w+`", row))]


@pytest.mark.parametrize("english", sorted((ROOT / "web" / "docs").glob("*.md")), ids=lambda path: path.stem)
def test_a_chinese_help_page_has_every_paragraph_and_row_of_the_english_one(english):
    chinese = english.with_suffix("") / "zh.md"
    assert _form(chinese.read_text(encoding="utf-8")) == _form(english.read_text(encoding="utf-8"))


def test_every_stage_that_nodes_show_has_a_chinese_word():
    stage = re.compile(r"""\.at\(f?"([a-z]+)|comfy_host\.progress\([^)]*"([a-z]+)\"""")
    shown = {
        first or second
        for folder in ("nodes", "deepsound/compare", "deepsound/repair", "deepsound/separate", "deepsound/weights")
        for path in (ROOT / folder).rglob("*.py")
        for first, second in stage.findall(path.read_text(encoding="utf-8"))
    }
    words = (ROOT / "web" / "status_text.js").read_text(encoding="utf-8")
    assert len(shown) > 5 and sorted(name for name in shown if f'{name}: "' not in words) == []

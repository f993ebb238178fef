"""Tests of the shipped workflows: in step with the nodes, equal in both formats."""

import json
import os
import re
from pathlib import Path

import pytest

from scripts.workflows import DESCRIPTIONS, draw
from scripts.workflows.chinese import lacking
from scripts.workflows.core_nodes import CORE
from scripts.workflows.sheet import NOTE, NOTE_PARTS, PARAGRAPH, is_widget, widget_names
from scripts.workflows.titles import TITLES, file_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workflows"
# Nodes of one engine, whose widgets do not name it.
ENGINE_OF = {
    "DeepSoundSeeingHearing": "seeing_hearing",
    "DeepSoundAudioToVideo": "audio_to_video",
    "DeepSoundJoint": "joint",
}
NAMES = list(DESCRIPTIONS)
TITLE_HEIGHT = 30
# Schemas by node id: loading the pack once is enough for all of these tests.
KNOWN: dict = {}


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def page_file(name: str) -> Path:
    return FOLDER / f"{file_name(name)}.json"


def written(content: dict) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


@pytest.fixture
def schemas(request):
    if not KNOWN:
        nodes = request.getfixturevalue("nodes")
        KNOWN.update(CORE, **{node_id: node.define_schema() for node_id, node in nodes.items()})
    return KNOWN


def to_api(workflow: dict, schemas: dict) -> dict:
    """What the page would send for a workflow."""
    links = {link[0]: link for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] == NOTE:
            continue
        names = widget_names(schemas[node["type"]])
        inputs = {name: value for name, value in zip(names, node["widgets_values"], strict=True) if name}
        inputs |= {
            item["name"]: [str(links[item["link"]][1]), links[item["link"]][2]]
            for item in node["inputs"]
            if item["link"] is not None
        }
        prompt[str(node["id"])] = {"inputs": inputs, "class_type": node["type"], "_meta": {"title": node["title"]}}
    return prompt


def test_every_title_in_a_template_has_a_chinese_one_and_the_page_knows_the_template():
    chinese = read(ROOT / "web/titles_zh.json")
    used = set()
    for name in NAMES:
        workflow = read(page_file(name))
        assert workflow["extra"]["deepsound"] == {"template": name}
        used |= {each["title"] for each in (*workflow["nodes"], *workflow["groups"])}
    assert used == set(chinese), "web/titles_zh.json has other titles than the templates"


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_drawn_from_their_descriptions(schemas, name):
    sheet = draw(name, schemas)
    drawn = {page_file(name): written(sheet.page()), FOLDER / "api" / f"{name}.json": written(sheet.api())}
    for path, content in drawn.items():
        if os.environ.get("DEEPSOUND_WRITE_WORKFLOWS"):
            path.write_text(content, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == content, "run scripts/draw_workflows and read the difference"


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_say_the_same(schemas, name):
    assert read(FOLDER / "api" / f"{name}.json") == to_api(read(page_file(name)), schemas)


def test_every_workflow_has_both_formats_and_a_thumbnail():
    titles = set(map(file_name, NAMES))
    for folder, ending, names in (
        (FOLDER, "json", titles),
        (FOLDER / "api", "json", set(NAMES)),
        (FOLDER, "jpg", titles),
    ):
        assert {path.stem for path in folder.glob(f"*.{ending}")} == names, (folder, ending)
    assert max(path.stat().st_size for path in FOLDER.glob("*.jpg")) < 100_000


@pytest.mark.parametrize("name", NAMES)
def test_links_join_sockets_that_exist_and_fit(schemas, name):
    workflow = read(page_file(name))
    nodes = {node["id"]: node for node in workflow["nodes"]}
    assert workflow["links"]
    for link_id, source, output, target, slot, kind in workflow["links"]:
        assert link_id in nodes[source]["outputs"][output]["links"] and nodes[target]["inputs"][slot]["link"] == link_id
        made = schemas[nodes[source]["type"]].outputs[output]
        taken = next(
            item for item in schemas[nodes[target]["type"]].inputs if item.id == nodes[target]["inputs"][slot]["name"]
        )
        assert made.io_type == kind and {kind, "*"} & set(taken.io_type.split(","))


@pytest.mark.parametrize("name", NAMES)
def test_every_required_input_is_there_and_every_value_is_allowed(schemas, name):
    for node in read(FOLDER / "api" / f"{name}.json").values():
        for item in schemas[node["class_type"]].inputs:
            value = node["inputs"].get(item.id)
            assert value is not None or item.keywords.get("optional"), f"{node['_meta']['title']}: {item.id}"
            if isinstance(value, list) or not is_widget(item):
                continue
            if item.io_type == "COMBO":
                assert item.keywords.get("upload") or value in item.options, f"{node['_meta']['title']}: {item.id}"
            elif item.io_type in ("INT", "FLOAT"):
                assert item.keywords.get("min", value) <= value <= item.keywords.get("max", value)
            else:
                assert isinstance(value, {"BOOLEAN": bool, "STRING": str}[item.io_type])


@pytest.mark.parametrize("name", NAMES)
def test_the_clips_it_names_are_in_the_examples(schemas, name):
    files = [
        node["inputs"]["file"] for node in read(FOLDER / "api" / f"{name}.json").values() if "file" in node["inputs"]
    ]
    assert all((ROOT / "demo" / file).is_file() for file in files)


@pytest.mark.parametrize("name", NAMES)
def test_it_explains_itself_and_names_the_licence_of_every_weight(name):
    workflow = read(page_file(name))
    words = " ".join(node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == NOTE)
    assert words.startswith("## ")
    values = {value for node in workflow["nodes"] for value in node["widgets_values"] if isinstance(value, str)}
    values |= {ENGINE_OF[node["type"]] for node in workflow["nodes"] if node["type"] in ENGINE_OF}
    needed = [
        row
        for row in read(ROOT / "deepsound" / "weights" / "catalogue.json")["weights"]
        if values & set(row["engines"])
    ]
    for row in needed:
        licence = {
            "apple-amlr": "Apple's research licence",
            "CC-BY-NC-4.0": "CC-BY-NC 4.0",
            "not stated": "licence is stated",
        }.get(row["licence"]["name"], row["licence"]["name"])
        assert licence in words, f"{row['id']} is under {licence}"
    assert needed or "Needs no weights" in words


@pytest.mark.parametrize("name", NAMES)
def test_every_note_speaks_chinese_too(name):
    for node in read(page_file(name))["nodes"]:
        if node["type"] == NOTE:
            words = node["widgets_values"][0]
            english = words.split(NOTE_PARTS)[0] if NOTE_PARTS in words else words.split(PARAGRAPH)[0]
            assert lacking(english) == []


def test_every_title_is_in_both_languages_and_no_file_system_refuses_it():
    for name in NAMES:
        english, chinese = TITLES[name]
        assert english.isascii() and any("\u4e00" <= letter <= "\u9fff" for letter in chinese), name
        assert not set('<>:"/\\|?*#%') & set(file_name(name)) and len(file_name(name).encode()) < 200


def boxes(rows: list[dict]) -> list[tuple]:
    return [
        (row["pos"][0], row["pos"][1] - TITLE_HEIGHT, row["pos"][0] + row["size"][0], row["pos"][1] + row["size"][1])
        for row in rows
    ]


def overlap(one: tuple, other: tuple) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_and_every_node_is_in_one_group(name):
    workflow = read(page_file(name))
    node_boxes = boxes(workflow["nodes"])
    frames = [
        (left, top, left + width, top + height)
        for left, top, width, height in (group["bounding"] for group in workflow["groups"])
    ]
    for rows in (node_boxes, frames):
        assert not any(overlap(one, other) for index, one in enumerate(rows) for other in rows[index + 1 :])
    for node in node_boxes:
        around = [frame for frame in frames if overlap(node, frame)]
        assert len(around) == 1
        left, top, right, bottom = around[0]
        assert left < node[0] and top < node[1] and node[2] < right and node[3] < bottom


@pytest.mark.parametrize("name", NAMES)
def test_a_node_with_the_comparison_has_room_for_it_before_the_run(name):
    """All steps of api_automation grew from 360 to 520 with its result, over the node beside it."""
    (least,) = re.findall(r"const LEAST_WIDTH = (\d+);", (ROOT / "web" / "compare.js").read_text(encoding="utf-8"))
    nodes = read(page_file(name))["nodes"]
    assert all(
        node["size"][0] >= int(least) for node in nodes if node["type"] in ("DeepSoundCompare", "DeepSoundPipeline")
    )


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_fixed_so_that_a_second_run_is_cached(schemas, name):
    for node in read(page_file(name))["nodes"]:
        if node["type"] != NOTE and "seed" in (names := widget_names(schemas[node["type"]])):
            assert node["widgets_values"][names.index("seed") + 1] == "fixed"

"""The shipped workflows: complete, in step with the nodes, and the same in both formats."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "workflows"
NAMES = ["offline_draft", "deepsound_s4_neg", "clean_existing_footage"]
WIDGET_TYPES = {"BOOLEAN", "COMBO", "FLOAT", "INT", "STRING"}
SEEDED = {"DeepSoundGenerateAudio", "DeepSoundMMAudioGenerate"}
NOTES = {"MarkdownNote", "Note"}
# The one core node used: it shows whatever is sent to it and has no widgets of its own that matter.
PREVIEW = SimpleNamespace(inputs=[SimpleNamespace(id="source", io_type="*", keywords={})], outputs=[])


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def schemas(nodes):
    return {**{node_id: node.define_schema() for node_id, node in nodes.items()}, "PreviewAny": PREVIEW}


def is_widget(item) -> bool:
    return item.io_type in WIDGET_TYPES and not item.keywords.get("force_input")


def widget_names(schema) -> list:
    """The widgets of a card as the page keeps their values: a seed brings a control, an upload button comes last."""
    names = []
    for item in filter(is_widget, schema.inputs):
        names += [item.id] + [None] * bool(item.keywords.get("control_after_generate"))
    return names + [None] * any(item.keywords.get("upload") for item in schema.inputs)


def to_api(workflow: dict, schemas: dict) -> dict:
    """What the page would send for a workflow."""
    links = {link[0]: link for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in NOTES:
            continue
        names = widget_names(schemas[node["type"]])
        inputs = {name: value for name, value in zip(names, node["widgets_values"], strict=True) if name}
        inputs |= {item["name"]: [str(links[item["link"]][1]), links[item["link"]][2]]
                   for item in node["inputs"] if item["link"] is not None}
        prompt[str(node["id"])] = {"inputs": inputs, "class_type": node["type"], "_meta": {"title": node["title"]}}
    return prompt


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_say_the_same(schemas, name):
    assert read(FOLDER / "api" / f"{name}.json") == to_api(read(FOLDER / f"{name}.json"), schemas)


def test_every_workflow_has_both_formats():
    assert {path.name for path in FOLDER.glob("*.json")} == {path.name for path in (FOLDER / "api").glob("*.json")}
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_links_join_sockets_that_exist_and_fit(schemas, name):
    workflow = read(FOLDER / f"{name}.json")
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for link_id, source, output, target, slot, kind in workflow["links"]:
        assert link_id in nodes[source]["outputs"][output]["links"] and nodes[target]["inputs"][slot]["link"] == link_id
        made = schemas[nodes[source]["type"]].outputs[output]
        taken = next(item for item in schemas[nodes[target]["type"]].inputs
                     if item.id == nodes[target]["inputs"][slot]["name"])
        assert made.io_type == kind and taken.io_type in (kind, "*")


@pytest.mark.parametrize("name", NAMES)
def test_every_required_input_is_there(schemas, name):
    for node in read(FOLDER / "api" / f"{name}.json").values():
        required = {item.id for item in schemas[node["class_type"]].inputs if not item.keywords.get("optional")}
        assert required <= set(node["inputs"]), node["_meta"]["title"]


@pytest.mark.parametrize("name", NAMES)
def test_menu_values_are_on_the_menu(schemas, name):
    for node in read(FOLDER / "api" / f"{name}.json").values():
        for item in schemas[node["class_type"]].inputs:
            if item.io_type == "COMBO" and item.id != "file":
                assert node["inputs"][item.id] in item.options


@pytest.mark.parametrize("name", NAMES)
def test_it_explains_itself_and_nothing_overlaps(name):
    workflow = read(FOLDER / f"{name}.json")
    assert any(node["type"] in NOTES for node in workflow["nodes"])
    boxes = [(*node["pos"], node["pos"][0] + node["size"][0], node["pos"][1] + node["size"][1])
             for node in workflow["nodes"]]
    for index, (left, top, right, bottom) in enumerate(boxes):
        for other_left, other_top, other_right, other_bottom in boxes[index + 1:]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_is_fixed_so_that_a_second_run_is_cached(schemas, name):
    for node in read(FOLDER / f"{name}.json")["nodes"]:
        if node["type"] in SEEDED:
            assert node["widgets_values"][4] == "fixed"

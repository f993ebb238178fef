"""Tests of the subgraph blueprints: drawn from the workflows, whole, joined inside."""

import json
import os
from pathlib import Path

import pytest

from scripts.workflows.blueprints import BLUEPRINTS, IN, OUT, blueprint
from scripts.workflows.titles import file_name

ROOT = Path(__file__).parents[2]


def files_of(name):
    page = ROOT / "workflows" / f"{file_name(BLUEPRINTS[name].workflow)}.json"
    return ROOT / "subgraphs" / f"{name}.json", json.loads(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", list(BLUEPRINTS))
def test_the_file_is_drawn_from_its_workflow(name):
    path, page = files_of(name)
    drawn = json.dumps(blueprint(name, page), ensure_ascii=False, indent=1) + "\n"
    if os.environ.get("DEEPSOUND_WRITE_WORKFLOWS"):
        path.write_text(drawn, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == drawn, "run scripts/draw_workflows and read the difference"


@pytest.mark.parametrize("name", list(BLUEPRINTS))
def test_every_link_joins_sockets_that_know_it(name):
    path, _ = files_of(name)
    (inner,) = json.loads(path.read_text(encoding="utf-8"))["definitions"]["subgraphs"]
    nodes = {node["id"]: node for node in inner["nodes"]}
    for link in inner["links"]:
        number, origin, target = link["id"], link["origin_id"], link["target_id"]
        given = (
            inner["inputs"][link["origin_slot"]]["linkIds"]
            if origin == IN
            else (nodes[origin]["outputs"][link["origin_slot"]]["links"])
        )
        taken = (
            inner["outputs"][link["target_slot"]]["linkIds"]
            if target == OUT
            else ([nodes[target]["inputs"][link["target_slot"]]["link"]])
        )
        assert number in given and number in taken
    names = [output["name"] for output in inner["outputs"]]
    assert names and len(set(names)) == len(names)
    assert len({row["name"] for row in inner["inputs"]}) == len(inner["inputs"]) > 0
    joined = {link["id"] for link in inner["links"]}
    assert all(row["link"] in (None, *joined) for node in nodes.values() for row in node["inputs"])


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("four steps (s4, neg)", ["video"], ["audio"]),
        ("step 1, generate", ["video"], ["audio"]),
        ("step 2, judge", ["video", "audio"], ["voice_over", "reasoning", "segments"]),
        ("step 3, separate", ["audio", "spans"], ["background", "voice"]),
        ("step 4, fall back", ["video", "coarse", "background", "voice_over", "spans"], ["audio", "chosen"]),
    ],
)
def test_a_blueprint_takes_and_gives_what_its_step_does(name, inputs, outputs):
    path, _ = files_of(f"DeepSound, {name}")
    (outer,) = json.loads(path.read_text(encoding="utf-8"))["nodes"]
    assert {row["name"] for row in outer["inputs"]} == set(inputs)
    assert [row["name"] for row in outer["outputs"]][: len(outputs)] == outputs


@pytest.mark.parametrize("name", list(BLUEPRINTS))
def test_the_widgets_that_a_blueprint_shows_are_inputs_of_its_nodes(nodes, name):
    drawn = json.loads(files_of(name)[0].read_text(encoding="utf-8"))
    inner = {str(node["id"]): node["type"] for node in drawn["definitions"]["subgraphs"][0]["nodes"]}
    shown = drawn["nodes"][0]["properties"]["proxyWidgets"]
    assert shown
    for number, widget in shown:
        assert widget in {row.id for row in nodes[inner[number]].define_schema().inputs}

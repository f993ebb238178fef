"""Page test of the subgraph blueprints: listed by cores that list them, and they run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.comfy.pages import RUN, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]

NAME = "DeepSound, four steps without download"
FILE = Path(__file__).parents[2] / "subgraphs" / f"{NAME}.json"
JOIN = """() => {
    const steps = app.graph._nodes[0];
    const [load, save] = ['DeepSoundLoadVideo', 'DeepSoundMuxVideo'].map(kind => {
        const node = LiteGraph.createNode(kind); app.graph.add(node); return node; });
    load.widgets.find(widget => widget.name === 'file').value = 'blueprint.mp4';
    load.connect(0, steps, 0); load.connect(0, save, 0); steps.connect(0, save, 1);
    return [steps.inputs[0].name, steps.outputs.map(output => output.name)]; }"""


def test_the_four_steps_are_one_node_that_runs(server, browser, make_video):
    shutil.copy(make_video("blueprint.mp4", size=(160, 96), fps=25, seconds=1.5), server.base / "input")
    status, listed = server.ask("/global_subgraphs")
    if status == 200:  # Older cores list none.
        assert NAME in {entry["name"] for entry in listed.values()}
    with ready_page(browser, server, 1400, 1000) as page:
        page.wait_for_function("() => app.graph._nodes.length", timeout=30_000)
        page.evaluate("graph => app.loadGraphData(graph)", json.loads(FILE.read_text(encoding="utf-8")))
        page.wait_for_function("() => app.graph._nodes.length === 1 && app.graph._nodes[0].subgraph", timeout=30_000)
        name, outputs = page.evaluate(JOIN)
        assert name == "video" and outputs == ["audio", "chosen", "coarse"]
        ending, detail = page.evaluate(RUN)
        assert ending == "execution_success", detail

"""Page tests of the subgraph blueprints and of the workflows' app mode: opened and run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import RUN, open_workflow, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]

FOLDER = Path(__file__).parents[2] / "subgraphs"
WHOLE = "DeepSound, four steps without download"
STEPS = ["step 1, generate", "step 2, judge", "step 3, separate", "step 4, fall back"]
JOIN = """() => {
    const steps = app.graph._nodes[0];
    const [load, save] = ['DeepSoundLoadVideo', 'DeepSoundMuxVideo'].map(kind => {
        const node = LiteGraph.createNode(kind); app.graph.add(node); return node; });
    load.widgets.find(widget => widget.name === 'file').value = 'blueprint.mp4';
    load.connect(0, steps, 0); load.connect(0, save, 0); steps.connect(0, save, 1);
    return [steps.inputs[0].name, steps.outputs.map(output => output.name)]; }"""
# Video and sound of a file into a step's inputs of those types, and a preview on each output.
TRY = """() => {
    const step = app.graph._nodes[0];
    const add = kind => { const node = LiteGraph.createNode(kind); app.graph.add(node); return node; };
    const load = add('DeepSoundLoadVideo');
    load.widgets.find(widget => widget.name === 'file').value = 'blueprint.mp4';
    step.inputs.forEach((input, place) => {
        const slot = ['VIDEO', 'AUDIO'].indexOf(String(input.type).split(',')[0]);
        if (slot >= 0) load.connect(slot, step, place); });
    step.outputs.forEach((output, place) => step.connect(place, add('PreviewAny'), 0));
    return (step.widgets ?? []).map(widget => widget.name); }"""
VERDICT = """() => [...app.graph.subgraphs.values()].flatMap(inner => inner.nodes)
    .find(node => node.type === 'DeepSoundVoiceOverCoT')?.widgets
    .find(widget => widget.name === 'deepsound_reasons')?.element.innerText.includes('No voice-over')"""
HAS_APP_MODE = "() => app.extensionManager.command.commands.some(command => command.id === 'Comfy.ToggleLinear')"


@pytest.fixture(autouse=True)
def clip(server, make_video, tone) -> None:
    made = make_video("blueprint.mp4", size=(160, 96), fps=25, seconds=1.5, audio=tone(seconds=1.5))
    shutil.copy(made, server.base / "input")


@pytest.fixture
def page(server, browser) -> Iterator[Any]:
    """A page for each test: one that has run subgraphs does not show a workflow as an app."""
    with ready_page(browser, server, 1400, 1000) as page:
        yield page


def open_blueprint(page: Any, name: str) -> dict[str, Any]:
    drawn = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    page.evaluate("graph => app.loadGraphData(graph)", drawn)
    page.wait_for_function("() => app.graph._nodes.length === 1 && app.graph._nodes[0].subgraph")
    return drawn


def test_the_four_steps_are_one_node_that_runs_and_a_page_just_opened_shows_the_verdict_inside(server, browser, page):
    status, listed = server.ask("/global_subgraphs")
    if status == 200:  # Older cores list none.
        assert {WHOLE, *(f"DeepSound, {step}" for step in STEPS)} <= {entry["name"] for entry in listed.values()}
    open_blueprint(page, WHOLE)
    name, outputs = page.evaluate(JOIN)
    assert name == "video" and outputs == ["audio", "chosen", "coarse"]
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    page.wait_for_function(VERDICT)
    saved = page.evaluate("() => (app.rootGraph ?? app.graph).serialize()")
    with ready_page(browser, server, 1400, 1000) as fresh:
        fresh.evaluate("graph => app.loadGraphData(graph)", saved)
        fresh.wait_for_function(VERDICT)
        # Two tabs with one workflow: a run in one leaves the other as it was.
        ending, detail = fresh.evaluate(RUN)
        assert ending == "execution_success", detail
        assert page.evaluate(VERDICT)


def test_each_step_is_a_node_that_shows_its_widgets_and_runs(server, page):
    if server.ask("/global_subgraphs")[0] != 200:
        pytest.skip("this core lists no blueprints, and its front end shows no widgets of a subgraph")
    for step in STEPS:
        drawn = open_blueprint(page, f"DeepSound, {step}")
        shown = page.evaluate(TRY)
        expected = [widget for _, widget in drawn["nodes"][0]["properties"]["proxyWidgets"]]
        assert [name for name in shown if name in expected] == expected, step
        ending, detail = page.evaluate(RUN)
        assert ending == "execution_success", (step, detail.get("exception_message"), detail.get("traceback"))


def test_the_finished_tool_opens_as_an_app_where_the_front_end_has_app_mode(page):
    workflow = open_workflow(page, "api_automation")
    chosen = workflow["extra"]["linearData"]
    by_id = "id => app.graph.getNodeById(id)?.widgets?.map(widget => widget.name)"
    for number, widget in chosen["inputs"]:
        assert widget in page.evaluate(by_id, number)
    assert page.evaluate("() => app.graph.serialize().extra.linearData.inputs.length") == len(chosen["inputs"])
    if page.evaluate(HAS_APP_MODE):
        page.evaluate("() => app.extensionManager.command.execute('Comfy.ToggleLinear')")
        form = page.locator("[data-testid=linear-widgets]")
        form.wait_for()
        text = form.inner_text()
        assert all(widget in text for _, widget in chosen["inputs"]), text

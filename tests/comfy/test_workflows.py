"""Tests of the shipped workflows on ComfyUI's page: complete, no overlaps, the draft runs.

Another front end than the core's own is tested by unpacking the package comfyui-frontend-package and naming its folder:
`COMFYUI_ARGUMENTS="--front-end-root UNPACKED/comfyui_frontend_package/static" scripts/test tests/comfy`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from scripts.workflows import DESCRIPTIONS
from scripts.workflows.titles import file_name
from tests.comfy.conftest import PACK_FOLDER
from tests.comfy.pages import (
    FOLDER,
    PLAYERS,
    WHOLE_VIEW,
    open_workflow,
    ready_page,
    steady,
    wait_for_graph,
    wait_for_start,
)

pytestmark = [pytest.mark.comfy, pytest.mark.page]

NODES_2 = "Comfy.VueNodes.Enabled"
# Left, top, right and bottom of every node with its title, as the page lays it out.
BOXES = """() => app.graph._nodes.map(({id, pos, size}) =>
    [String(id), pos[0], pos[1] - LiteGraph.NODE_TITLE_HEIGHT, pos[0] + size[0], pos[1] + size[1]])"""
DRAWN_BY_VUE = """() => [...document.querySelectorAll('[data-node-id]')].map(element => {
    const {left, top, right, bottom} = element.getBoundingClientRect();
    return [element.dataset.nodeId, left, top, right, bottom]; })"""
WRONG = """() => [
    ...app.graph._nodes.filter(node => !LiteGraph.registered_node_types[node.type] || node.has_errors)
        .map(node => `node ${node.type}`),
    ...app.graph._nodes.flatMap(node => (node.inputs ?? []).filter(input => input.link != null).map(input => {
        const link = app.graph.links.get?.(input.link) ?? app.graph.links[input.link];
        const from = link && app.graph.getNodeById(link.origin_id)?.outputs[link.origin_slot];
        const taken = String(input.type).split(','); // An input may take several types.
        return from && (taken.includes(from.type) || input.type === '*') ? '' : `link into ${node.title}`;
    })).filter(Boolean),
    ...[...document.querySelectorAll('[role=dialog], .p-toast-message-error')].map(element => element.textContent)]"""
ENDED = """new Promise(resolve => {
    for (const ending of ['execution_success', 'execution_error', 'execution_interrupted'])
        app.api.addEventListener(ending, event => resolve([ending, event.detail]));
    setTimeout(() => resolve(['no ending within five minutes', JSON.stringify(app.lastNodeErrors)]), 300_000);
})"""
# Lies over the page while a graph is loaded; one that is loaded too soon after another leaves it there for good.
VEIL = ".p-blockui-mask"
PLAYED = """async () => {
    const video = [...document.querySelectorAll('video')].find(video => video.src.includes('type=output'));
    video.muted = true;
    await video.play();
    while (video.currentTime < 0.2) await new Promise(resolve => setTimeout(resolve, 50));
    return video.duration;
}"""


@pytest.fixture(scope="module", params=["canvas", "nodes 2.0"])
def desk(request, server, browser) -> Iterator[Any]:
    """One page for all workflows; errors that name the pack fail the last test on it."""
    with ready_page(browser, server, 1920, 1080, expected="404") as page:
        if request.param != "canvas":
            major, minor = map(int, page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__").split(".")[:2])
            if (major, minor) < (1, 30):
                pytest.skip("Nodes 2.0 of this front end is an early preview, which draws no notes and no words")
            page.evaluate("id => app.extensionManager.setting.set(id, true)", NODES_2)
            page.reload()
            wait_for_start(page)
        page.wait_for_selector(VEIL, state="detached")
        page.renderer = request.param
        yield page


def opened(desk: Any, name: str) -> dict[str, Any]:
    workflow = open_workflow(desk, name)
    desk.wait_for_selector(VEIL, state="detached")
    return workflow


def overlapping(boxes: list[list[Any]]) -> list[tuple[str, str]]:
    return [
        (one[0], other[0])
        for index, one in enumerate(boxes)
        for other in boxes[index + 1 :]
        if one[1] < other[3] and other[1] < one[3] and one[2] < other[4] and other[2] < one[4]
    ]


def test_the_draft_runs_from_a_click_to_a_video_that_plays(server, desk):
    opened(desk, "offline_draft")
    desk.evaluate(WHOLE_VIEW)
    desk.evaluate(f"() => {{ window.ended = {ENDED}; }}")
    desk.locator('button[data-testid="queue-button"], [data-testid="queue-button"] button').first.click()
    ending, detail = desk.evaluate("() => window.ended")
    assert ending == "execution_success", detail
    desk.wait_for_function(f"() => ({PLAYERS})().some(player => player[1])")
    assert desk.evaluate(PLAYERS)[0] == ["", True, 640]
    assert desk.evaluate(PLAYED) == pytest.approx(6.4, abs=0.1)
    if folder := os.environ.get("DEEPSOUND_SCREENSHOTS"):
        desk.screenshot(path=str(Path(folder) / f"offline_draft_{server.core.name}_{desk.renderer}.png"))


@pytest.mark.parametrize("name", list(DESCRIPTIONS))
def test_it_opens_whole_and_means_what_its_api_file_says(desk, name):
    workflow = opened(desk, name)
    assert desk.evaluate(WRONG) == []
    prompt = desk.evaluate("async () => (await app.graphToPrompt()).output")
    expected = json.loads((FOLDER / "api" / f"{name}.json").read_text(encoding="utf-8"))
    assert set(prompt) == set(expected)
    for node_id, node in expected.items():
        assert prompt[node_id]["class_type"] == node["class_type"]
        sent = {key: value for key, value in prompt[node_id]["inputs"].items() if key in node["inputs"]}
        assert sent == node["inputs"], node["_meta"]["title"]
    assert overlapping(desk.evaluate(BOXES)) == []
    if desk.renderer != "canvas":
        desk.evaluate(WHOLE_VIEW)
        desk.wait_for_function(f"count => ({DRAWN_BY_VUE})().length === count", arg=len(workflow["nodes"]))
        assert overlapping(steady(desk, lambda: desk.evaluate(DRAWN_BY_VUE))) == []


# The nodes that reach out of every frame, once the picture that a node loads is there.
HAS_PICTURE = """() => app.graph._nodes.some(node => node.type === 'LoadImage'
    && (node.imgs?.length || document.querySelector(`[data-node-id="${node.id}"] img`)?.naturalWidth))"""
UNFRAMED = """() => app.graph._nodes.filter(({pos, size}) => !app.graph._groups.some(frame =>
    pos[0] >= frame.pos[0] && pos[0] + size[0] <= frame.pos[0] + frame.size[0]
    && pos[1] >= frame.pos[1] && pos[1] + size[1] <= frame.pos[1] + frame.size[1])).map(node => node.title)"""


def test_a_picture_that_a_template_loads_does_not_push_its_node_out_of_the_frame(desk):
    opened(desk, "image_to_sound")
    desk.wait_for_function(HAS_PICTURE)
    assert steady(desk, lambda: desk.evaluate(UNFRAMED), lambda found: True) == []


def test_the_template_browser_lists_and_opens_them(server, desk):
    names = list(map(file_name, DESCRIPTIONS))
    for name in names:
        assert server.ask(f"/api/workflow_templates/{PACK_FOLDER}/{quote(name)}.json")[0] == 200
    desk.evaluate("() => app.graph.clear()")
    desk.evaluate("() => app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    desk.get_by_text(PACK_FOLDER, exact=True).first.click()
    # What is further down is only drawn when it is scrolled to.
    desk.wait_for_function("""() => [...document.querySelectorAll('[role=dialog] img')]
        .filter(image => image.naturalWidth === 512 && image.naturalHeight === 512).length >= 8""")
    shown = [text for text in desk.locator("[role=dialog]").all_inner_texts()[0].splitlines() if text in names]
    assert len(shown) >= 8 and shown == sorted(shown), "numbered, in their order"
    desk.get_by_text(shown[0], exact=True).first.click()
    wait_for_graph(desk, json.loads((FOLDER / f"{shown[0]}.json").read_text(encoding="utf-8")))

"""Driver of ComfyUI's page in a headless browser: opens and runs workflows."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.workflows.titles import file_name

FOLDER = Path(__file__).parents[2] / "workflows"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY = """() => window.app?.graph && window.app.canvas && window.app.extensionManager
    && window.LiteGraph?.registered_node_types["DeepSoundMuxVideo"]"""
RENDERER = "() => app.ui.settings.getSettingValue('Comfy.VueNodes.Enabled') ? 'Nodes 2.0' : 'classic'"
DROP = """text => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'workflow.json', {type: 'application/json'}));
    document.querySelector('#graph-canvas').dispatchEvent(
        new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""
RUN = """() => new Promise(resolve => {
    for (const ending of ['execution_success', 'execution_error', 'execution_interrupted'])
        app.api.addEventListener(ending, event => resolve([ending, event.detail]));
    // A prompt that the server refuses has no ending.
    setTimeout(() => resolve(['no ending within three minutes', JSON.stringify(app.lastNodeErrors)]), 180_000);
    app.queuePrompt(0, 1);
})"""
# What lies outside the window has no players.
WHOLE_VIEW = """() => {
    app.canvas.ds.scale = 0.3;
    app.canvas.ds.offset = [200, 300];
    app.canvas.setDirty(true, true);
}"""
PLAYERS = """() => [...document.querySelectorAll('video')].filter(video => video.src.includes('type=output'))
    .map(video => [video.error?.message ?? '', Number.isFinite(video.duration), video.videoWidth])"""


@contextmanager
def ready_page(browser: Any, server: Any, width: int, height: int, expected: str = "") -> Iterator[Any]:
    """The page of a server, ready to work; errors that name the pack fail the test that leaves it.

    Those that hold `expected` are meant to be: the browser reports each request that a test has refused.
    """
    page = browser.new_page(viewport={"width": width, "height": height})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    page.goto(server.url)
    page.wait_for_function(READY, timeout=60_000)
    assert page.evaluate(RENDERER) == "classic", "an earlier test left Nodes 2.0 on: the server keeps that setting"
    yield page
    page.close()
    unexpected = [error for error in errors if not expected or expected not in error]
    assert not [error for error in unexpected if "deepsound" in error.lower()]


def open_workflow(page: Any, name: str, file: str | None = None) -> dict[str, Any]:
    workflow = json.loads((FOLDER / f"{file_name(name)}.json").read_text(encoding="utf-8"))
    if file:
        workflow["nodes"][0]["widgets_values"][0] = file
    page.evaluate(DROP, json.dumps(workflow))
    wait_for_graph(page, workflow)
    return workflow


def wait_for_graph(page: Any, workflow: dict[str, Any]) -> None:
    """Until the page shows just these nodes, joined: the graph it starts with may have as many."""
    page.wait_for_function(
        """({nodes, links}) => app.graph._nodes.length === nodes.length
        && nodes.every(([id, type]) => app.graph.getNodeById(id)?.type === type)
        && app.graph._nodes.flatMap(node => node.inputs ?? []).filter(input => input.link != null).length === links""",
        arg={"nodes": [[node["id"], node["type"]] for node in workflow["nodes"]], "links": len(workflow["links"])},
        timeout=30_000,
    )

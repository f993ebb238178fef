"""Driver of ComfyUI's page in a headless browser: opens and runs workflows."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.workflows.titles import file_name
from tests.waiting import LIMIT_S

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
    setTimeout(() => resolve(['no ending within five minutes', JSON.stringify(app.lastNodeErrors)]), 300_000);
    app.queuePrompt(0, 1);
})"""
# What the server keeps of a page's settings, as every test finds it.
SETTINGS = {"Comfy.VueNodes.Enabled": False, "Comfy.ColorPalette": "dark"}
# Two frames, after which what was set before them is on the screen.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# What lies outside the window has no players.
WHOLE_VIEW = """() => {
    app.canvas.ds.scale = 0.3;
    app.canvas.ds.offset = [200, 300];
    app.canvas.setDirty(true, true);
}"""
PLAYERS = """() => [...document.querySelectorAll('video')].filter(video => video.src.includes('type=output'))
    .map(video => [video.error?.message ?? '', Number.isFinite(video.duration), video.videoWidth])"""


# The front end masks the page while it starts and takes the mask away at the end of an animation, which a fast start
# may never give it: the mask then lies over everything for good.
UNMASKED = """setInterval(() => {
    document.querySelectorAll('.p-blockui-mask.p-overlay-mask-leave').forEach(mask => mask.remove()); }, 500)"""
# It gives a video twice 8192 ms to load and then never shows it: too short for a busy machine.
PATIENT = f"""{{ const later = window.setTimeout;
    window.setTimeout = (work, ms, ...more) => later(work, ms === 8192 ? {LIMIT_S * 500} : ms, ...more); }}"""


@contextmanager
def ready_page(
    browser: Any, server: Any, width: int, height: int, expected: str = "", patient: bool = True
) -> Iterator[Any]:
    """The page of a server, ready to work; errors that name the pack fail the test that leaves it.

    Those that hold `expected` are meant to be: the browser reports each request that a test has refused. A page that
    is not `patient` gives a video up as soon as ComfyUI's front end does.
    """
    for name, value in SETTINGS.items():
        server.ask(f"/settings/{name}", value)
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(LIMIT_S * 1000)
    page.add_init_script(UNMASKED)
    if patient:
        page.add_init_script(PATIENT)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    page.goto(server.url)
    wait_for_start(page)
    assert page.evaluate(RENDERER) == "classic"
    try:
        yield page
    finally:
        page.close()
    unexpected = [error for error in errors if not expected or expected not in error]
    assert not [error for error in unexpected if "deepsound" in error.lower()]


def wait_for_start(page: Any) -> None:
    """Until a page that was opened has put up its first graph, which would take the place of a test's."""
    page.wait_for_function(READY)
    page.wait_for_function("() => app.graph._nodes.length > 0")


def steady(page: Any, read: Callable[[], Any], holds: Callable[[Any], bool] = bool) -> Any:
    """What `read()` gives once it holds and stays the same for six times two frames.

    A run that has just ended moves what the page shows, and a busy machine draws it late.
    """
    before, found, rests = None, None, 0
    for _ in range(LIMIT_S * 10):
        page.evaluate(DRAWN)
        before, found = found, read()
        rests = rests + 1 if found == before and holds(found) else 0
        if rests == 6:
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"the page did not come to rest: {before}, {found}")


def becomes(page: Any, read: Callable[[], Any], expected: Any) -> Any:
    """What `read()` gives once it equals `expected`; else, after a while, what it gives then."""
    for _ in range(200):
        if (found := read()) == expected:
            break
        page.wait_for_timeout(50)
    return found


def steady_box(page: Any, locator: Any, inside: str, across: float = 0.5, down: float = 0.5) -> dict[str, float]:
    """Where an element is, at rest, once a pointer at these shares of its box meets what `inside` selects."""
    meets = "([x, y, inside]) => Boolean(document.elementFromPoint(x, y)?.closest(inside))"

    def is_met(box: dict[str, float] | None) -> bool:
        if not box:
            return False
        point = [box["x"] + box["width"] * across, box["y"] + box["height"] * down]
        return bool(page.evaluate(meets, [*point, inside]))

    return steady(page, locator.bounding_box, is_met)


def open_workflow(page: Any, name: str, file: str | None = None) -> dict[str, Any]:
    workflow = json.loads((FOLDER / f"{file_name(name)}.json").read_text(encoding="utf-8"))
    if file:
        workflow["nodes"][0]["widgets_values"][0] = file
    page.evaluate(DROP, json.dumps(workflow))
    wait_for_graph(page, workflow)
    return workflow


def wait_for_graph(page: Any, workflow: dict[str, Any]) -> None:
    """Until the page shows just these nodes, joined: the graph it starts with may have as many.

    The graph is there before its tab: what is switched for the workflow until then is switched for the one before it.
    """
    page.wait_for_function(
        """({nodes, links}) => app.graph._nodes.length === nodes.length
        && nodes.every(([id, type]) => app.graph.getNodeById(id)?.type === type)
        && (tab => tab?.length === nodes.length && nodes.every(([id, type]) =>
            tab.some(node => node.id === id && node.type === type)))(
            app.extensionManager.workflow.activeWorkflow?.activeState?.nodes)
        && app.graph._nodes.flatMap(node => node.inputs ?? []).filter(input => input.link != null).length === links""",
        arg={"nodes": [[node["id"], node["type"]] for node in workflow["nodes"]], "links": len(workflow["links"])},
    )

"""ComfyUI's page in a headless browser: the workflows open, run, and show what they should."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import DROP, PLAYERS, RUN, WHOLE_VIEW, open_workflow, ready_page, wait_for_graph

pytestmark = [pytest.mark.comfy, pytest.mark.page]


@pytest.fixture
def page(server, browser) -> Iterator[Any]:
    """The page of a server, ready to work; errors that name the pack fail the test."""
    with ready_page(browser, server, 1600, 1000) as page:
        yield page


def test_a_run_from_the_page_shows_video_and_reasons(server, page, make_video, tone):
    shutil.copy(make_video("page.mp4", size=(320, 240), seconds=2.0, audio=tone(seconds=2.0)), server.base / "input")
    open_workflow(page, "clean_existing_footage", "page.mp4")
    page.evaluate("""() => { app.graph.getNodeById(2).widgets.find(w => w.name === 'engine').value = 'says_yes';
        app.graph.getNodeById(3).widgets.find(w => w.name === 'engine').value = 'leaves_half'; }""")
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    page.wait_for_function(f"() => ({PLAYERS})().some(player => player[1])")
    assert page.evaluate(PLAYERS)[0] == ["", True, 320]
    reasons = page.evaluate("() => app.graph.getNodeById(2).widgets.find(w => w.name === 'deepsound_reasons').element")
    assert reasons is not None
    text = page.evaluate("""() => app.graph.getNodeById(2).widgets.find(w => w.name === 'deepsound_reasons')
        .element.innerHTML""")
    assert "Voice-over (Yes)" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text, "what an engine wrote must be shown as text, never as markup"


def test_dropping_a_saved_video_opens_its_workflow_again(server, page, make_video, tone):
    shutil.copy(make_video("drop.mp4", seconds=1.0, audio=tone()), server.base / "input")
    workflow = open_workflow(page, "clean_existing_footage", "drop.mp4")
    page.evaluate("() => { app.graph.getNodeById(2).widgets.find(w => w.name === 'engine').value = 'says_no'; }")
    assert page.evaluate(RUN)[0] == "execution_success"
    saved = max((server.base / "output" / "DeepSound").glob("clean_*.mp4"), key=lambda path: path.stat().st_mtime_ns)
    page.evaluate("() => app.graph.clear()")
    page.evaluate(
        DROP.replace("'workflow.json', {type: 'application/json'}", "'saved.mp4', {type: 'video/mp4'}").replace(
            "[text]", "[Uint8Array.from(text)]"
        ),
        list(saved.read_bytes()),
    )
    wait_for_graph(page, workflow)
    assert page.evaluate("() => app.graph.getNodeById(2).widgets.find(w => w.name === 'engine').value") == "says_no"


def test_mmaudio_runs_from_the_page_to_a_video_that_plays(server, page, make_video, tone):
    shutil.copy(make_video("mmaudio.mp4", size=(320, 240), fps=25, seconds=1.2), server.base / "input")
    open_workflow(page, "deepsound_s4_neg", "mmaudio.mp4")
    page.evaluate(WHOLE_VIEW)
    page.evaluate("""() => { for (const id of [2, 3]) {
        const widgets = app.graph.getNodeById(id).widgets;
        widgets.find(w => w.name === 'variant').value = 'mmaudio_small_16k';
        widgets.find(w => w.name === 'steps').value = 2; }
        for (const [id, engine] of [[4, 'says_yes'], [7, 'leaves_half']])
            app.graph.getNodeById(id).widgets.find(w => w.name === 'engine').value = engine; }""")
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    page.wait_for_function(f"() => ({PLAYERS})().some(player => player[1])")
    assert page.evaluate(PLAYERS)[0] == ["", True, 320]
    if folder := os.environ.get("DEEPSOUND_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"deepsound_s4_neg_{server.core.name}.png"))

"""Best Take on ComfyUI's page: every take is listed and can be played, and a star overrules."""

from __future__ import annotations

import shutil

import pytest

from tests.comfy.pages import RUN, open_workflow, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]

NODE = "app.graph.nodes.find(node => node.comfyClass === 'DeepSoundBestTake')"
PANEL = f"{NODE}.widgets.find(widget => widget.name === 'deepsound_takes').element"


def test_a_star_on_the_page_overrules_the_ranking(server, browser, make_video):
    shutil.copy(make_video("takes.mp4", seconds=1.0), server.base / "input")
    with ready_page(browser, server, 1600, 1000) as page:
        open_workflow(page, "best_of_four", "takes.mp4")
        ending, detail = page.evaluate(RUN)
        assert ending == "execution_success", detail
        page.wait_for_function(f"() => {PANEL}.querySelectorAll('.deepsound-take').length === 4")
        assert page.evaluate(f"() => [...{PANEL}.querySelectorAll('button')].every(button => !button.disabled)")
        page.evaluate(f"() => {PANEL}.querySelectorAll('.deepsound-star')[2].click()")
        choice = f"() => {NODE}.widgets.find(widget => widget.name === 'choose').value"
        assert page.evaluate(choice) == 3
        ending, detail = page.evaluate(RUN)
        assert ending == "execution_success", detail
        chosen = f"() => {PANEL}.querySelectorAll('.deepsound-take')[2].style.background.includes('rgba')"
        page.wait_for_function(chosen)
        page.evaluate(f"() => {PANEL}.querySelectorAll('.deepsound-star')[2].click()")
        assert page.evaluate(choice) == 0

"""Tests of the node Pipeline on ComfyUI's page: judged, saved and played."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import DROP, PLAYERS, RUN, WHOLE_VIEW, ready_page, wait_for_graph

pytestmark = [pytest.mark.comfy, pytest.mark.page]

LOAD, ALL = 1, 2
# In the order of the node's widgets; a seed brings the control beside it.
VALUES = {
    "generator": "hum",
    "reasoner": "says_yes",
    "separator": "leaves_half",
    "mode": "s4",
    "fallback": "neg",
    "prompt": "",
    "negative_prompt": "",
    "seed": 7,
    "control": "fixed",
    "duration": 0.0,
    "download": False,
    "save": True,
}


def graph(file: str) -> dict[str, Any]:
    common = {"flags": {}, "mode": 0}
    return {
        "id": "2c6e5f0e-6a4b-4c1b-9d1a-5f3a7d1c2b93",
        "last_node_id": 2,
        "last_link_id": 1,
        "version": 0.4,
        "groups": [],
        "config": {},
        "extra": {},
        "links": [[1, LOAD, 0, ALL, 0, "VIDEO"]],
        "nodes": [
            {
                **common,
                "id": LOAD,
                "type": "DeepSoundLoadVideo",
                "pos": [0, 0],
                "size": [380, 560],
                "order": 0,
                "inputs": [],
                "outputs": [{"name": "video", "type": "VIDEO", "links": [1]}],
                "properties": {"Node name for S&R": "DeepSoundLoadVideo"},
                "widgets_values": [file, 0, 0, 0, "keep", "image"],
            },
            {
                **common,
                "id": ALL,
                "type": "DeepSoundPipeline",
                "pos": [440, 0],
                "size": [560, 1500],
                "order": 1,
                "inputs": [{"name": "video", "type": "VIDEO", "link": 1}],
                "outputs": [],
                "properties": {"Node name for S&R": "DeepSoundPipeline"},
                "widgets_values": list(VALUES.values()),
            },
        ],
    }


def test_the_pipeline_alone_makes_saves_and_plays_the_finished_video(server, browser, make_video, tone):
    """0.3.0's graph of these two nodes was refused: "Prompt has no outputs"."""
    clip = make_video("pipeline.mp4", size=(320, 180), fps=25, seconds=2.0, audio=tone(seconds=2.0))
    shutil.copy(clip, server.base / "input")
    workflow = graph("pipeline.mp4")
    with ready_page(browser, server, 1500, 1400) as page:
        page.evaluate(DROP, json.dumps(workflow))
        wait_for_graph(page, workflow)
        set_value = """([id, name, value]) => {
            app.graph.getNodeById(id).widgets.find(w => w.name === name).value = value; }"""
        page.evaluate(set_value, [ALL, "takes", 2])
        page.evaluate(set_value, [ALL, "filename_prefix", "alone/film"])
        page.evaluate("() => { app.canvas.ds.scale = 0.7; app.canvas.ds.offset = [40, 60]; }")
        ending, detail = page.evaluate(RUN)
        assert ending == "execution_success", detail
        page.evaluate(WHOLE_VIEW.replace("0.3", "0.6").replace("[200, 300]", "[40, 60]"))
        page.wait_for_function(f"() => ({PLAYERS})().some(player => player[1])")
        page.wait_for_function(
            "() => document.querySelector('.deepsound-compare')?.dataset.tracks === 'coarse final voice'"
        )
        assert page.locator(".deepsound-take").all_inner_texts() == ["Take 1", "Take 2"]
        sources = """() => [...document.querySelectorAll('.deepsound-compare audio')].map(sound => sound.src)"""
        first = page.evaluate(sources)
        page.evaluate("() => document.querySelectorAll('.deepsound-take')[1].click()")
        assert not set(first) & set(page.evaluate(sources)), "the button of a take chooses what is played too"
        assert page.locator(".deepsound-note").inner_text().startswith("alone/film_00001_.mp4")
        page.wait_for_function(
            """id => { const node = app.graph.getNodeById(id);
                return node.size[1] >= node.computeSize()[1] - 1
                    && node.widgets.some(w => w.name === 'video-preview'); }""",
            arg=ALL,
        )
        page.wait_for_timeout(500)
        folder = Path(os.environ.get("DEEPSOUND_SCREENSHOTS") or server.base)
        page.screenshot(path=str(folder / f"pipeline_alone_{server.core.name}.png"))
    saved = sorted(path.name for path in (server.base / "output" / "alone").iterdir())
    assert saved == ["film_00001_.mp4", "film_00002_.mp4"]

"""Spans on ComfyUI's page: dragged on the waveform, and obeyed by the next run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import RUN, open_workflow, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]

SECONDS = 4.0
NODE = "app.graph.nodes.find(node => node.comfyClass === '{}')"
VALUE = "([kind, name]) => app.graph.nodes.find(n => n.comfyClass === kind).widgets.find(w => w.name === name).value"
SET = """([kind, name, value]) => {
    app.graph.nodes.find(n => n.comfyClass === kind).widgets.find(w => w.name === name).value = value; }"""
# The node in the middle of the window, in its own size.
SHOW = """kind => { const node = app.graph.nodes.find(n => n.comfyClass === kind);
    app.canvas.ds.scale = 1;
    app.canvas.centerOnNode(node);
    app.canvas.setDirty(true, true); }"""
# Two frames, after which what was set before them is on the screen.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Whether a press at a point reaches the waveform, and not something that lies over it.
MEETS = "([x, y]) => Boolean(document.elementFromPoint(x, y)?.closest('.deepsound-spans'))"
SHOWN_SEGMENTS = """kind => { const node = app.graph.nodes.find(n => n.comfyClass === kind);
    const output = app.nodeOutputs[node.id].deepsound[0];
    return output.segments.map(each => [each.start_s, each.end_s, each.action]); }"""


class Waveform:
    """The waveform of one node on a page, operated by the mouse as a person would."""

    def __init__(self, page: Any, kind: str) -> None:
        self.page, self.kind = page, kind
        page.evaluate(SHOW, kind)
        self.area = page.locator(".deepsound-spans").locator("visible=true").first
        self.area.wait_for(timeout=60_000)

    def place(self, share: float) -> dict[str, float]:
        """Where the waveform is once it is drawn, at rest, and what a pointer meets at this share of its width.

        A run that has just ended moves it, and a busy machine draws the page late: a place is believed after whole
        frames alone.
        """
        before, box, rests = None, None, 0
        for _ in range(300):
            self.page.evaluate(DRAWN)
            before, box = box, self.area.bounding_box()
            at_rest = box is not None and box == before
            rests = rests + 1 if at_rest and self.page.evaluate(MEETS, self.point(box, share)) else 0
            if rests == 6:
                return box
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the waveform did not come to rest under the pointer: {before}, {box}")

    @staticmethod
    def point(box: dict[str, float], share: float) -> list[float]:
        return [box["x"] + box["width"] * share, box["y"] + box["height"] / 3]

    def drag(self, start_s: float, end_s: float) -> None:
        box = self.place(start_s / SECONDS)
        [from_x, y], [to_x, _] = (self.point(box, time_s / SECONDS) for time_s in (start_s, end_s))
        self.page.mouse.move(from_x, y)
        self.page.mouse.down()
        self.page.mouse.move((from_x + to_x) / 2, y, steps=4)
        self.page.mouse.move(to_x, y, steps=4)
        self.page.mouse.up()

    def spans(self) -> list[list[float]]:
        """What the drags wrote into the node's list."""
        text = self.page.evaluate(VALUE, [self.kind, "spans"])
        if text.startswith("["):
            return [[row["start_s"], row["end_s"]] for row in json.loads(text)]
        return [[float(edge) for edge in part.split("-")] for part in text.split(",")] if text else []


def near(spans: list[list[float]]) -> Any:
    """To a pixel and its rounding: the waveforms are at least 200 pixels wide."""
    return [pytest.approx(span, abs=2.5 * SECONDS / 200) for span in spans]


def run(page: Any) -> None:
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail


def test_spans_are_dragged_on_the_judges_panel_and_the_next_run_repairs_them(server, browser, make_video, tone):
    clip = make_video("spans.mp4", seconds=SECONDS, audio=tone(seconds=SECONDS))
    shutil.copy(clip, server.base / "input")
    judge, remover = "DeepSoundVoiceOverCoT", "DeepSoundVocalSeparate"
    with ready_page(browser, server, 1600, 1100) as page:
        open_workflow(page, "repair_segments", "spans.mp4")
        page.evaluate(SET, [judge, "engine", "says_no"])
        page.evaluate(SET, [remover, "engine", "leaves_half"])
        run(page)
        wave = Waveform(page, judge)
        wave.drag(0.5, 1.5)
        assert wave.spans() == near([[0.5, 1.5]]), "a drag over the empty waveform is a span"
        wave.drag(2.0, 3.0)
        wave.drag(1.0, 1.3)
        assert wave.spans() == near([[0.8, 1.8], [2.0, 3.0]]), "a drag on a span moves it"
        wave.drag(2.985, 3.5)
        assert wave.spans() == near([[0.8, 1.8], [2.0, 3.5]]), "a drag on its edge resizes it"
        wave.drag(2.5, 1.0)
        assert wave.spans() == near([[0.8, 1.8], [1.8, 3.3]]), "it stops at its neighbour"
        page.keyboard.press("Delete")
        assert wave.spans() == near([[0.8, 1.8]])
        folder = Path(os.environ.get("DEEPSOUND_SCREENSHOTS") or server.base)
        page.screenshot(path=str(folder / f"spans_{server.core.name}.png"))
        run(page)
        for kind, action in ((judge, ""), (remover, "")):
            [[start_s, end_s, done]] = page.evaluate(SHOWN_SEGMENTS, kind)
            assert [[start_s, end_s], done] == [near([[0.8, 1.8]])[0], action], kind
        judged = page.evaluate(SHOWN_SEGMENTS, "DeepSoundSilenceFallback")
        assert [each[2] for each in judged] == ["remove"], "the fallback tells what was done in the drawn span"
        page.evaluate(SHOW, remover)
        page.wait_for_timeout(600)
        assert page.evaluate(VALUE, [remover, "spans"]) == "", "where another node gives the list it is only shown"


def test_a_stretch_is_drawn_on_regenerate_span_and_made_anew(server, browser, make_video, tone):
    clip = make_video("anew.mp4", seconds=SECONDS, audio=tone(seconds=SECONDS))
    shutil.copy(clip, server.base / "input")
    kind = "DeepSoundRegenerateSpan"
    with ready_page(browser, server, 1600, 1100) as page:
        open_workflow(page, "regenerate_span", "anew.mp4")
        page.evaluate(SET, [kind, "engine", "hum"])
        page.evaluate(SET, [kind, "spans", ""])
        run(page)
        assert page.evaluate(SHOWN_SEGMENTS, kind) == [], "without a span the sound passes and can be drawn on"
        wave = Waveform(page, kind)
        wave.drag(1.0, 2.0)
        assert wave.spans() == near([[1.0, 2.0]])
        run(page)
        [[start_s, end_s, _]] = page.evaluate(SHOWN_SEGMENTS, kind)
        assert [start_s, end_s] == near([[1.0, 2.0]])[0]

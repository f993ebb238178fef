"""Spans on ComfyUI's page: dragged on the waveform, and obeyed by the next run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import RUN, becomes, open_workflow, ready_page, steady, steady_box

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
SHOWN_SEGMENTS = """kind => { const node = app.graph.nodes.find(n => n.comfyClass === kind);
    const output = app.nodeOutputs[node.id].deepsound[0];
    return output.segments.map(each => [each.start_s, each.end_s, each.action]); }"""

# Of each row of the node's spans that is seen: the widths of the row and of the reason, and the reason.
REASONS = """() => [...document.querySelectorAll('.deepsound-span-row')].filter(row => row.offsetWidth > 0).map(row => {
    const why = row.firstElementChild.lastElementChild;
    return [row.offsetWidth, why.offsetWidth, why.textContent]; })"""


class Waveform:
    """The waveform of one node on a page, operated by the mouse as a person would."""

    def __init__(self, page: Any, kind: str) -> None:
        self.page, self.kind = page, kind
        page.evaluate(SHOW, kind)
        self.area = page.locator(".deepsound-spans").locator("visible=true").first
        self.area.wait_for()

    def place(self, share: float) -> dict[str, float]:
        """Where the waveform is once it is drawn, at rest, and what a pointer meets at this share of its width."""
        return steady_box(self.page, self.area, ".deepsound-spans", across=share, down=1 / 3)

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

    def spans(self, expected: Any) -> list[list[float]]:
        """What the drags wrote into the node's list, once it is what is expected."""
        return becomes(self.page, self._spans, expected)

    def _spans(self) -> list[list[float]]:
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


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    """One page for all tests of a server; errors that name the pack fail the last of them."""
    with ready_page(browser, server, 1600, 1100) as page:
        yield page


def test_spans_are_dragged_on_the_judges_panel_and_the_next_run_repairs_them(server, page, make_video, tone):
    clip = make_video("spans.mp4", seconds=SECONDS, audio=tone(seconds=SECONDS))
    shutil.copy(clip, server.base / "input")
    judge, remover = "DeepSoundVoiceOverCoT", "DeepSoundVocalSeparate"
    open_workflow(page, "repair_segments", "spans.mp4")
    page.evaluate(SET, [judge, "engine", "says_no"])
    page.evaluate(SET, [remover, "engine", "leaves_half"])
    run(page)
    wave = Waveform(page, judge)
    wave.drag(0.5, 1.5)
    expected = near([[0.5, 1.5]])
    assert wave.spans(expected) == expected, "a drag over the empty waveform is a span"
    wave.drag(2.0, 3.0)
    wave.drag(1.0, 1.3)
    expected = near([[0.8, 1.8], [2.0, 3.0]])
    assert wave.spans(expected) == expected, "a drag on a span moves it"
    wave.drag(2.985, 3.5)
    expected = near([[0.8, 1.8], [2.0, 3.5]])
    assert wave.spans(expected) == expected, "a drag on its edge resizes it"
    wave.drag(2.5, 1.0)
    expected = near([[0.8, 1.8], [1.8, 3.3]])
    assert wave.spans(expected) == expected, "it stops at its neighbour"
    page.keyboard.press("Delete")
    expected = near([[0.8, 1.8]])
    assert wave.spans(expected) == expected
    folder = Path(os.environ.get("DEEPSOUND_SCREENSHOTS") or server.base)
    page.screenshot(path=str(folder / f"spans_{server.core.name}.png"))
    run(page)
    for kind, action in ((judge, ""), (remover, "")):
        [[start_s, end_s, done]] = page.evaluate(SHOWN_SEGMENTS, kind)
        assert [[start_s, end_s], done] == [near([[0.8, 1.8]])[0], action], kind
    judged = page.evaluate(SHOWN_SEGMENTS, "DeepSoundSilenceFallback")
    assert [each[2] for each in judged] == ["remove"], "the fallback tells what was done in the drawn span"
    page.evaluate(SHOW, remover)
    steady(page, page.locator(".deepsound-spans").locator("visible=true").first.bounding_box)
    assert page.evaluate(VALUE, [remover, "spans"]) == "", "where another node gives the list it is only shown"


def test_a_stretch_is_drawn_on_regenerate_span_and_made_anew(server, page, make_video, tone):
    clip = make_video("anew.mp4", seconds=SECONDS, audio=tone(seconds=SECONDS))
    shutil.copy(clip, server.base / "input")
    kind = "DeepSoundRegenerateSpan"
    open_workflow(page, "regenerate_span", "anew.mp4")
    page.evaluate(SET, [kind, "engine", "hum"])
    page.evaluate(SET, [kind, "spans", ""])
    run(page)
    assert page.evaluate(SHOWN_SEGMENTS, kind) == [], "without a span the sound passes and can be drawn on"
    wave = Waveform(page, kind)
    wave.drag(1.0, 2.0)
    expected = near([[1.0, 2.0]])
    assert wave.spans(expected) == expected
    run(page)
    [[start_s, end_s, _]] = page.evaluate(SHOWN_SEGMENTS, kind)
    assert [start_s, end_s] == near([[1.0, 2.0]])[0]


def test_a_reason_is_no_column_of_single_words_on_a_narrow_node(page):
    kind = "DeepSoundVocalSeparate"
    open_workflow(page, "regenerate_span")
    page.evaluate(
        """kind => { const node = LiteGraph.createNode(kind);
        app.graph.add(node);
        node.setSize([360, node.size[1]]);
        node.onExecuted({deepsound: [{ sound: { peaks: [0.1, 0.2], duration: 4 },
            segments: [{ start_s: 0.5, end_s: 2.25, action: 'remove', silence_ratio: 0.42,
                why: 'says '.repeat(20) }] }]});
        }""",
        kind,
    )
    page.evaluate(SHOW, kind)
    rows = steady(page, lambda: page.evaluate(REASONS))
    ((row, reason, text),) = rows
    assert text.startswith("says says")
    assert row > 250 and reason >= 150

"""Page test of a machine-made language: a node, its tooltip and its panel in French."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import ready_page, steady
from tests.comfy.test_tools_page import ELEMENT, build

pytestmark = [pytest.mark.comfy, pytest.mark.page]

MASTER = "DeepSoundMixMaster"
# Where the middle of a widget is on the screen.
PLACE = """name => {
    const node = app.graph.getNodeById(1);
    const widget = node.widgets.find(w => w.name === name);
    const {scale, offset} = app.canvas.ds;
    const {left, top} = app.canvas.canvas.getBoundingClientRect();
    return [left + (node.pos[0] + offset[0] + node.size[0] / 2) * scale,
            top + (node.pos[1] + offset[1] + (widget.y ?? widget.last_y) + 10) * scale];
}"""
TOOLTIP = "() => document.querySelector('.node-tooltip')?.innerText"


@pytest.fixture
def french(server, browser) -> Iterator[Any]:
    """The page in French; the server keeps the setting, so English is put back."""
    assert server.ask("/settings/Comfy.Locale", "fr")[0] == 200
    try:
        with ready_page(browser, server, 1500, 1100, expected="Failed to load resource") as page:
            yield page
    finally:
        server.ask("/settings/Comfy.Locale", "en")


def test_a_french_page_shows_a_node_its_tooltip_and_its_panel_in_french(server, french):
    """Tooltips and panels of the machine-made languages were English."""
    texts = json.loads((Path(__file__).parents[2] / "locales" / "fr" / "nodeDefs.json").read_text(encoding="utf-8"))
    build(french, [[1, MASTER, 0, 0, {}]])
    french.wait_for_function("() => app.graph.getNodeById(1).widgets.find(w => w.name === 'ducking_db').last_y > 0")
    assert french.evaluate("() => app.graph.getNodeById(1).title") == texts[MASTER]["display_name"]
    assert french.evaluate(f"() => ({ELEMENT})(1, 'deepsound_meters').innerText").startswith("La sonie avant et après")
    label = "() => app.graph.getNodeById(1).widgets.find(w => w.name === 'loudness').options.getOptionLabel?.('web')"
    french.wait_for_function(label)  # options get their labels once the node is made
    assert french.evaluate(label) == texts[MASTER]["inputs"]["loudness"]["options"]["web"]
    french.mouse.move(*steady(french, lambda: french.evaluate(PLACE, "ducking_db")), steps=3)
    french.wait_for_function(TOOLTIP)
    assert french.evaluate(TOOLTIP).strip() == texts[MASTER]["inputs"]["ducking_db"]["tooltip"]

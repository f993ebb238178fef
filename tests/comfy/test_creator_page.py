"""Graphs as creators change them on the page: steps switched off, nodes copied between runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.comfy.pages import RUN, becomes, open_workflow, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]
SWITCH = """mode => {
    for (const node of app.graph._nodes) if (node.type === 'DeepSoundVoiceOverCoT') node.mode = mode;
    return app.graphToPrompt().then(prompt => Object.values(prompt.output));
}"""

COPY_ALL = """() => {
    const nodes = [...app.graph._nodes];
    app.canvas.selectItems(nodes);
    app.canvas.copyToClipboard();
    app.canvas.pasteFromClipboard();
    app.graph._nodes.filter(node => nodes.includes(node)).forEach(node => app.graph.remove(node)); }"""
# What the status line of each node of the pack begins with.
SAID = """() => app.graph._nodes.filter(node => node.type.startsWith('DeepSound')).map(node =>
    [node.type, node.widgets.find(widget => widget.name === 'deepsound_status')?.element.textContent.slice(0, 6)])"""
VERDICT = """() => app.graph._nodes.find(node => node.type === 'DeepSoundVoiceOverCoT').widgets
    .find(widget => widget.name === 'deepsound_reasons').element.innerText.includes('Voice-over')"""


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    with ready_page(browser, server, 1500, 1000) as page:
        yield page


@pytest.mark.parametrize("mode", [2, 4], ids=["muted", "bypassed"])
def test_a_judge_that_is_switched_off_leaves_a_graph_that_runs(page, mode):
    open_workflow(page, "repair_segments")
    prompt = page.evaluate(SWITCH, mode)
    assert not [each for each in prompt if each["class_type"] == "DeepSoundVoiceOverCoT"]
    (fallback,) = [each["inputs"] for each in prompt if each["class_type"] == "DeepSoundSilenceFallback"]
    assert "voice_over" not in fallback
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail


def test_copied_nodes_whose_results_come_from_the_cache_show_them(page):
    open_workflow(page, "clean_existing_footage")
    assert page.evaluate(RUN)[0] == "execution_success"
    page.evaluate(COPY_ALL)
    assert {said for _, said in page.evaluate(SAID)} == {None}
    assert page.evaluate(RUN)[0] == "execution_success"
    kinds = [kind for kind, _ in page.evaluate(SAID)]
    expected = [[kind, "\u2713 Done"] for kind in kinds]
    assert becomes(page, lambda: page.evaluate(SAID), expected) == expected
    assert page.evaluate(VERDICT), "the judge's panel too"

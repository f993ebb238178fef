"""A judge that is switched off on the page: the graph still runs to a finished video."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.comfy.pages import RUN, open_workflow, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]
SWITCH = """mode => {
    for (const node of app.graph._nodes) if (node.type === 'DeepSoundVoiceOverCoT') node.mode = mode;
    return app.graphToPrompt().then(prompt => Object.values(prompt.output));
}"""


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

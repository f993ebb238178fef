"""Page test of previews that ComfyUI's front end gives up on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.comfy.pages import ready_page
from tests.comfy.test_tools_page import build

pytestmark = [pytest.mark.comfy, pytest.mark.page]

GIVEN_UP_MS = 2 * 8192
SHOWN = "() => app.graph.getNodeById(1).videoContainer?.querySelector('video')?.videoWidth ?? 0"


@pytest.fixture
def page(server, browser) -> Iterator[Any]:
    with ready_page(browser, server, 1400, 1000, patient=False) as page:
        yield page


def test_a_video_that_the_page_gave_up_on_is_shown_once_it_can_be_loaded(server, page, make_video, tone):
    """On a slow machine it stayed away for good: the front end waits twice 8.192 s for it."""
    made = make_video("slow.mp4", size=(320, 180), fps=25, seconds=1.0, audio=tone(seconds=1.0))
    shutil.copy(made, server.base / "input")
    held: list[Any] = []
    slow = [True]

    def answer(route: Any) -> None:
        if slow[0] and route.request.resource_type == "media":
            held.append(route)
        else:
            route.continue_()

    page.route(lambda address: "filename=slow.mp4" in address, answer)
    build(page, [[1, "DeepSoundLoadVideo", 0, 0, {"file": "slow.mp4"}]])
    page.wait_for_timeout(GIVEN_UP_MS + 200)
    assert held and page.evaluate(SHOWN) == 0
    slow[0] = False
    for route in held:
        route.continue_()
    page.wait_for_function(f"() => ({SHOWN})() === 320")

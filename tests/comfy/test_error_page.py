"""Page tests of errors on their node: whole, with the next action as a button."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import pytest

from tests.comfy.pages import RUN, ready_page, steady
from tests.comfy.test_tools_page import ELEMENT, build

pytestmark = [pytest.mark.comfy, pytest.mark.page, pytest.mark.failing_run]

BANNER = f"({ELEMENT})(1, 'deepsound_error')"


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    with ready_page(browser, server, 1500, 1100, expected="Failed to load resource") as page:
        yield page


def fails(page: Any, action: str) -> None:
    assert page.evaluate(RUN)[0] == "execution_error"
    page.wait_for_function(f"action => {BANNER}?.querySelector(`[data-action=${{action}}]`)", arg=action)


def test_a_long_error_stands_whole_on_its_node(page):
    """That of missing weights ended in the middle of the list of files: its height was a guess."""
    build(
        page, [[1, "DeepSoundMMAudioGenerate", 0, 0, {"variant": "mmaudio_medium_44k"}], [2, "PreviewAny", 600, 0, {}]]
    )
    page.evaluate("() => app.graph.getNodeById(1).connect(0, app.graph.getNodeById(2), 0)")
    page.evaluate("() => { app.canvas.ds.scale = 1; app.canvas.setDirty(true, true); }")
    fails(page, "weights")
    heights = f"() => [{BANNER}.firstChild.clientHeight, {BANNER}.firstChild.scrollHeight]"
    shown, needed = steady(page, lambda: page.evaluate(heights), lambda found: found[0] > 0)
    assert 0 < needed <= shown + 1


@pytest.mark.parametrize("name", ["sound.m4a", "empty.mp4"])
def test_a_sound_or_an_empty_file_in_a_videos_place_offers_another(server, page, name):
    path = server.base / "input" / name
    if name == "empty.mp4":
        path.write_bytes(b"")
    else:
        with av.open(str(path), "w", format="mp4") as file:
            stream = file.add_stream("aac", rate=48_000)
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            frame.sample_rate = 48_000
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            file.mux([*stream.encode(frame), *stream.encode(None)])
    build(page, [[1, "DeepSoundLoadVideo", 0, 0, {"file": name}], [2, "PreviewAny", 600, 0, {}]], [[1, 1, 2, "source"]])
    fails(page, "choose")

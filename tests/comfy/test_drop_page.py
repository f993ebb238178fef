"""Page tests of files that are dropped or chosen: videos and pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import RUN, ready_page
from tests.comfy.test_tools_page import build

pytestmark = [pytest.mark.comfy, pytest.mark.page]

DROP = """([bytes, name, type, target]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], name, {type}));
    const event = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
    if (target) return app.graph.getNodeById(target).onDragDrop(event);
    document.querySelector('#graph-canvas').dispatchEvent(event);
}"""
PROMPT = "one brace } of “wood”, 雨 and \\"
LOAD, SAVE = 1, 2


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    with ready_page(browser, server, 1400, 1000) as page:
        yield page


@pytest.fixture
def clip(server, make_video, tone) -> str:
    made = make_video("dropped_in.mp4", size=(96, 64), fps=10, seconds=1.0, audio=tone(seconds=1.0))
    shutil.copy(made, server.base / "input")
    return made.name


def drop(page: Any, path: Path, media_type: str, target: int | None = None) -> None:
    page.evaluate(DROP, [list(path.read_bytes()), path.name, media_type, target])


def opens_again(page: Any, path: Path, media_type: str, widget: str) -> None:
    """Drop a file on an empty page; its graph is there with the prompt that was in it."""
    page.evaluate("() => app.graph.clear()")
    drop(page, path, media_type)
    page.wait_for_function(
        "([id, name, value]) => app.graph.getNodeById(id)?.widgets?.find(w => w.name === name)?.value === value",
        arg=[SAVE, widget, PROMPT],
    )
    assert page.evaluate("() => app.graph._nodes.length") > 1


@pytest.mark.parametrize(
    ("container", "media_type"),
    [("mp4", "video/mp4"), ("webm", "video/webm"), ("mkv", "video/x-matroska"), ("mkv", "")],
)
def test_a_video_of_the_pipeline_opens_its_graph_whatever_its_prompt_holds(
    server, page, make_video, container, media_type
):
    """No mkv did, and no webm with a brace in a prompt: the page counts braces to find the graph's end."""
    codec = "libvpx" if container == "webm" else None
    source = make_video(f"source.{container}", size=(96, 64), fps=10, seconds=1.0, codec=codec)
    shutil.copy(source, server.base / "input")
    folder = f"dropped_{container}_{len(media_type)}"
    build(
        page,
        [
            [LOAD, "DeepSoundLoadVideo", 0, 0, {"file": source.name}],
            [
                SAVE,
                "DeepSoundPipeline",
                500,
                0,
                {"filename_prefix": f"{folder}/made", "container": container, "prompt": PROMPT},
            ],
        ],
        [[LOAD, 0, SAVE, "video"]],
    )
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    (saved,) = (server.base / "output" / folder).iterdir()
    opens_again(page, saved, media_type, "prompt")


def test_a_still_of_a_graph_of_the_pack_opens_it(server, page, clip):
    build(
        page,
        [
            [LOAD, "DeepSoundLoadVideo", 0, 0, {"file": clip}],
            [SAVE, "DeepSoundGenerateAudio", 500, 0, {"engine": "draft", "prompt": PROMPT}],
            [3, "GetVideoComponents", 500, 600, {}],
            [4, "SaveImage", 900, 600, {"filename_prefix": "stills/made"}],
            [5, "PreviewAny", 900, 0, {}],
        ],
        [[LOAD, 0, SAVE, "video"], [LOAD, 0, 3, "video"], [3, 0, 4, "images"], [SAVE, 0, 5, "source"]],
    )
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    opens_again(page, min((server.base / "output" / "stills").glob("*.png")), "image/png", "prompt")


def test_a_video_without_a_media_type_can_be_dropped_on_the_node_and_chosen_by_its_button(page, clip, make_video, tone):
    """The page's own upload passed over .mkv and camera files in silence where the browser knows no type for them."""
    build(page, [[LOAD, "DeepSoundLoadVideo", 0, 0, {"file": clip}]])
    chosen = "([id, name]) => app.graph.getNodeById(id).widgets.find(w => w.name === 'file').value === name"
    source = make_video("untyped.mkv", size=(96, 64), fps=10, seconds=1.0, audio=tone(seconds=1.0))
    drop(page, source, "", LOAD)
    page.wait_for_function(chosen, arg=[LOAD, "untyped.mkv"])
    with page.expect_file_chooser() as opened:
        page.evaluate("id => app.graph.getNodeById(id).widgets.find(w => w.type === 'button').callback()", LOAD)
    accepted = opened.value.element.get_attribute("accept").split(",")
    assert {".mov", ".mkv", ".mts", "video/*"} <= set(accepted)
    opened.value.set_files(
        {"name": "chosen.mkv", "mimeType": "application/octet-stream", "buffer": source.read_bytes()}
    )
    page.wait_for_function(chosen, arg=[LOAD, "chosen.mkv"])

"""Page tests of what all nodes offer: weights, players, previews, menus, error buttons."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import RUN, ready_page, steady

pytestmark = [pytest.mark.comfy, pytest.mark.page]

# Nodes by API names, as the page makes them: [id, kind, left, top, values], and links [from, slot, to, input].
BUILD = """([nodes, links]) => {
    app.graph.clear();
    for (const [id, kind, left, top, values] of nodes) {
        const node = LiteGraph.createNode(kind);
        node.id = id;
        node.pos = [left, top];
        app.graph.add(node);
        for (const [name, value] of Object.entries(values)) {
            const widget = node.widgets.find(w => w.name === name);
            widget.value = value;
            widget.callback?.(value);
        }
    }
    for (const [from, slot, to, input] of links) {
        const node = app.graph.getNodeById(to);
        app.graph.getNodeById(from).connect(slot, node, node.inputs.findIndex(i => i.name === input));
    }
    app.canvas.ds.scale = 0.6; app.canvas.ds.offset = [130, 160]; app.canvas.setDirty(true, true); }"""
ELEMENT = "(id, name) => app.graph.getNodeById(id).widgets.find(w => w.name === name)?.element"
LINE = f"({ELEMENT})(1, 'deepsound_weights')"
BUTTON = f"kind => ({ELEMENT})(1, 'deepsound_error')?.querySelector(`[data-action=${{kind}}]`)"
FLOW = "mmaudio/small_16k"
MENU = """id => { const options = []; const node = app.graph.getNodeById(id);
    node.getExtraMenuOptions(app.canvas, options);
    window.entries = options.filter(entry => entry?.content?.startsWith('DeepSound'));
    return window.entries.map(entry => entry.content); }"""


def shot(page: Any, server: Any, name: str) -> None:
    if folder := os.environ.get("DEEPSOUND_SCREENSHOTS"):
        page.wait_for_timeout(600)
        page.screenshot(path=str(Path(folder) / f"{name}_{server.core.name}.png"))


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    with ready_page(browser, server, 1500, 1100, expected="Failed to load resource") as page:
        yield page


@pytest.fixture
def clip(server, make_video, tone) -> str:
    made = make_video("tools.mp4", size=(320, 180), fps=25, seconds=2.0, audio=tone(seconds=2.0))
    shutil.copy(made, server.base / "input")
    return "tools.mp4"


def build(page: Any, nodes: list[list[Any]], links: list[list[Any]] | None = None) -> None:
    page.evaluate(BUILD, [nodes, links or []])


def test_a_node_says_which_weights_its_engine_lacks_and_opens_the_dialog(server, page):
    build(page, [[1, "DeepSoundGenerateAudio", 0, 0, {"engine": "mmaudio_large_44k_v2"}]])
    page.wait_for_function(f"() => {LINE}.innerText.includes('GB')")
    page.evaluate("""() => { const widget = app.graph.getNodeById(1).widgets.find(w => w.name === 'engine');
        widget.value = 'draft'; }""")
    page.wait_for_function(f"() => {LINE}.innerText.includes('Needs no weights')")
    page.evaluate(
        "() => { app.graph.getNodeById(1).widgets.find(w => w.name === 'engine').value = 'mmaudio_large_44k_v2'; }"
    )
    page.wait_for_function(f"() => {LINE}.innerText.includes('GB')")
    page.evaluate(f"() => {LINE}.querySelector('button').click()")
    page.wait_for_selector(".dw-row[data-id='mmaudio/large_44k_v2']")
    row = page.locator(".dw-row[data-id='mmaudio/large_44k_v2']")
    assert "4.1 GB" in row.inner_text() and "CC-BY-NC-4.0" in row.inner_text() and "models" in row.inner_text()
    assert "free" in page.locator(".dw-summary").inner_text()
    shot(page, server, "weights_dialog")
    assert row.get_by_text("Download", exact=True).is_disabled(), "its licence is to be accepted first"
    for box in page.locator(".dw-licence input").all():
        box.check()
    assert row.get_by_text("Download", exact=True).is_enabled()
    page.keyboard.press("Escape")
    page.locator(".dw-frame").wait_for(state="detached")


def test_a_download_that_cannot_reach_its_server_says_so_in_its_row(server, page):
    page.evaluate("() => app.extensionManager.command.execute('DeepSound.Weights')")
    row = page.locator(f".dw-row[data-id='{FLOW.replace('small_16k', 'small_44k')}']")
    row.wait_for()
    for box in page.locator(".dw-licence input").all():
        box.check()
    row.get_by_text("Download", exact=True).click()
    page.wait_for_function(
        "id => document.querySelector(`.dw-row[data-id='${id}']`)?.innerText.includes('cannot be reached')",
        arg="mmaudio/small_44k",
    )
    shot(page, server, "weights_failed")
    page.keyboard.press("Escape")


def test_the_dialog_shows_progress_cancels_and_survives_a_server_that_is_gone(server, page):
    sent: list[tuple[str, Any]] = []
    job: dict[str, Any] = {"kind": "download", "state": "running", "fraction": 0.43, "message": ""}
    away = [False]
    weights = {
        "id": FLOW,
        "what": "a network",
        "engines": [],
        "bytes": 6e8,
        "is_exact": True,
        "licence": {"name": "MIT", "commercial": None, "note": ""},
        "is_present": False,
        "path": "/models/w",
        "origin": "a hub",
        "problem": "",
        "job": job,
    }
    listed = {"engines": ["mmaudio_small_16k"], "folder": "/models", "free_bytes": 1e8, "weights": [weights]}

    def answer(route: Any) -> None:
        if away[0]:
            route.abort()
        elif route.request.method == "POST":
            sent.append((route.request.url.rpartition("/")[2], route.request.post_data_json))
            job["state"] = "cancelled"
            route.fulfill(json=weights)
        else:
            route.fulfill(json=listed)

    page.route("**/deepsound/weights**", answer)
    page.route("**/deepsound/weights/*", answer)
    page.evaluate("() => app.extensionManager.command.execute('DeepSound.Weights')")
    row = page.locator(f".dw-row[data-id='{FLOW}']")
    row.wait_for()
    assert "downloading 43 %" in row.inner_text()
    assert "not enough room" in page.locator(".dw-summary").inner_text()
    away[0] = True
    page.get_by_text("does not answer").wait_for()
    away[0] = False
    page.wait_for_function("() => document.querySelector('.dw-trouble').textContent === ''")
    row.get_by_text("Cancel").click()
    row.get_by_text("Stopped at 43 %").wait_for()
    assert sent == [("cancel", {"id": FLOW})]
    page.keyboard.press("Escape")
    page.unroute("**/deepsound/weights**")
    page.unroute("**/deepsound/weights/*")


@pytest.mark.failing_run
def test_missing_weights_are_an_error_on_the_node_with_a_button_to_get_them(server, page, clip):
    build(
        page,
        [
            [1, "DeepSoundGenerateAudio", 480, 0, {"engine": "mmaudio_medium_44k"}],
            [2, "DeepSoundLoadVideo", 0, 0, {"file": clip}],
            [3, "PreviewAny", 1000, 0, {}],
        ],
        [[2, 0, 1, "video"], [1, 0, 3, "source"]],
    )
    assert page.evaluate(RUN)[0] == "execution_error"
    page.wait_for_function(f"() => ({ELEMENT})(1, 'deepsound_error')?.querySelector('[data-action=weights]')")
    shot(page, server, "weights_error")
    page.evaluate(f"kind => ({BUTTON})(kind).click()", "weights")
    page.wait_for_selector(".dw-row[data-id='mmaudio/medium_44k']")
    page.keyboard.press("Escape")


def test_a_deleted_input_offers_another_file(server, page):
    build(
        page,
        [[1, "DeepSoundLoadVideo", 0, 0, {"file": "gone.mp4"}], [2, "PreviewAny", 600, 0, {}]],
        [[1, 1, 2, "source"]],
    )
    page.evaluate("() => app.queuePrompt(0, 1)")
    page.wait_for_function(f"() => ({ELEMENT})(1, 'deepsound_error')?.querySelector('[data-action=choose]')")
    with page.expect_file_chooser():
        page.evaluate(f"kind => ({BUTTON})(kind).click()", "choose")


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("ten_bit.mp4", "libx265", "yuv420p10le"), ("prores.mov", "prores_ks", "yuv422p10le")],
)
def test_a_video_that_the_browser_cannot_show_has_a_picture_in_load_and_mux(
    server, page, make_video, tone, name, codec, pixels
):
    """HEVC of 10 bits and ProRes were an empty box in both."""
    made = make_video(
        name, size=(320, 180), fps=10, seconds=1.0, codec=codec, pixel_format=pixels, audio=tone(seconds=1.0)
    )
    shutil.copy(made, server.base / "input")
    build(
        page,
        [
            [1, "DeepSoundLoadVideo", 0, 0, {"file": name}],
            [2, "DeepSoundMuxVideo", 600, 0, {"filename_prefix": f"tools/{codec}"}],
        ],
        [[1, 0, 2, "video"]],
    )
    shown = f"id => ({ELEMENT})(id, 'deepsound_copy')?.querySelector('video')?.videoWidth === 320"
    page.wait_for_function(shown, arg=1)
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    page.wait_for_function(shown, arg=2)
    note = f"({ELEMENT})(2, 'deepsound_copy').lastChild"
    width, needed = steady(page, lambda: page.evaluate(f"() => [{note}.clientWidth, {note}.scrollWidth]"))
    assert needed <= width, "the note below the copy is whole"
    shot(page, server, f"copy_{codec}")


def test_a_video_that_the_browser_shows_has_no_copy(page, clip):
    build(page, [[1, "DeepSoundLoadVideo", 0, 0, {"file": clip}]])
    page.wait_for_function(f"() => ({ELEMENT})(1, 'deepsound_trim').innerText.includes('2.00 s')")
    page.wait_for_timeout(500)
    assert page.evaluate(f"() => ({ELEMENT})(1, 'deepsound_copy')") is None


def test_a_long_video_says_on_its_bar_what_its_sound_takes(page, clip):
    build(page, [[1, "DeepSoundLoadVideo", 0, 0, {"file": clip}]])
    bar = f"() => ({ELEMENT})(1, 'deepsound_trim').innerText"
    page.wait_for_function(f"() => ({bar})().includes('2.00 s')")
    assert "GB" not in page.evaluate(bar)
    page.evaluate(
        """file => app.api.dispatchEvent(new CustomEvent('deepsound.video',
        { detail: { node: '1', file, facts: { duration: 7200 } } }))""",
        clip,
    )
    page.wait_for_function(f"() => ({bar})().includes('takes about 2.8 GB')")


def test_a_long_file_name_leaves_room_for_how_its_video_ended(page):
    build(page, [[1, "DeepSoundFolder", 0, 0, {}]])
    page.wait_for_function(f"() => ({ELEMENT})(1, 'deepsound_clips')?.clientWidth > 0")
    text, table = page.evaluate(f"""() => {{
        const clips = [{{ name: 'a clip as cameras name it '.repeat(6), status: 'failed', text: 'cannot be read' }}];
        app.graph.getNodeById(1).onDeepSoundShown({{ clips }});
        const table = ({ELEMENT})(1, 'deepsound_clips');
        return [table.children[2], table].map(part => part.getBoundingClientRect().width); }}""")
    assert text > 0.4 * table


def test_every_sound_has_a_player_that_plays_and_shows_again_after_a_reload(server, page, clip):
    build(
        page,
        [
            [1, "DeepSoundLoadVideo", 0, 0, {"file": clip}],
            [2, "DeepSoundGenerateAudio", 460, 0, {"engine": "draft"}],
            [3, "DeepSoundVocalSeparate", 920, 0, {"engine": "bs_roformer_tiny"}],
            [4, "DeepSoundMixMaster", 1380, 0, {}],
            [5, "PreviewAny", 1840, 0, {}],
            [6, "PreviewAny", 1840, 200, {}],
        ],
        [[1, 0, 2, "video"], [2, 0, 3, "audio"], [3, 0, 4, "generated"], [4, 0, 5, "source"], [3, 1, 6, "source"]],
    )
    # A graph that was opened or saved has an id, by which its runs are known; one of zeros is replaced on loading.
    page.evaluate("() => { app.graph.id = crypto.randomUUID(); }")
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    players = f"id => [...({ELEMENT})(id, 'deepsound_players')?.querySelectorAll('.deepsound-player') ?? []]"
    names = f"() => [1, 2, 3, 4].map(id => ({players})(id).map(row => row.dataset.sound).join(' '))"
    expected = ["audio", "audio", "background voice", "master"]
    same = f"expected => JSON.stringify(({names})()) === JSON.stringify(expected)"
    page.wait_for_function(same, arg=expected)
    page.evaluate("() => { app.canvas.ds.offset = [130, 160]; app.canvas.setDirty(true, true); }")
    shot(page, server, "players")
    heard = f"""async () => {{ const row = ({players})(2)[0];
        row.querySelector('button').click();
        for (let i = 0; i < 1200 && !row.innerText.includes('/'); i++) await new Promise(next => setTimeout(next, 100));
        const label = row.innerText; row.querySelector('button').click(); return label; }}"""
    assert "/ 2 s" in page.evaluate(heard)
    meters = page.evaluate(f"() => ({ELEMENT})(4, 'deepsound_meters').innerText")
    # How near the target comes is the mix's own tests' matter: few hits in two seconds may fall short, never above
    # it by more than the 0.5 LU that it is met to, and a decimal rounds by 0.05.
    assert -24.0 < float(meters.split("result")[1].split()[0]) <= -14.0 + 0.5 + 0.05
    page.evaluate("() => app.loadGraphData(app.graph.serialize())")
    page.wait_for_function(same, arg=expected)


def test_the_menu_of_a_node_saves_opens_copies_and_sends(server, page, clip):
    build(
        page,
        [
            [1, "DeepSoundLoadVideo", 0, 0, {"file": clip}],
            [2, "DeepSoundMuxVideo", 600, 0, {"filename_prefix": "tools/menu"}],
        ],
        [[1, 0, 2, "video"], [1, 1, 2, "audio"]],
    )
    assert page.evaluate(RUN)[0] == "execution_success"
    page.wait_for_function(f"() => (({MENU})(2)).length >= 3")
    assert page.evaluate(MENU, 2) == [
        "DeepSound: save as…",
        "DeepSound: open folder",
        "DeepSound: copy frame",
    ]
    with page.expect_download() as saved:
        page.evaluate("() => window.entries[0].callback()")
    assert saved.value.suggested_filename.startswith("menu_0000")
    page.evaluate("() => window.entries[1].callback()")
    page.wait_for_function(f"() => ({ELEMENT})(2, 'deepsound_said')?.innerText.includes('output')")
    assert "DeepSound: send sound to Compare" in page.evaluate(MENU, 1)
    page.evaluate("() => window.entries.at(-1).callback()")
    wired = """() => app.graph._nodes.find(node => node.type === 'DeepSoundCompare')
        .inputs.filter(input => input.link != null).length"""
    assert page.evaluate(wired) == 1
    page.evaluate(MENU, 1)
    page.evaluate("() => window.entries.at(-1).callback()")
    assert page.evaluate(wired) == 2, "the second sound goes into the same Compare"


def test_the_menu_entry_is_there_and_the_command_has_a_name(page):
    find = "() => app.extensionManager.command.commands.find(command => command.id === 'DeepSound.Weights')?.label"
    assert page.evaluate(find) == "DeepSound: weights"

"""Tests of the node Compare in a real ComfyUI, over HTTP and on the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deepsound.media.audio import decode_audio
from deepsound.media.probe import probe
from tests.comfy.pages import RUN, becomes, ready_page, steady, steady_box

pytestmark = [pytest.mark.comfy]

BUILD = """() => {
    app.graph.clear();
    app.graph.id = '6b0d5a0e-7d1c-4b6e-9a52-3f0c1d2e4f58';  // As a workflow that was opened has one.
    const add = (type, pos) => {
        const node = LiteGraph.createNode(type);
        Object.assign(node, {pos});
        app.graph.add(node);
        return node;
    };
    const join = (from, output, to, input) => from.connect(from.outputs.findIndex(o => o.name === output), to,
        to.inputs.findIndex(i => i.name === input));
    const load = add('DeepSoundLoadVideo', [60, 80]);
    const split = add('DeepSoundVocalSeparate', [60, 520]);
    const compare = add('DeepSoundCompare', [480, 80]);
    load.widgets.find(w => w.name === 'file').value = 'narrated_landscape.mp4';
    join(load, 'audio', split, 'audio');
    join(load, 'video', compare, 'video');
    join(load, 'audio', compare, 'coarse');
    join(split, 'background', compare, 'final');
    join(split, 'voice', compare, 'voice');
    Object.assign(app.canvas.ds, {scale: 1, offset: [0, 0]});
    return compare.id;
}"""
WIDGET = "app.graph._nodes.find(n => n.type === 'DeepSoundCompare').widgets.find(w => w.name === 'deepsound_compare')"
VIEW = f"{WIDGET}.element"
LOADED = f"""() => {{
    const view = {VIEW};
    return view.dataset.tracks === 'coarse final voice'
        && [...view.querySelectorAll('audio, video')].every(medium => medium.readyState >= 2 && !medium.error)
        && [...view.querySelectorAll('img')].every(picture => picture.complete && picture.naturalWidth > 0);
}}"""
IN_STEP = f"""() => {{
    const times = [...{VIEW}.querySelectorAll('audio, video')].map(medium => medium.currentTime);
    return Math.max(...times) - Math.min(...times) < 0.06 && Math.max(...times) < 7.9;
}}"""
HAS_VUE = "() => (app.ui.settings.settingsLookup?.['Comfy.VueNodes.Enabled']?.type ?? 'hidden') !== 'hidden'"
STATE = f"""() => {{
    const view = {VIEW};
    const sounds = [...view.querySelectorAll('audio')];
    return {{audible: view.dataset.audible, playing: view.dataset.playing,
             heard: sounds.filter(sound => !sound.muted && sound.volume > 0).map(sound => sound.dataset.track),
             times: [...view.querySelectorAll('audio, video')].map(medium => medium.currentTime)}};
}}"""


def prompt(**changed: Any) -> dict[str, Any]:
    """The comparison of a clip's own sound with what is left of it without the voice."""
    settings = {
        "coarse": ["1", 1],
        "final": ["2", 0],
        "voice": ["2", 1],
        "video": ["1", 0],
        "voice_spans": "auto",
        "render": False,
        "render_seconds": 0.0,
        **changed,
    }
    return {
        "1": {
            "class_type": "DeepSoundLoadVideo",
            "inputs": {"file": "narrated_landscape.mp4", "start": 0.0, "duration": 3.0},
        },
        "2": {
            "class_type": "DeepSoundVocalSeparate",
            "inputs": {"audio": ["1", 1], "engine": "spectral", "enabled": True},
        },
        "3": {"class_type": "DeepSoundCompare", "inputs": settings},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
        "5": {
            "class_type": "DeepSoundMuxVideo",
            "inputs": {"video": ["3", 1], "filename_prefix": "compare/side", "container": "auto", "codec": "auto"},
        },
    }


def run(server: Any, sent: dict[str, Any]) -> Any:
    """Send a prompt from a thread of its own: the browser of the other tests may hold this one's event loop."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(server.run, sent).result()


def test_a_run_leaves_the_files_that_the_page_plays(server):
    done = run(server, prompt())
    assert done.ending == "execution_success", done.error
    (described,) = done.history["outputs"]["3"]["deepsound"]
    assert [track["name"] for track in described["tracks"]] == ["coarse", "final", "voice"]
    assert described["duration_s"] == pytest.approx(3.0, abs=0.05) and described["spans_s"]
    for track in described["tracks"]:
        assert decode_audio(server.base / "temp" / track["audio"]).duration_s == pytest.approx(3.0, abs=0.05)
    assert probe(server.base / "temp" / described["video"]["file"]).video.duration_s == pytest.approx(3.0, abs=0.05)
    assert done.saved("4")["type"] == "temp"
    assert "5" not in done.history["outputs"], "without a rendered video, what saves it does not run"


def test_rendering_gives_a_video_or_says_what_it_needs(server):
    done = run(server, prompt(render=True, render_seconds=0.4))
    assert done.ending == "execution_success", done.error
    (described,) = done.history["outputs"]["3"]["deepsound"]
    if described["notes"]:
        assert "-m pip install moviepy" in described["notes"][0] and "5" not in done.history["outputs"]
        return
    saved = server.base / "output" / done.saved("5")["subfolder"] / done.saved("5")["filename"]
    assert probe(saved).duration_s == pytest.approx(1.2, abs=0.1)


def test_spans_that_cannot_be_read_are_refused_before_the_run(server):
    refused = run(server, prompt(voice_spans="<b>soon</b>"))
    assert any("voice_spans" in text and "0.5-1.2" in text for text in refused.refusals())


def build(page: Any) -> None:
    """The graph of three nodes, once it stays for some frames: the page's first one came over it at times."""
    types = "() => app.graph._nodes.map(node => node.type)"
    for _ in range(3):
        page.evaluate(BUILD)
        built = page.evaluate(types)
        if steady(page, lambda: page.evaluate(types)) == built:
            return
    raise AssertionError("the page shows another graph")


@pytest.fixture(scope="module", params=["canvas", "vue"])
def tab(request, server, browser) -> Iterator[Any]:
    """One page for both tests of a renderer; errors that name the pack fail the last of them."""
    with ready_page(browser, server, 1280, 940) as page:
        if request.param == "vue":
            if not page.evaluate(HAS_VUE):
                pytest.skip("this front end has no Nodes 2.0, or a first attempt that shows no elements on nodes")
            page.evaluate("() => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', true)")
        page.renderer = request.param
        yield page


@pytest.fixture
def page(tab) -> Any:
    """The page with the graph run to its end."""
    build(tab)
    ending, detail = tab.evaluate(RUN)
    assert ending == "execution_success", detail
    tab.wait_for_function(LOADED)
    return tab


def screenshot(page: Any, server: Any, tmp_path: Path, name: str) -> None:
    folder = Path(os.environ.get("DEEPSOUND_SCREENSHOTS") or tmp_path)
    path = folder / f"compare_{name}_{server.core.name}.png"
    page.screenshot(path=str(path))
    assert path.stat().st_size > 20_000


@pytest.mark.page
def test_three_tracks_are_seen_played_and_switched(server, page, tmp_path):
    assert page.evaluate(STATE)["heard"] == ["final"]
    stage = steady_box(page, page.locator(".deepsound-compare .dc-stage"), ".dc-stage", across=0.25)
    page.mouse.click(stage["x"] + stage["width"] / 4, stage["y"] + stage["height"] / 2)
    page.wait_for_function(f"() => [...{VIEW}.querySelectorAll('audio, video')].every(medium => !medium.seeking)")
    assert page.evaluate(STATE)["times"] == pytest.approx([2.0] * 4, abs=0.1)

    page.keyboard.press("a")
    assert page.evaluate(STATE)["heard"] == ["coarse"]
    page.keyboard.press("x")
    assert page.evaluate(STATE)["heard"] == ["final"]
    page.keyboard.press("x")
    page.keyboard.press("3")
    page.keyboard.press("Shift+3")
    assert page.evaluate(STATE)["audible"] == "coarse"
    page.keyboard.press("3")
    assert page.evaluate(STATE)["heard"] == ["coarse", "voice"]

    page.keyboard.press("b")
    page.keyboard.press("l")
    page.keyboard.press(" ")
    page.wait_for_function(f"() => {VIEW}.querySelector('audio').currentTime > 2.6")
    page.keyboard.press("a")
    playing = page.evaluate(STATE)
    assert (playing["playing"], playing["heard"]) == ("true", ["coarse"])
    page.wait_for_function(IN_STEP)
    page.wait_for_timeout(200)  # Until the tracks have faded in and out.
    screenshot(page, server, tmp_path, page.renderer)
    page.keyboard.press(" ")
    assert becomes(page, lambda: page.evaluate(STATE)["playing"], "false") == "false"

    page.keyboard.press("Escape")
    page.keyboard.press("b")
    assert page.evaluate(STATE)["heard"] == ["coarse"], "without the focus the keys are the page's"

    page.evaluate(f"""async () => {{
        window.before = [...{VIEW}.querySelectorAll('audio, video')];
        await app.loadGraphData(app.graph.serialize());
    }}""")
    page.wait_for_function(LOADED)
    assert page.evaluate("() => window.before.every(medium => !medium.hasAttribute('src'))")


@pytest.mark.page
def test_text_stays_text_and_everything_is_let_go(server, page):
    page.evaluate(f"""() => {{
        const node = app.graph._nodes.find(n => n.type === 'DeepSoundCompare');
        window.media = [...{VIEW}.querySelectorAll('audio, video')];
        const evil = '<img src=x onerror="window.evil = 1">';
        const track = {{name: evil, title: evil, duration_s: 1, lufs: null, true_peak_dbtp: null, gain_db: 0,
                       matched: false, audio: null, spectrogram: null, peaks: ''}};
        node.onExecuted({{deepsound: [{{version: 1, duration_s: 1, tracks: [track], notes: [evil], video: null}}]}});
    }}""")
    view = page.evaluate(f"() => [{VIEW}.textContent, {VIEW}.querySelectorAll('img').length, Boolean(window.evil)]")
    assert "<img src=x" in view[0] and view[1:] == [0, False]
    assert page.evaluate("() => window.media.every(medium => !medium.hasAttribute('src') && medium.paused)")
    page.evaluate("""() => app.graph._nodes.find(n => n.type === 'DeepSoundCompare')
        .onExecuted({deepsound: [{version: 9}]})""")
    assert "version 9" in page.evaluate(f"() => {VIEW}.textContent")
    page.evaluate(
        f"() => {{ window.view = {VIEW}; app.graph.remove(app.graph._nodes.find("
        "n => n.type === 'DeepSoundCompare')); }"
    )
    assert page.evaluate("() => window.view.childElementCount") == 0

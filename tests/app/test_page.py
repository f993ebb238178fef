"""Tests of the page in a headless browser: upload, run, play, cancel, no outside requests."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_video
from tests.waiting import LIMIT_S, wait_until

pytestmark = pytest.mark.slow

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PLAYED = """() => new Promise(resolve => {
    const video = document.querySelector('#ds-results video');
    video.muted = true;
    video.ontimeupdate = () => { if (video.currentTime > 0.2) resolve([video.currentTime, video.videoWidth]) };
    video.onerror = () => resolve([video.error.message]);
    video.play().catch(error => resolve([String(error)]));
})"""
SOUNDS = """() => Promise.all([...document.querySelectorAll('#ds-results audio')].map(audio => new Promise(resolve => {
    const tell = () => resolve([audio.closest('figure').querySelector('b').textContent, audio.duration]);
    if (audio.readyState > 0) tell(); else { audio.onloadedmetadata = tell; audio.onerror = () => resolve('broken'); }
})))"""
DEMO = Path(__file__).parents[2] / "demo"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium: install it, or set CHROMIUM to its path")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(served, browser) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1400, "height": 1100})
    reached, wrong = [], []
    opened.set_default_timeout(LIMIT_S * 1000)
    opened.on("response", lambda response: reached.append(response.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(served.address)
    opened.wait_for_selector("#ds-run")
    yield opened
    if folder := os.environ.get("DEEPSOUND_SCREENSHOTS"):
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[1].split()[0]
        opened.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
    opened.close()
    strangers = [url for url in reached if not url.startswith((served.address, "blob:", "data:"))]
    assert strangers == [], "the page asked another machine for something"
    # What older versions of gradio would fetch from their makers fails here: the page's policy forbids it.
    assert [error for error in wrong if error != "Failed to fetch"] == []


@pytest.fixture(scope="module")
def long_video(tmp_path_factory) -> Path:
    """A minute, so that there is time to stop what is made of it."""
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    write_video(path, seconds=60.0, fps=12, size=(320, 240))
    return path


def upload(page, video):
    page.set_input_files("#ds-video input[type=file]", video)
    page.wait_for_selector("#ds-video video")


def choose(page, menu, name):
    page.click(f"#ds-{menu} input")
    page.get_by_role("option", name=re.compile(f"^{name}:")).click()


def wait_for(page, state):
    page.wait_for_selector(f".ds-notice.ds-{state}")
    return page.text_content(".ds-notice")


def test_a_narrated_clip_is_cleaned_and_everything_is_shown(served, page):
    upload(page, DEMO / "narrated_landscape.mp4")
    page.click("#ds-run")
    assert "Done in" in wait_for(page, "done")
    moved, width = page.evaluate(PLAYED)
    assert moved > 0.2 and width > 0
    for section in ("summary", "caption", "reasoning", "conclusion"):
        assert page.text_content(f"[data-section={section}] p").strip(), section
    assert "Voice-over (Yes)" in page.text_content(".ds-verdict")
    sounds = page.evaluate(SOUNDS)
    assert [name for name, _ in sounds] == ["Coarse", "Final", "Removed voice"]
    assert all(duration > 1 for _, duration in sounds)
    with page.expect_download() as download:
        page.click("text=deepsound.result.json")
    record = json.loads(Path(download.value.path()).read_text())
    assert record["verdict"] == "yes" and record["final_video_path"] == "deepsound.mp4"
    assert str(served.folder) not in json.dumps(record)


def test_a_run_is_cancelled_half_way_and_leaves_nothing(served, page, long_video):
    runs_before = set((served.folder / "runs").iterdir())
    upload(page, long_video)
    choose(page, "generator", "draft")
    page.click("#ds-run")
    page.wait_for_function("() => document.querySelector('[data-step=generate] progress').value > 0.02")
    page.click("#ds-cancel")
    assert "Cancelled" in wait_for(page, "cancelled")
    assert page.query_selector("#ds-results video") is None
    assert set((served.folder / "runs").iterdir()) == runs_before


def test_a_page_that_is_closed_stops_its_run(served, browser, long_video):
    runs_before = set((served.folder / "runs").iterdir())
    page = browser.new_page()
    page.set_default_timeout(LIMIT_S * 1000)
    page.goto(served.address)
    upload(page, long_video)
    choose(page, "generator", "draft")
    page.click("#ds-run")
    page.wait_for_function("() => document.querySelector('[data-step=generate] progress').value > 0.01")
    assert set((served.folder / "runs").iterdir()) != runs_before
    page.close()
    wait_until(lambda: set((served.folder / "runs").iterdir()) == runs_before)


def test_what_engines_write_is_text_and_their_errors_name_them(served, page, make_video, tone):
    upload(page, make_video("short.mp4", seconds=1.0, audio=tone()))
    choose(page, "reasoner", "hostile")
    page.click("#ds-run")
    page.wait_for_function("() => document.querySelector('[data-section=summary] p').textContent.includes('first')")
    assert page.text_content("[data-section=caption] p") == "", "the first section is seen before the second is written"
    (served.log.parent / "go_on").touch()
    assert "Done in" in wait_for(page, "done")
    words = "<img src=x onerror=\"document.title='owned'\"> ${1+1} {{value}} `code`"
    assert page.text_content("[data-section=caption] p") == words
    assert page.text_content(".ds-plan li") == words
    assert page.title() != "owned"
    choose(page, "generator", "broken")
    page.click("#ds-run")
    told = wait_for(page, "failed")
    assert told.startswith("The generator 'broken' of deepsound-page-engines 1.0 failed: ValueError: out of <b>tune")

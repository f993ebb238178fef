"""JobQueue from the page: one at a time, in line, cancelled, and what they show; without a browser."""

import json
import threading
import time

import pytest

from deepsound import engines
from deepsound.app.job_queue import JobQueue, QueuedJob
from deepsound.app.request import RunRequest
from deepsound.app.status_view import StatusView, escaped
from deepsound.app.storage import RESULTS, AppStorage
from deepsound.runtime.progress import ProgressEvent
from tests import fakes

REGISTERED = {
    "generator": {"noise": "Generator", "endless": "EndlessGenerator", "wrong": "WrongGenerator"},
    "reasoner": {"yes": "YesReasoner", "no": "NoReasoner"},
    "separator": {"halving": "HalvingSeparator"},
}
QUICK = RunRequest(generator="noise", reasoner="no", separator="halving")


@pytest.fixture(autouse=True)
def fake_engines(monkeypatch):
    registered = tuple(
        engines.EngineInfo(kind, name, "made for tests", f"tests.fakes:{target}")
        for kind, rows in REGISTERED.items()
        for name, target in rows.items()
    )
    monkeypatch.setattr(engines, "EMBEDDED", engines.EMBEDDED + registered)
    monkeypatch.setattr(fakes.Generator, "requests", [])


@pytest.fixture
def folder(tmp_path):
    with AppStorage(tmp_path / "app") as made:
        yield made


@pytest.fixture
def upload(folder, make_video):
    path = folder.new_upload("clip.mp4")
    make_video("clip.mp4", seconds=1.0).rename(path)
    return str(path)


def last(shown):
    return list(shown)[-1]


def test_a_run_shows_its_results_and_its_record_tells_no_places(folder, upload):
    asked = RunRequest(generator="noise", reasoner="yes", separator="halving", seed=3)
    shown = list(JobQueue(folder).follow("a", upload, asked))
    assert shown[0].results == "" and "ds-running" in shown[0].steps
    assert "ds-done" in shown[-1].steps and "Voice-over (Yes)" in shown[-1].thought
    for name in RESULTS:
        assert name in shown[-1].results
    (run,) = folder.runs.iterdir()
    record = (run / "deepsound.result.json").read_text()
    assert str(folder.root) not in record + shown[-1].steps
    assert json.loads(record)["final_audio_path"] == "deepsound.wav" and json.loads(record)["request"]["seed"] == 3


def test_without_voice_over_no_removed_voice_is_shown(folder, upload):
    shown = last(JobQueue(folder).follow("a", upload, QUICK))
    assert "Coarse" in shown.results and "Removed voice" not in shown.results


def test_an_error_is_shown_and_leaves_nothing(folder, upload):
    shown = last(JobQueue(folder).follow("a", upload, RunRequest(generator="wrong")))
    assert "ds-failed" in shown.steps and "where Audio is due" in shown.steps
    assert list(folder.runs.iterdir()) == []


@pytest.mark.parametrize("given", ["/etc/passwd", None, "http://example.com/x.mp4"])
def test_what_is_no_upload_is_an_error(folder, given):
    assert "no such upload" in last(JobQueue(folder).follow("a", given, QUICK)).steps


def test_a_file_that_is_no_video_is_an_error_that_tells_no_places(folder):
    path = folder.new_upload("x.mp4")
    path.write_bytes(b"no video at all")
    shown = last(JobQueue(folder).follow("a", str(path), QUICK))
    assert "The video cannot be read" in shown.steps and str(folder.root) not in shown.steps


def test_a_run_is_cancelled(folder, upload):
    runs = JobQueue(folder)
    shown = []
    for panel in runs.follow("a", upload, RunRequest(generator="endless")):
        shown.append(panel)
        if "ds-active" in panel.steps and 'value="0.01' in panel.steps and "Stopping" not in panel.steps:
            assert runs.cancel("a")
            assert not runs.cancel("b")
    assert "ds-cancelled" in shown[-1].steps and list(folder.runs.iterdir()) == []
    assert not runs.cancel("a")


def test_one_runs_while_the_others_wait_their_turn_or_are_cancelled_waiting(folder, upload):
    runs = JobQueue(folder)
    first = runs.follow("a", upload, RunRequest(generator="endless"))
    while "ds-active" not in next(first).steps:
        pass
    waiting = [runs.follow(session, upload, QUICK) for session in ("b", "c")]
    seen = {"b": [], "c": []}
    threads = [
        threading.Thread(target=lambda name=name, line=line: seen[name].extend(line))
        for name, line in zip("bc", waiting, strict=True)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.3)
    runs.cancel("c")
    threads[1].join()
    assert "Waiting" in seen["c"][-2].steps and "ds-cancelled" in seen["c"][-1].steps
    assert threads[0].is_alive() and "Waiting: 1 run before this one." in seen["b"][-1].steps
    runs.cancel("a")
    assert "ds-cancelled" in last(first).steps
    threads[0].join()
    assert "ds-done" in seen["b"][-1].steps


def test_the_line_has_an_end(folder, upload):
    runs = JobQueue(folder)
    runs._jobs.extend(QueuedJob("x") for _ in range(8))
    assert "8 runs are waiting already" in last(runs.follow("a", upload, QUICK)).steps


def test_a_page_that_is_closed_stops_its_run(folder, upload):
    runs = JobQueue(folder)
    shown = runs.follow("a", upload, RunRequest(generator="endless"))
    while "ds-active" not in next(shown).steps:
        pass
    shown.close()
    runs.cancel_all()
    assert runs._jobs == []


def test_the_board_shows_sections_as_they_are_written_and_text_as_text():
    board = StatusView("Running.", "running")
    board.take(ProgressEvent("judge", None, "<SUMMARY> one </SUMMARY>"))
    board.take(ProgressEvent("judge", None, "<CAPTION> <script>alert(1)</script> ${x} {{y}}"))
    board.take(ProgressEvent("plan", None, "<b>Step1</b>"))
    shown = board.thought_html()
    assert 'data-section="summary"><h4>Summary</h4><p>one</p>' in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &#36;&#123;x&#125; &#123;&#123;y&#125;&#125;" in shown
    assert "<li>&lt;b&gt;Step1&lt;/b&gt;</li>" in shown and "<script" not in shown
    assert escaped("\"'") == "&quot;&#x27;"


def test_notes_on_the_result_are_shown_as_text_and_not_taken_for_reasoning():
    board = StatusView()
    board.take(ProgressEvent("judge", None, "draft does not know: <b>dog</b>", is_note=True))
    assert "&lt;b&gt;dog" in board.steps_html() and "dog" not in board.thought_html()

"""Tests of the page's job queue: order, cancellation and panels, without a browser."""

import json
import threading
import time

import pytest

from deepsound.app.job_queue import JobQueue, QueuedJob
from deepsound.app.request import RunRequest
from deepsound.app.status_view import StatusView, escape
from deepsound.app.storage import RESULTS, VIDEOS, AppStorage
from deepsound.runtime.progress import ProgressEvent
from tests import fakes
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("fake_engines")

QUICK = RunRequest(generator="noise", reasoner="no", separator="halving")


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
    for name in RESULTS.keys() - (VIDEOS.keys() - {"deepsound.mp4"}):
        assert name in shown[-1].results
    (run,) = folder.runs.iterdir()
    record = (run / "deepsound.result.json").read_text()
    assert str(folder.root) not in record + shown[-1].steps
    assert json.loads(record)["final_audio_path"] == "deepsound.wav" and json.loads(record)["request"]["seed"] == 3


def test_without_voice_over_no_removed_voice_is_shown(folder, upload):
    shown = last(JobQueue(folder).follow("a", upload, QUICK))
    assert "Coarse" in shown.results and "Removed voice" not in shown.results


def test_every_take_is_shown_with_its_own_files(folder, upload):
    """The page made one take, whatever the command line could."""
    asked = RunRequest(generator="noise", reasoner="yes", separator="halving", seed=3, takes=2)
    shown = last(JobQueue(folder).follow("a", upload, asked))
    assert "Take 1 (seed 3): Voice-over (Yes)" in shown.results and "Take 2 (seed 4)" in shown.results
    assert "2 takes" in shown.notice and shown.results.count("Removed voice") == 2
    assert [record["request"]["seed"] for record in shown.records] == [3, 4]
    for number, record in enumerate(shown.records, 1):
        names = {f"deepsound.take{number}.{part}" for part in ("mp4", "wav", "step1.wav", "voice.wav", "result.json")}
        assert record["results"].keys() == names
        for address in record["results"].values():
            assert address in shown.results
            _, _, run_id, name = address.split("/")
            assert folder.result(run_id, name) is not None


def test_of_several_takes_the_best_alone_is_finished(folder, upload):
    fakes.Generator.requests.clear()
    asked = RunRequest(generator="noise", reasoner="no", separator="halving", seed=3, takes=2, pick="voice", window_s=4)
    shown = last(JobQueue(folder).follow("a", upload, asked))
    (record,) = shown.records
    assert "deepsound.mp4" in record["results"] and "Take 1" not in shown.results
    assert sorted((request.seed, request.window_s) for request in fakes.Generator.requests) == [(3, 4), (4, 4)]


def test_an_error_is_shown_and_leaves_nothing(folder, upload):
    shown = last(JobQueue(folder).follow("a", upload, RunRequest(generator="wrong")))
    assert "ds-failed" in shown.steps and "; expected Audio" in shown.steps
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
    for name, thread in zip("bc", threads, strict=True):
        thread.start()
        wait_until(lambda name=name: seen[name] and "Waiting" in seen[name][-1].steps)
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
    runs._jobs.extend(QueuedJob("x") for _ in range(64))
    assert "All 64 places in the queue are taken" in last(runs.follow("a", upload, QUICK)).steps


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
    assert escape("\"'") == "&quot;&#x27;"


def test_notes_on_the_result_are_shown_as_text_and_not_taken_for_reasoning():
    board = StatusView()
    board.take(ProgressEvent("judge", None, "draft does not know: <b>dog</b>", is_note=True))
    assert "&lt;b&gt;dog" in board.steps_html() and "dog" not in board.thought_html()


def test_twenty_users_at_once_all_get_their_results(tmp_path, make_video):
    video = make_video("clip.mp4", seconds=0.3).read_bytes()
    with AppStorage(tmp_path / "app") as folder:
        runs = JobQueue(folder)
        following = {}
        for user in range(20):
            path = folder.new_upload("clip.mp4", len(video))
            path.write_bytes(video)
            following[f"user {user}"] = runs.poll(f"user {user}", str(path), QUICK)
        shown, places = dict.fromkeys(following), set()
        for name in following:
            next(following[name])
        while following:
            for name, panels in list(following.items()):
                panel = next(panels, "over")
                if panel == "over":
                    del following[name]
                elif panel is not None:
                    shown[name] = panel
                    places |= {before for before in range(1, 20) if f"Waiting: {before} run" in panel.steps}
            time.sleep(0.01)
    assert all("ds-done" in panel.steps and "deepsound.mp4" in panel.results for panel in shown.values())
    assert 19 in places, "each is told its place"


def test_an_upload_that_is_gone_is_a_sentence(folder):
    shown = last(JobQueue(folder).follow("a", folder.resolve(f"/uploads/{'a' * 32}.mp4"), QUICK))
    assert "choose the video again" in shown.steps


def test_what_is_cleared_while_its_run_waits_does_not_matter_to_the_run(folder, upload):
    runs = JobQueue(folder)
    first = runs.follow("a", upload, RunRequest(generator="endless"))
    while "ds-active" not in next(first).steps:
        pass
    second = runs.poll("b", upload, QUICK)
    next(second), next(second)
    runs.choose("b", None)
    runs.cancel("a")
    last(first)
    panels = [panel for panel in iter(lambda: next(second, "over"), "over") if panel is not None]
    assert "ds-done" in panels[-1].steps

"""Clips through servers: a small one that misbehaves as told, and real ones."""

import copy
import json
import runpy
import socket
import sys
import threading
from pathlib import Path

import pytest

from deepsound.batch.records import Record
from deepsound.cli.main import main
from deepsound.comfy import scheduler as rotation
from deepsound.comfy import submit
from deepsound.comfy.submission import Callbacks
from deepsound.comfy.workflow import Workflow, parse_assignments
from deepsound.errors import Cancelled, InputError
from deepsound.media.clip import Clip
from deepsound.runtime.progress import CancelToken, Progress
from tests.comfy.fake_server import FakeComfy
from tests.json_records import fits
from tests.waiting import LIMIT_S

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "workflows" / "api" / "offline_draft.json"
PROMPT = json.loads(WORKFLOW.read_text())


@pytest.fixture
def start():
    """start("works"): a small server that behaves like that, until the test is over."""
    servers = []

    def make(behaviour="works", **more):
        servers.append(FakeComfy(behaviour, **more).__enter__())
        return servers[-1]

    yield make
    for server in servers:
        server.__exit__()


@pytest.fixture
def videos(tmp_path):
    """videos("a.mp4"): files of these names in a folder, that no small server looks into."""

    def make(*names):
        folder = tmp_path / "videos"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes(b"video " + name.encode())
        return folder

    return make


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr(rotation, "_FIRST_PAUSE_S", 0.01)


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def statuses(results):
    return {result.label: result.status for result in results}


def test_a_clip_goes_up_and_its_files_come_back(start, videos, tmp_path):
    server, steps = start(), []
    watcher = Callbacks(progress=lambda *what: steps.append(what))
    [result] = submit(
        WORKFLOW,
        videos("a.mp4") / "a.mp4",
        {"prompt": "rain", "3.seed": "7"},
        [server.url],
        tmp_path / "out",
        callbacks=watcher,
    )
    assert (result.status, result.texts) == ("done", ("coarse",))
    assert [path.read_text() for path in result.files] == ["the file s4_00001_.mp4"]
    assert result.files == (tmp_path / "out" / "a.mp4",)
    [sent] = server.prompts
    assert sent["1"]["inputs"]["file"] == "a.mp4" and server.uploads == ["a.mp4"]
    assert sent["2"]["inputs"]["prompt"] == sent["3"]["inputs"]["prompt"] == "rain"
    assert (sent["2"]["inputs"]["seed"], sent["3"]["inputs"]["seed"]) == (42, 7)
    assert (server.url, "a.mp4", "Step 1: generate", 0.5) in steps
    record = Record.read(tmp_path / "out" / "a.submit.json")
    assert record.status == "done" and record.details["server"] == server.url


def test_a_folder_is_shared_out_and_what_is_done_is_not_sent_again(start, videos, tmp_path):
    servers = [start(), start()]
    for server in servers:
        server.may_go_on = lambda: all(each.uploads for each in servers)
    folder = videos("a.mp4", "a.webm", "b.mp4", "c.mp4", "notes.txt")
    urls = [server.url for server in servers]
    results = submit(WORKFLOW, folder, {}, urls, tmp_path / "out")
    assert set(statuses(results).values()) == {"done"} and len(results) == 4
    assert all(server.uploads for server in servers)
    assert sorted(servers[0].uploads + servers[1].uploads) == ["a.mp4", "a.webm", "b.mp4", "c.mp4"]
    assert len({path for result in results for path in result.files}) == 4
    assert set(statuses(submit(WORKFLOW, folder, {}, urls, tmp_path / "out")).values()) == {"already"}
    assert set(statuses(submit(WORKFLOW, folder, {"seed": "1"}, urls, tmp_path / "out")).values()) == {"done"}


@pytest.mark.parametrize("behaviour", ["unwell", "rejects", "drops", "nonsense"])
def test_what_one_server_cannot_do_goes_to_another(start, videos, tmp_path, behaviour):
    bad, told = start(behaviour), []
    good = start(may_go_on=lambda: told)
    folder = videos(*(f"{index}.mp4" for index in range(5)))
    results = submit(
        WORKFLOW, folder, {}, [bad.url, good.url], tmp_path / "out", callbacks=Callbacks(trouble=told.append)
    )
    assert sorted(statuses(results).items()) == [(f"{index}.mp4", "done") for index in range(5)]
    assert {result.server for result in results} == {good.url} and len(good.uploads) == 5
    assert any(result.troubles for result in results) and any(bad.url in text or "dropped" in text for text in told)
    if behaviour == "drops":
        assert bad.withdrawn and bad.interrupted == bad.withdrawn


def test_a_server_that_is_not_there_is_left_out_and_told(start, videos, tmp_path):
    gone, told = closed_port(), []
    good = start(may_go_on=lambda: told)
    folder = videos(*(f"{index}.mp4" for index in range(4)))
    results = submit(WORKFLOW, folder, {}, [gone, good.url], tmp_path / "out", callbacks=Callbacks(trouble=told.append))
    assert set(statuses(results).values()) == {"done"}
    assert any("connection failed: nothing answers at" in text and "--server" in text for text in told)


def test_without_a_server_every_clip_is_told(videos, tmp_path):
    results = submit(WORKFLOW, videos("a.mp4", "b.mp4", "c.mp4"), {}, [closed_port()], tmp_path / "out")
    assert statuses(results) == {"a.mp4": "failed", "b.mp4": "failed", "c.mp4": "failed"}
    assert {result.message for result in results if not result.troubles} == {"no server is left"}


def test_a_run_that_outlives_its_connection_counts(start, videos, tmp_path):
    server = start("drops_late")
    [result] = submit(WORKFLOW, videos("a.mp4") / "a.mp4", {}, [server.url], tmp_path / "out")
    assert result.status == "done" and not server.withdrawn


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("errors", "Step 1: generate: the [bold]engine[/] is broken"),
        ("rejects", "engine: 'x' not in []"),
        ("takes a part", "refuses a part of the workflow: Custom validation failed: filename_prefix: no"),
        ("drops", "dropped the connection"),
        ("empty", "made no file"),
    ],
)
def test_what_fails_everywhere_is_told_and_the_rest_goes_on(start, videos, tmp_path, behaviour, message, capsys):
    server = start(behaviour)
    command = [
        "comfy",
        "submit",
        str(WORKFLOW),
        "--video",
        str(videos("a.mp4", "b.mp4")),
        "--server",
        server.url,
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    assert main(command) == 6
    printed = capsys.readouterr()
    results = json.loads(printed.out)
    assert [(result["label"], result["status"]) for result in results] == [("a.mp4", "failed"), ("b.mp4", "failed")]
    assert all(message in result["message"] for result in results)
    assert message in printed.err
    assert not list((tmp_path / "out").rglob("*.submit.json"))
    server.behaviour = "works"
    assert main(command) == 0
    for stem in "ab":
        fits("clip", json.loads((tmp_path / "out" / f"{stem}.submit.json").read_text()))


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.mp4",
        "/etc/cron.d/evil.mp4",
        "..\\..\\evil.mp4",
        "C:\\evil.mp4",
        "\\\\host\\share\\evil.mp4",
        "a\0b.mp4",
        "x\n.mp4",
        "." * 3000 + ".mp4",
    ],
)
def test_a_server_s_file_names_choose_nothing_here(start, videos, tmp_path, name):
    made = [{"filename": name, "subfolder": "../../..", "type": "output"}]
    server = start(made=made)
    [result] = submit(WORKFLOW, videos("a.mp4") / "a.mp4", {}, [server.url], tmp_path / "out" / "deep")
    assert result.files == (tmp_path / "out" / "deep" / "a.mp4",)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["a.mp4", "a.submit.json"]
    assert server.asked_for[0]["filename"] == name


def test_a_video_s_name_arrives_as_it_is(start, videos, tmp_path):
    server = start()
    names = ["two words.mp4", "雨.mp4", "100%20.mp4", "it's; (1).mp4", 'a"b\\c\n.mp4']
    submit(WORKFLOW, videos(*names), {}, [server.url], tmp_path / "out")
    assert sorted(server.uploads) == sorted([*names[:-1], "a_b_c_.mp4"])


def test_files_are_told_apart_by_kind_and_number_and_unknown_kinds_are_not_trusted(start, videos, tmp_path):
    names = ["x.wav", "y.WAV", "z.exe", "noending", "w.desktop", "p.mp4"]
    made = [{"filename": name, "subfolder": "", "type": "output"} for name in names]
    made += [{"filename": "t.png", "type": "temp"}, {"filename": 5, "type": "output"}, "text", None]
    [result] = submit(WORKFLOW, videos("a.mp4") / "a.mp4", {}, [start(made=made).url], tmp_path / "out")
    assert [path.name for path in result.files] == ["a.wav", "a.2.wav", "a.bin", "a.2.bin", "a.3.bin", "a.mp4"]


def test_stopping_takes_the_run_back_from_the_server(start, videos, tmp_path):
    server, token = start("hangs"), CancelToken()
    threading.Thread(target=lambda: (server.started.wait(LIMIT_S), token.cancel()), daemon=True).start()
    with pytest.raises(Cancelled):
        submit(WORKFLOW, videos("a.mp4"), {}, [server.url], tmp_path / "out", progress=Progress(check=token.check))
    assert server.interrupted and server.interrupted == server.withdrawn


def test_a_table_s_row_sets_its_inputs(start, videos, tmp_path):
    folder = videos("a.mp4", "b.mp4")
    (folder / "list.csv").write_text("video,prompt,start,fallback\na.mp4,rain,0.5,\nb.mp4,,,rm\n")
    server = start()
    results = submit(WORKFLOW, folder / "list.csv", {"prompt": "wind"}, [server.url], tmp_path / "out")
    assert list(statuses(results).values()) == ["done", "failed"]
    assert "no input 'fallback'" in results[1].message
    assert (server.prompts[0]["2"]["inputs"]["prompt"], server.prompts[0]["1"]["inputs"]["start"]) == ("rain", 0.5)


def test_inputs_are_addressed_by_name_node_and_title():
    workflow = Workflow(copy.deepcopy(PROMPT))

    def changed(*texts):
        after = workflow.with_inputs(parse_assignments(list(texts))).prompt
        return {
            (node, name): value
            for node, body in after.items()
            for name, value in body["inputs"].items()
            if value != PROMPT[node]["inputs"][name]
        }

    assert changed("seed=7") == {("2", "seed"): 7, ("3", "seed"): 7}
    assert changed("2.seed=7") == {("2", "seed"): 7}
    assert changed("Step 1: Generate.prompt=a=b, c") == {("2", "prompt"): "a=b, c"}
    assert changed("1.start=0.25") == {("1", "start"): 0.25}
    assert changed("4.whole_trace=no") == {("4", "whole_trace"): False}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing=1", "no input 'nothing'"),
        ("2.video=x", "no input '2.video'"),
        ("9.seed=1", "no input '9.seed'"),
        ("seed=many", "expected a number, got 'many'"),
        ("4.whole_trace=maybe", "true or false"),
        ("seed", "NAME=VALUE"),
        ("=1", "NAME=VALUE"),
    ],
)
def test_what_addresses_nothing_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        Workflow(PROMPT).with_inputs(parse_assignments([text]))


def test_the_video_s_place_is_found_or_asked_for():
    assert list(map(str, Workflow(PROMPT).video_inputs())) == ["1.file"]
    two = copy.deepcopy(PROMPT)
    two["9"] = copy.deepcopy(two["1"])
    assert len(Workflow(two).video_inputs()) == 2
    two["9"]["inputs"]["file"] = "other.mp4"
    with pytest.raises(InputError, match=r"1\.file, 9\.file"):
        Workflow(two).video_inputs()
    assert list(map(str, Workflow(two).video_inputs("9.file"))) == ["9.file"]
    for node in ("1", "9"):
        two[node]["inputs"]["file"] = ""
    assert len(Workflow(two).video_inputs()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"nodes": [], "links": []}', "API format"),
        ("[]", "API format"),
        ("{}", "API format"),
        ("nothing", "API format"),
        ('{"1": {"class_type": "X"}}', "API format"),
    ],
)
def test_what_is_no_workflow_is_refused_before_anything_is_sent(tmp_path, videos, text, message):
    (tmp_path / "workflow.json").write_text(text)
    with pytest.raises(InputError, match=message):
        submit(tmp_path / "workflow.json", videos("a.mp4"), {}, [closed_port()], tmp_path / "out")


def test_bad_arguments_are_refused(videos, tmp_path, monkeypatch, capsys):
    video = str(videos("a.mp4") / "a.mp4")
    command = ["comfy", "submit", str(WORKFLOW), "--out", str(tmp_path / "out"), "--video"]
    for arguments in (
        [video, "--server", "ftp://host"],
        [video, "--server", "http://"],
        [video, "--set", "nothing=1"],
        [str(tmp_path / "missing.mp4")],
        [video, "--out", str(tmp_path / "videos")],
    ):
        assert main([*command, *arguments]) == 2, arguments
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert main([*command, video]) == 4
    assert "-m pip install aiohttp" in capsys.readouterr().err


def test_the_example_does_what_it_says(start, videos, tmp_path, monkeypatch, capsys):
    server = start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["comfy_client.py", str(videos("a.mp4") / "a.mp4"), server.url])
    runpy.run_path(str(ROOT / "demo" / "comfy_client.py"))
    assert capsys.readouterr().out.startswith("a.mp4 done outputs/a.mp4")
    assert server.prompts[0]["2"]["inputs"]["prompt"] == "rain on a tin roof"


@pytest.mark.comfy
def test_a_real_server_gives_the_clip_its_sound(server, make_video, tmp_path):
    video = make_video(f"für {server.core.name} & (1).mp4", seconds=1.0)
    results = submit(
        WORKFLOW,
        video,
        {"prompt": "rain", "filename_prefix": f"submit/{server.core.name}"},
        [closed_port(), server.url],
        tmp_path / "out",
    )
    assert [(result.status, result.server) for result in results] == [("done", server.url)]
    [finished] = results[0].files
    assert finished == tmp_path / "out" / video.name
    assert Clip.open(finished).audio() is not None and results[0].texts
    assert (server.base / "input" / video.name).read_bytes() == video.read_bytes()


@pytest.mark.comfy
def test_a_real_server_s_refusal_is_told(server, make_video, tmp_path):
    video = make_video("refused.mp4", seconds=0.5)
    [result] = submit(WORKFLOW, video, {"engine": "nonsense"}, [server.url], tmp_path / "out")
    assert result.status == "failed" and "nonsense" in result.message

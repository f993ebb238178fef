"""Tests of hostile servers and malformed workflow files: bounded, one-sentence errors."""

# ruff: noqa: F811 - fixtures of another module

import json
import os
import random
import tracemalloc

import pytest

from deepsound.cli.main import main
from deepsound.comfy import server as client
from deepsound.comfy import submission, submit
from deepsound.comfy.answers import fraction, outputs, parse, refusal
from deepsound.comfy.workflow import Workflow
from deepsound.errors import InputError, OutputError
from tests.comfy.fake_server import FakeComfy
from tests.comfy.test_submission import PROMPT, WORKFLOW, no_long_pauses, start, videos  # noqa: F401


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("endless", "more than 1 MiB"),
        ("endless_prompt", "more than 1 MiB"),
        ("deep", "unusable id|does not say where"),
        ("packed", "compressed its answer"),
        ("wrong_types", "refuses the workflow: "),
        ("redirects", "another address"),
        ("redirects_socket", "another address"),
        ("odd_id", "unusable id"),
        ("many_files", "more files"),
    ],
)
def test_a_hostile_server_costs_one_sentence_and_no_memory(
    start,
    videos,
    tmp_path,
    monkeypatch,
    behaviour,
    message,
):
    monkeypatch.setattr(client, "_LARGEST_ANSWER", 1 << 20)
    elsewhere = start()
    bad = start(behaviour, elsewhere=elsewhere.url + "/ws")
    tracemalloc.start()
    try:
        (result,) = submit(WORKFLOW, videos("a.mp4") / "a.mp4", {}, [bad.url], tmp_path / "out")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.status == "failed"
    assert any(part in result.message for part in message.split("|")), result.message
    assert peak < 64 << 20 and not elsewhere._sockets and not elsewhere.uploads


def test_another_server_does_what_a_hostile_one_cannot(start, videos, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_LARGEST_ANSWER", 1 << 20)
    bad, good = start("endless"), start()
    results = submit(WORKFLOW, videos("a.mp4", "b.mp4"), {}, [bad.url, good.url], tmp_path / "out")
    assert [result.status for result in results] == ["done", "done"]


def test_wild_numbers_and_deep_messages_do_not_end_a_run(start, videos, tmp_path):
    (result,) = submit(WORKFLOW, videos("a.mp4") / "a.mp4", {}, [start("wild_progress").url], tmp_path / "out")
    assert result.status == "done", result.message


def test_an_error_of_any_kind_ends_its_own_clip_alone(start, videos, tmp_path, monkeypatch):
    def stumble(folder, video, names):
        if video.name == "a.mp4":
            raise TypeError("anything")
        return original(folder, video, names)

    original = submission._targets
    monkeypatch.setattr(submission, "_targets", stumble)
    results = submit(WORKFLOW, videos("a.mp4", "b.mp4"), {}, [start().url], tmp_path / "out")
    assert {result.label: result.status for result in results} == {"a.mp4": "failed", "b.mp4": "done"}
    assert "TypeError: anything" in [result.message for result in results]


def test_a_full_disk_ends_the_submission(start, videos, tmp_path, monkeypatch):
    def full(self, file, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(client.Server, "fetch", full)
    server = start()
    with pytest.raises(OutputError, match="No space left"):
        submit(WORKFLOW, videos("a.mp4", "b.mp4", "c.mp4"), {}, [server.url], tmp_path / "out")
    assert len(server.uploads) == 1


def test_quiet_still_tells_failures_and_an_empty_folder_is_no_success(start, videos, tmp_path, capsys):
    command = ["comfy", "submit", str(WORKFLOW), "--out", str(tmp_path / "out"), "--quiet", "--server"]
    assert main([*command, start("errors").url, "--video", str(videos("a.mp4"))]) == 6
    assert "failed a.mp4" in capsys.readouterr().err
    (tmp_path / "nothing").mkdir()
    assert main([*command, start().url, "--video", str(tmp_path / "nothing")]) == 2
    assert "holds no video" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_sent(
    start,
    videos,
    tmp_path,
    monkeypatch,
    capsys,
):
    def refuse(**named):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    server = start()
    command = ["comfy", "submit", str(WORKFLOW), "--video", str(videos("a.mp4")), "--server", server.url, "--quiet"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 5
    assert "read-only" in capsys.readouterr().err and not server.uploads


def test_nothing_that_is_sent_names_a_folder_of_this_machine(start, videos, tmp_path, monkeypatch):
    sent = []

    async def keep(self, request):
        sent.append(await request.read())
        return await original(self, request)

    original = FakeComfy._upload
    monkeypatch.setattr(FakeComfy, "_upload", keep)
    server = start()
    submit(WORKFLOW, videos("a.mp4") / "a.mp4", {}, [server.url], tmp_path / "out")
    assert b'filename="a.mp4"' in sent[0] and os.fsencode(tmp_path) not in sent[0]
    assert str(tmp_path) not in json.dumps(server.prompts)


def node(**changes):
    return {"1": {"class_type": "X", "inputs": {}, **changes}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"1":' * 50_000, "nested too deeply"),
        (b"\xff\xfe{}", "decode"),
        (b"", "Expecting value"),
        (b"{}", "holds no node"),
        (json.dumps({"1": []}).encode(), "'1' is a list"),
        (json.dumps({"1": None}).encode(), "'1' is null"),
        (json.dumps({"1": "text"}).encode(), "'1' is a text"),
        (json.dumps({"1": {"inputs": {}}}).encode(), "'1' has no class_type"),
        (json.dumps(node(class_type=7)).encode(), "a number as its class_type"),
        (json.dumps({"1": {"class_type": "X"}}).encode(), "'1' has no inputs"),
        (json.dumps(node(inputs=[])).encode(), "a list as its inputs"),
        (json.dumps(node(inputs={"seed": float("nan")})).encode(), "NaN"),
    ],
)
def test_a_malformed_workflow_is_one_sentence(tmp_path, content, message):
    (tmp_path / "workflow.json").write_bytes(content)
    with pytest.raises(InputError, match=r"workflow\.json.*API format.*" + message):
        Workflow.load(tmp_path / "workflow.json")


@pytest.mark.parametrize("meta", [[], "title", 7, None, {"title": [1]}, {"title": None}, {}])
def test_a_title_of_any_type_is_no_traceback(tmp_path, meta):
    (tmp_path / "workflow.json").write_text(json.dumps(node(_meta=meta, inputs={"file": "a.mp4", "x": [1, {}]})))
    workflow = Workflow.load(tmp_path / "workflow.json")
    assert workflow.title("1") and [str(place) for place in workflow.video_inputs()] == ["1.file"]
    with pytest.raises(InputError, match="no input"):
        workflow.with_inputs({"no.such": 1})


def test_inputs_that_take_the_video_may_be_of_any_type(tmp_path):
    loaders = {
        str(number): {"class_type": "LoadVideo", "inputs": {"file": value}} for number, value in enumerate(([], {}))
    }
    (tmp_path / "workflow.json").write_text(json.dumps(loaders))
    with pytest.raises(InputError, match="is not clear"):
        Workflow.load(tmp_path / "workflow.json").video_inputs()


@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", "9" * 5000])
def test_a_value_that_is_no_json_is_one_short_sentence(text):
    with pytest.raises(InputError, match="expected a number, got") as refused:
        Workflow(PROMPT).with_inputs({"seed": text})
    assert len(str(refused.value)) < 400


def test_what_a_server_says_is_read_field_by_field():
    rng = random.Random(5)  # noqa: S311 - a fixed sequence
    values = [None, True, 7, -1.5, 10**400, float("nan"), "text", [], [1, "x", {"filename": 3}], {}, {"errors": 1}]

    def any_value(depth=0):
        if depth == 3 or rng.random() < 0.5:
            return rng.choice(values)
        keys = ["outputs", "node_errors", "error", "message", "errors", "filename", "subfolder", "type", "7"]
        if rng.random() < 0.5:
            return [any_value(depth + 1) for _ in range(3)]
        return {rng.choice(keys): any_value(depth + 1) for _ in range(3)}

    for _ in range(3000):
        content = any_value()
        files, texts = outputs(content)
        assert all(isinstance(text, str) for text in texts) and all(isinstance(file.filename, str) for file in files)
        if isinstance(content, dict):
            assert isinstance(refusal(content), str)
        share = fraction(any_value(2), any_value(2))
        assert share is None or 0 <= share <= 1
    assert parse(b"[" * 100_000) == parse(b"[1]") == parse(b"\xff") == parse(b"") == {}

"""The server behind its door, and the command line that starts it."""

import asyncio
import builtins
import socket

import pytest

from deepsound.app.job_queue import JobQueue
from deepsound.app.storage import AppStorage
from deepsound.cli.main import main


@pytest.fixture
def without_gradio(monkeypatch):
    wanted = builtins.__import__

    def refuse(name, *rest, **named):
        if name.split(".")[0] == "gradio":
            raise ImportError("No module named 'gradio'")
        return wanted(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_without_gradio_one_error_says_what_to_install(without_gradio, capsys):
    assert main(["app", "--port", "0"]) == 4
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert "-m pip install gradio" in told.err


def test_a_port_that_is_taken_is_one_error(capsys):
    pytest.importorskip("gradio", reason="gradio is in the [app] extra")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["app", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-upload", "0"], "give a number above 0"),
        (["--max-upload", "nan"], "give a number above 0"),
        (["--port", "99999"], "choose another --port"),
        (["--host", "no.such.address.invalid"], "choose another --port"),
        (["--weights", "nonsense"], "ID=PATH"),
    ],
)
def test_bad_arguments_are_one_error(arguments, message, capsys):
    pytest.importorskip("gradio", reason="gradio is in the [app] extra")
    assert main(["app", "--port", "0", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_uploads_results_and_requests_over_http(tmp_path, make_video):
    pytest.importorskip("gradio", reason="gradio is in the [app] extra")
    import httpx

    from deepsound.app.server import application, keeping_to

    video = make_video("clip.mp4", seconds=0.5).read_bytes()
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(video)

    async def talk(folder):
        transport = httpx.ASGITransport(application(JobQueue(folder), folder))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as client:
            sent = await client.post("/gradio_api/upload", files={"files": ("../../evil\n.mp4", video)})
            (path,) = sent.json()
            assert str(folder.root) not in path and "evil" not in path, "no page is told where files are"
            assert (await client.get(f"/gradio_api/file={path}")).content == video
            assert (await client.get(f"/gradio_api/file={outside}")).status_code == 403
            for wrong in ({"data": {"x": "y"}}, {"files": {"other": ("x", b"1")}}, {"content": b"{}"}):
                assert (await client.post("/gradio_api/upload", **wrong)).status_code == 400
            two = [("files", ("a.mp4", b"1")), ("files", ("b.mp4", b"2"))]
            assert (await client.post("/gradio_api/upload", files=two)).status_code == 400
            big = {"files": ("big.mp4", b"0" * (2 << 20))}
            assert (await client.post("/gradio_api/upload", files=big)).status_code == 413
            assert (await client.get(f"/gradio_api/file={folder.resolve(path)}")).status_code == 403
            joined = {"data": [{"video": {"path": str(outside)}}], "fn_index": 0, "session_hash": "x"}
            assert (await client.post("/gradio_api/queue/join", json=joined)).status_code == 403
            with folder.new_run(folder.upload(folder.resolve(path))) as (run_id, source):
                (source.parent / "deepsound.wav").write_bytes(b"0123456789")
            asked = await client.get(f"/results/{run_id}/deepsound.wav", headers={"range": "bytes=2-4"})
            assert (asked.status_code, asked.content, asked.headers["content-type"]) == (206, b"234", "audio/wav")
            assert (await client.get(f"/results/{run_id}/deepsound.upload")).status_code == 404
        assert list(folder.scratch.iterdir()) == []

    with AppStorage(tmp_path / "app", max_upload_bytes=1 << 20) as folder, keeping_to(folder):
        asyncio.run(talk(folder))


def test_a_full_house_is_a_sentence(tmp_path):
    pytest.importorskip("gradio", reason="gradio is in the [app] extra")
    import httpx

    from deepsound.app.server import application, keeping_to

    async def talk(folder):
        transport = httpx.ASGITransport(application(JobQueue(folder), folder))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as client:
            answers = []
            for _ in range(4):
                answers.append(await client.post("/gradio_api/upload", files={"files": ("a.mp4", b"0" * 40_000)}))
        assert [answer.status_code for answer in answers] == [200, 200, 507, 507]
        assert "There will be room as soon as" in answers[-1].text
        assert all(folder.confine(folder.resolve(answer.json()[0])) for answer in answers[:2])

    with AppStorage(tmp_path / "app", 1 << 20, budget_bytes=100_000) as folder, keeping_to(folder):
        asyncio.run(talk(folder))


def test_the_page_s_settings_keep_it_to_itself(tmp_path):
    pytest.importorskip("gradio", reason="gradio is in the [app] extra")
    from deepsound.app.page import build

    with AppStorage(tmp_path / "app") as folder:
        config = build(JobQueue(folder)).get_config_file()
    assert config["analytics_enabled"] is False
    names = {
        choice[1]
        for component in config["components"]
        if component["props"].get("elem_id") == "ds-generator"
        for choice in component["props"]["choices"]
    }
    assert {"auto", "draft", "source", "mmaudio_large_44k_v2"} <= names

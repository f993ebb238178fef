"""Tests of the pack's routes on ComfyUI's server: what they take and whom they refuse."""

import asyncio
import json
import sys
from types import SimpleNamespace

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: it comes with ComfyUI")
FLOW = "mmaudio/small_16k"


@pytest.fixture
def routes(host, pack, monkeypatch):
    from aiohttp import web

    table = web.RouteTableDef()
    monkeypatch.setattr(sys.modules["server"].PromptServer, "instance", SimpleNamespace(routes=table))
    asyncio.run(pack.comfy_entrypoint().get_node_list())
    module = sys.modules[f"{pack.__name__}.nodes.routes"]
    monkeypatch.setattr(module.host_folders, "_is_file", lambda path: path.is_file())
    folders = sys.modules["folder_paths"]
    monkeypatch.setattr(folders, "get_directory_by_type", lambda kind: str(host.root / kind), raising=False)
    module.table = table
    return module


def ask(routes, method, path, **options):
    """Status and JSON (or length in bytes) of one request to the routes."""

    async def run():
        from aiohttp import web
        from aiohttp.test_utils import TestClient, TestServer

        application = web.Application()
        application.add_routes(routes.table)
        async with TestClient(TestServer(application)) as client:
            answer = await client.request(method, path, **options)
            if "json" in answer.headers.get("Content-Type", ""):
                return answer.status, await answer.json()
            return answer.status, len(await answer.read())

    return asyncio.run(run())


def post(routes, path, body, **headers):
    return ask(routes, "POST", path, data=json.dumps(body), headers={"Content-Type": "application/json", **headers})


def test_the_list_names_what_an_engine_needs_where_it_goes_and_what_is_free(routes, host):
    status, found = ask(routes, "GET", "/deepsound/weights?engine=mmaudio_small_16k&engine=draft")
    assert status == 200 and found["free_bytes"] > 0 and "mmaudio_small_16k" in found["engines"]
    flow = next(row for row in found["weights"] if row["id"] == FLOW)
    assert flow["path"].startswith(str(host.root / "models")) and flow["licence"]["name"] == "CC-BY-NC-4.0"
    assert not any(row["is_present"] for row in found["weights"])
    assert ask(routes, "GET", "/deepsound/weights?engine=draft")[1]["weights"] == []
    assert len(ask(routes, "GET", "/deepsound/weights")[1]["weights"]) > 20


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_sites_page_can_start_nothing(routes, headers):
    status, answer = post(routes, "/deepsound/weights/download", {"id": FLOW, "licence": "CC-BY-NC-4.0"}, **headers)
    assert status == 403 and answer["error"]
    assert routes._JOBS.get(FLOW) is None


@pytest.mark.parametrize(
    "body",
    [
        {"id": "http://example.com/w.safetensors", "licence": "MIT"},
        {"id": "../../w", "licence": "MIT"},
        {"id": FLOW},
        {"id": FLOW, "licence": ""},
        {"id": [FLOW], "licence": "MIT"},
        {},
        [],
        "x" * 5000,
    ],
)
def test_a_download_takes_names_of_the_catalogue_with_their_licence_and_nothing_else(routes, body):
    status, answer = post(routes, "/deepsound/weights/download", body)
    assert status == 400 and answer["error"]
    assert routes._JOBS.get(FLOW) is None


@pytest.mark.parametrize(
    "place",
    [
        {"filename": "../secret.mp4", "subfolder": "", "type": "input"},
        {"filename": "a.mp4", "subfolder": "../..", "type": "output"},
        {"filename": "/etc/passwd", "subfolder": "", "type": "input"},
        {"filename": "a.mp4", "subfolder": "", "type": "models"},
        {"filename": "gone.mp4", "subfolder": "", "type": "input"},
        {"filename": "", "subfolder": "", "type": "input"},
    ],
)
def test_no_path_leads_out_of_comfyuis_folders(routes, host, place):
    (host.root / "secret.mp4").write_bytes(b"x")
    assert ask(routes, "GET", "/deepsound/preview", params=place)[0] == 400
    assert post(routes, "/deepsound/open", place)[0] == 400


def test_a_folder_is_named_where_there_is_no_desktop(routes, host, monkeypatch):
    opened = []
    monkeypatch.setattr(routes.open_folder, "open_folder", lambda folder: opened.append(folder) or False)
    (host.root / "output" / "a.mp4").write_bytes(b"x")
    place = {"filename": "a.mp4", "subfolder": "", "type": "output"}
    expected = {"folder": str(host.root / "output"), "opened": False}
    assert post(routes, "/deepsound/open", place) == (200, expected)
    status, answer = post(routes, "/deepsound/weights/open", {"id": FLOW})
    assert status == 200 and opened == [expected["folder"], answer["folder"]]


def test_folders_are_opened_for_this_machine_alone(routes):
    is_loopback = routes.open_folder.is_loopback
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("::ffff:127.0.0.1")
    assert not any(map(is_loopback, ("192.168.1.4", "::ffff:10.0.0.1", "", "unix")))


def test_a_video_that_browsers_cannot_show_has_a_copy_that_they_can(routes, host, make_video, tone):
    from deepsound.media.clip import Clip

    ten_bit = {"codec": "libx265", "pixel_format": "yuv420p10le", "audio": tone(seconds=1.0)}
    made = make_video("ten_bit.mkv", size=(96, 64), fps=10, seconds=1.0, **ten_bit)
    (host.root / "input" / "ten_bit.mkv").write_bytes(made.read_bytes())
    place = {"filename": "ten_bit.mkv", "type": "input"}
    assert ask(routes, "GET", "/deepsound/preview", params=place)[0] == 200
    (copy,) = (host.root / "temp").glob("deepsound_preview_*.mp4")
    clip = Clip.open(copy)
    assert (clip.video.codec, clip.video.pixel_format, clip.info.audio.codec) == ("h264", "yuv420p", "aac")
    assert clip.duration_s == pytest.approx(1.0, abs=0.11)
    before = copy.stat().st_mtime_ns
    assert ask(routes, "GET", "/deepsound/preview", params=place)[0] == 200
    assert copy.stat().st_mtime_ns == before, "one copy serves until the file changes"


def test_what_is_no_video_has_no_copy_and_the_answer_says_why(routes, host):
    (host.root / "input" / "notes.mp4").write_bytes(b"no video")
    status, answer = ask(routes, "GET", "/deepsound/preview", params={"filename": "notes.mp4", "type": "input"})
    assert status == 400 and "notes.mp4" in answer["error"]

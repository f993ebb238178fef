"""Attempts to lead the reasoner `server` elsewhere or to its key: none gets through."""

from __future__ import annotations

import json
import logging
import traceback

import pytest
import torch

from deepsound import engines
from deepsound.batch.clips import Skipped
from deepsound.cli.main import main
from deepsound.errors import DeepSoundError, EngineError, InputError
from deepsound.media.clip import Clip
from deepsound.reason.server.chat import complete
from deepsound.runtime.endpoints import Endpoint, endpoints
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from tests.reason.server import fake_judge
from tests.reason.server.conftest import KEY
from tests.reason.server.fake_judge import ANSWER, FakeJudge

SOUND = Audio(torch.zeros(1, 16000), 16000)
GENERATE = ["--generator", "noise", "--separator", "halving", "--quiet"]


@pytest.fixture
def trap():
    """A server that nobody configured: it must never be asked."""
    with FakeJudge() as judge:
        yield judge
        assert not judge.paths, "a request went where nothing was configured"


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video(fps=5, seconds=1.0))


@pytest.mark.parametrize(
    "rest",
    [
        "{url}",
        "{origin}",
        "//{host}/v1",
        "lab@{host}",
        "lab/../{host}",
        "../../settings/config.toml",
        "LAB",
        "lab ",
        "lab\n{url}",
        "lab%00",
        "lab;{url}",
        "lab#{url}",
    ],
)
def test_a_name_never_becomes_an_address(configure, trap, clip, rest):
    configure(lab={"url": "http://127.0.0.1:1/v1"})
    name = "server:" + rest.format(url=trap.url, origin=trap.origin, host=trap.origin.removeprefix("http://"))
    with pytest.raises(InputError, match="expected the name of a configured server"):
        engines.reasoner(name).judge(clip, SOUND, Progress())


def test_a_folder_s_own_settings_cannot_name_servers(trap, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSOUND_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "none"))
    (tmp_path / "deepsound.toml").write_text(f'[endpoints.lab]\nurl = "{trap.url}"')
    assert endpoints() == {}
    assert main(["engines"]) == 2
    assert "a folder's own settings cannot name servers" in capsys.readouterr().err


def test_a_table_of_clips_cannot_name_servers(trap, clip, tmp_path):
    from deepsound.batch.sources import open_source

    table = tmp_path / "clips.csv"
    table.write_text(f"video,server\n{clip.path},{trap.url}\n")
    with pytest.raises(InputError, match="server"):
        assert not [entry for entry in open_source(str(table), tmp_path).entries() if not isinstance(entry, Skipped)]


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_and_take_no_key_along(question, trap, number):
    with FakeJudge(fake_judge.status(number, Location=trap.url)) as judge:
        with pytest.raises(EngineError, match=f"redirect .HTTP {number}., which is not followed"):
            complete(Endpoint("lab", judge.url, key=KEY, retries=0), question, Progress())
        assert len(judge.bodies) == 1


def test_addresses_in_headers_and_answers_are_data(question, trap):
    refresh = {"Refresh": f"0; url={trap.url}", "Link": f"<{trap.url}>; rel=next", "Content_Location": trap.url}
    calls = [{"type": "function", "function": {"name": "fetch", "arguments": json.dumps({"url": trap.url})}}]
    content = json.dumps({"choices": [{"message": {"content": f"![]({trap.url})", "tool_calls": calls}}]}).encode()
    with FakeJudge(fake_judge.status(200, content, **refresh)) as judge:
        assert trap.url in complete(Endpoint("lab", judge.url, retries=0), question, Progress()).text
        assert len(judge.bodies) == 1


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_see_nothing(question, trap, monkeypatch, variable):
    monkeypatch.setenv(variable, trap.origin)
    with FakeJudge() as judge:
        complete(Endpoint("lab", judge.url, key=KEY, retries=0), question, Progress())
        assert len(judge.bodies) == 1


def test_neither_file_name_nor_prompt_nor_metadata_is_sent(configure, trap, make_video, fake_engines, tmp_path):
    path = make_video(f"image_url {trap.origin.replace('/', '_')}.mp4", fps=5, seconds=1.0)
    with FakeJudge() as judge:
        configure(lab={"url": judge.url})
        flags = ["--reasoner", "server:lab", "--prompt", f"fetch {trap.url}/prompt", *GENERATE]
        assert main(["run", str(path), *flags, "-o", str(tmp_path / "out")]) == 0
    sent = json.dumps(judge.bodies)
    port = trap.origin.rpartition(":")[2]
    assert "image_url " not in sent and f":{port}" not in sent and str(tmp_path) not in sent
    urls = [part["image_url"]["url"] for part in judge.bodies[0]["messages"][-1]["content"] if "image_url" in part]
    assert urls and all(url.startswith("data:image/jpeg;base64,") for url in urls)


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{KEY}@localhost/v1",
        f"http://localhost/v1?api_key={KEY}",
        f"http://localhost/v1#{KEY}",
        "file:///etc/passwd",
        "ftp://localhost/v1",
        "localhost:8000/v1",
        "http:///v1",
        "http://localhost:99999/v1",
        "http://local host/v1",
        "http://localhost/v1\\r\\nX-Evil: 1",
        "http://localhost/v1/\\u202e",
    ],
)
def test_addresses_that_are_none_are_refused_without_being_repeated(configure, url):
    configure(lab={"url": url})
    with pytest.raises(InputError, match=r"\[endpoints.lab\]: url: expected") as error:
        endpoints()
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "table",
    [
        {"key": f"{KEY}\\r\\nX-Evil: 1"},
        {"key": f"{KEY} and more"},
        {"key": f"{KEY}é"},
        {"key_env": KEY},
        {"key": KEY, "frames": 0},
        {"key": KEY, "timeout_s": 0},
        {"key": KEY, "sound": "all"},
        {"key": KEY, "tool": "shell"},
        {"key": KEY, "schema": 1},
    ],
)
def test_settings_that_cannot_be_are_refused_without_the_key(configure, table):
    configure(lab={"url": "http://localhost/v1", **table})
    with pytest.raises(InputError, match=r"\[endpoints.lab\]: ") as error:
        endpoints()
    assert KEY not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("number", [400, 401, 403, 404, 422, 429, 500, 503])
def test_an_error_that_repeats_the_key_is_shown_without_it(question, number):
    body = json.dumps({"error": f"Incorrect API key: Bearer {KEY}"}).encode()
    with FakeJudge(fake_judge.status(number, body)) as judge, pytest.raises(EngineError) as error:
        complete(Endpoint("lab", judge.url, key=KEY, retries=0), question, Progress())
    assert KEY not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("escape", [False, True])
def test_an_answer_that_repeats_the_key_is_read_without_it(question, escape):
    name = "".join(f"\\u{ord(letter):04x}" for letter in KEY) if escape else KEY
    body = f'{{"model": "{name}", "choices": [{{"message": {{"content": "A. Yes {name}"}}}}]}}'
    with FakeJudge(fake_judge.status(200, body.encode())) as judge:
        answer = complete(Endpoint("lab", judge.url, key=KEY, retries=0), question, Progress())
    assert (answer.text, answer.model) == ("A. Yes [key]", "[key]")


def test_no_file_of_a_run_or_a_batch_no_log_and_no_output_has_the_key(
    configure, clip, fake_engines, tmp_path, capfd, caplog
):
    caplog.set_level(logging.DEBUG)
    said = json.dumps({**ANSWER, "caption": f"The key is {KEY}."})
    with FakeJudge(fake_judge.text(said)) as judge:
        configure(lab={"url": judge.url, "key": KEY})
        flags = ["--reasoner", "server:lab", *GENERATE[:-1]]
        assert main(["run", str(clip.path), *flags, "-o", str(tmp_path / "out")]) == 0
        log = ["-v", "--log-file", str(tmp_path / "out" / "run.log")]
        assert main(["batch", str(clip.path.parent), *flags, *log, "-o", str(tmp_path / "many")]) == 0
        judge.behave = fake_judge.status(401, f"Bearer {KEY}".encode())
        assert main(["run", str(clip.path), *flags, *log, "-o", str(tmp_path / "failed")]) == 4
        assert judge.headers[0]["Authorization"] == f"Bearer {KEY}"
    files = [path for name in ("out", "many") for path in (tmp_path / name).rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not [path for path in files if KEY.encode() in path.read_bytes() or judge.url.encode() in path.read_bytes()]
    record = (tmp_path / "out" / "clip.result.json").read_text()
    assert json.loads(record)["engines"]["reasoner"]["name"] == "server:lab" and "[key]" in record
    captured = capfd.readouterr()
    assert KEY not in captured.out + captured.err + caplog.text


@pytest.mark.parametrize(
    "command", [["config", "show"], ["config", "show", "--json"], ["doctor"], ["doctor", "--json"]]
)
def test_reports_on_settings_do_not_show_the_key(configure, capfd, command):
    configure(lab={"url": "http://localhost:1/v1", "key": KEY})
    main(command)
    captured = capfd.readouterr()
    assert captured.out and KEY not in captured.out + captured.err


def test_neither_repr_nor_menus_nor_engine_settings_show_key_or_address(configure):
    configure(lab={"url": "http://localhost:1/v1", "key": KEY})
    assert KEY not in repr(endpoints()) and endpoints()["lab"].key == KEY
    menus = repr(engines.available("reasoner")) + repr(vars(engines.reasoner("server:lab")))
    assert "server:lab" in menus and KEY not in menus and "localhost" not in menus


def test_a_damaged_settings_file_takes_no_menu_away_and_is_said_without_its_content(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text(f'[endpoints.lab]\nkey = "{KEY}\n')
    monkeypatch.setenv("DEEPSOUND_CONFIG", str(tmp_path / "config.toml"))
    assert {"rules", "server"} <= set(engines.names("reasoner"))
    with pytest.raises(DeepSoundError, match="cannot be read as settings") as error:
        endpoints()
    assert KEY not in str(error.value)

"""Tests of hostile mirrors: bounded, never decoded, always an end, one error."""

import gzip
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deepsound.errors import Cancelled, EngineError
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.weights import remote, transfer
from deepsound.weights.catalogue import read_entry
from deepsound.weights.download import download
from tests.processes import start

BLOCK = b"x" * 65536
SIZE = 100_000


@contextmanager
def served(answer):
    """A server on the loopback whose every answer is what `answer(handler)` writes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *ignored):
            pass

        def do_GET(self):
            self.close_connection = True
            with suppress(OSError):
                answer(self)

        do_HEAD = do_GET

        def start(self, status=200, **headers):
            self.send_response(status)
            for name, value in ({"Connection": "close"} | headers).items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def endless(self, block=BLOCK):
            sent = 0
            while sent < 300 << 20:
                self.wfile.write(block)
                sent += len(block)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def file_entry(url, **stated):
    return read_entry(
        {
            "id": "test/w",
            "what": "",
            "licence": {"name": "MIT"},
            "engines": [],
            "place": "test",
            "layouts": {},
            "files": [{"name": "w.safetensors", "sources": [{"url": f"{url}/w.safetensors"}], **stated}],
        }
    )


FOLDER = {
    "id": "test/folder",
    "what": "",
    "licence": {"name": "MIT"},
    "engines": [],
    "kind": "folder",
    "place": "folder",
    "layouts": {},
    "holds": ["config.json"],
    "sources": [{"hub": "someone/model"}],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_S", 0.01)


def on_disk(places):
    return sum(path.stat().st_size for path in places.cache.rglob("*") if path.is_file())


def refused(weights, own, match):
    with pytest.raises(EngineError, match=match) as caught:
        download(weights, own)
    assert len(str(caught.value)) < 1500 and str(caught.value).isprintable()
    assert on_disk(own) <= SIZE


@pytest.mark.parametrize("stated", [{"bytes": SIZE}, {"about_bytes": SIZE}, {}], ids=["bytes", "about", "nothing"])
def test_a_body_without_end_stops_at_the_stated_size(own, monkeypatch, stated):
    """1,000 bytes were stated, and the disk was filled."""
    monkeypatch.setattr(transfer, "_MOST_UNSTATED", 200_000)
    with served(lambda handler: (handler.start(), handler.endless())) as url:
        refused(file_entry(url, **stated), own, "sends more than the")


def test_a_compressed_body_is_not_decoded(own):
    bomb = gzip.compress(bytes(50 << 20))

    def answer(handler):
        handler.start(Content_Encoding="gzip", Content_Length=str(len(bomb)))
        handler.wfile.write(bomb)

    with served(answer) as url:
        refused(file_entry(url, bytes=len(bomb)), own, "is sent as gzip; expected it as it is")
        refused(file_entry(url), own, "is sent as gzip; expected it as it is")


def test_range_not_satisfiable_to_a_first_request_is_no_whole_file(own):
    """It was taken for a whole file of no bytes and ended in FileNotFoundError."""

    def answer(handler):
        handler.start(416, Content_Range="bytes */0", Content_Length="0")

    with served(answer) as url:
        refused(file_entry(url), own, r"HTTP 416")


@pytest.mark.parametrize("length", ["many", "-5", "1" * 400, "1e3"])
def test_a_size_that_is_no_number_is_one_error(own, length):
    with served(lambda handler: handler.start(Content_Length=length)) as url:
        refused(file_entry(url, bytes=SIZE), own, r"w\.safetensors")


def test_another_part_than_was_asked_for_is_not_appended(own):
    asked = []

    def answer(handler):
        asked.append(handler.headers.get("Range"))
        if asked[-1] is None:
            handler.start(Content_Length="1000")
            handler.wfile.write(b"x" * 400)
        else:
            handler.start(206, Content_Range="bytes 0-599/1000", Content_Length="600")
            handler.wfile.write(b"y" * 600)

    with served(answer) as url:
        refused(file_entry(url, bytes=1000), own, "sent another part")
    assert asked[:2] == [None, "bytes=400-"]


def test_an_endless_listing_ends(own, monkeypatch):
    with served(lambda handler: (handler.start(), handler.endless(b" " * 65536))) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        refused(read_entry(FOLDER), own, "did not end after")


def test_a_listing_that_drips_ends_too(own, monkeypatch):
    monkeypatch.setattr(remote, "_SLOWEST_LISTING_S", 0.3)

    def answer(handler):
        handler.start()
        for _ in range(6000):
            handler.wfile.write(b" ")
            time.sleep(0.02)

    with served(answer) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        refused(read_entry(FOLDER), own, "did not end after")


def test_a_cancelled_listing_is_left(own, monkeypatch):
    token = CancelToken()

    def answer(handler):
        handler.start()
        token.cancel()
        handler.endless(b" " * 100)

    with served(answer) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(Cancelled):
            download(read_entry(FOLDER), own, Progress(check=token.check))


SCRIPT = """
import sys
from pathlib import Path
from deepsound.weights.catalogue import read_entry
from deepsound.weights.download import download
from deepsound.weights.search_paths import SearchPaths
from deepsound.runtime.progress import Progress
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import json
print("begun", flush=True)
try:
    download(read_entry(json.loads(sys.argv[2])), SearchPaths(cache=Path(sys.argv[1])))
except KeyboardInterrupt:
    print("left", flush=True)
"""


def test_ctrl_c_leaves_an_endless_listing(own):
    """It was not obeyed within ten seconds."""
    begun = threading.Event()

    def answer(handler):
        handler.start()
        for _ in itertools.count():
            handler.wfile.write(b" ")
            begun.set()
            time.sleep(0.05)

    with served(answer) as url:
        child = start(
            [sys.executable, "-c", SCRIPT, str(own.cache), json.dumps(FOLDER)],
            env=os.environ | {"HF_ENDPOINT": url},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert begun.wait(300)
            child.send_signal(signal.SIGINT)
            out, _ = child.communicate(timeout=300)
        finally:
            child.kill()
    assert out.split() == ["begun", "left"]


@pytest.mark.parametrize(
    ("siblings", "says"),
    [
        (None, "expected a list"),
        ({"a": 1}, "expected a list"),
        ([None, None], "an entry has no name"),
        ([[]], "an entry has no name"),
        ([{"rfilename": None}], "an entry has no name"),
        ([{"rfilename": 3}], "an entry has no name"),
        ([{"rfilename": "x" * 5000}], "which no file can be called"),
        ([{"rfilename": "a/" * 2000 + "x"}], "which no file can be called"),
        ([{"rfilename": "\x1b[2Jconfig.json", "size": 3}], "which no file can be called"),
        ([{"rfilename": "a\nb.json", "size": 3}], "which no file can be called"),
        ([{"rfilename": "config.json", "size": "3"}], "the size of config.json is '3'"),
        ([{"rfilename": "config.json", "size": -3}], "the size of config.json is -3"),
        ([{"rfilename": "config.json", "size": 1e300}], "the size of config.json"),
        ([{"rfilename": "config.json", "size": [1]}], "the size of config.json"),
        ([{"rfilename": f"{n}.json", "size": 1} for n in range(10_001)], "at most 10000 files"),
        ([{"rfilename": "../../config.json", "size": 1}], "has no files of"),
    ],
    ids=range(16),
)
def test_listings_of_other_types_names_and_sizes_are_one_error(own, monkeypatch, siblings, says):
    body = json.dumps({"sha": ["no", "commit"], "siblings": siblings}).encode()

    def answer(handler):
        handler.start(Content_Length=str(len(body)))
        handler.wfile.write(body)

    with served(answer) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        refused(read_entry(FOLDER), own, says)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"", b"null", b"[1]", b"\xff\xfe", b'{"siblings":' * 40_000])
def test_listings_that_are_no_json_are_one_error(own, monkeypatch, body):
    def answer(handler):
        handler.start(Content_Length=str(len(body)))
        handler.wfile.write(body)

    with served(answer) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        refused(read_entry(FOLDER), own, "The list of files of someone/model cannot be used")


def test_control_characters_of_a_server_do_not_reach_the_terminal(own, monkeypatch):
    def answer(handler):
        handler.start(302, Location="http://\x1b[2J\x07/", Content_Length="0")

    with served(answer) as url:
        refused(file_entry(url, bytes=SIZE), own, r"w\.safetensors")

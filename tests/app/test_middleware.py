"""The door before the page's server: which requests get in."""

import asyncio
import json

import pytest

from deepsound.app.middleware import API, FILE, UPLOAD, RequestGuard

MINE = "/app/uploads/0.mp4"
LOCAL = {"host": "127.0.0.1:7860"}


async def within(scope, receive, send):
    """A server that reads everything and says what it read."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": body})


def ask(method, path, headers=LOCAL, chunks=(b"",), hosts=frozenset({"127.0.0.1", "localhost"})):
    door = RequestGuard(within, lambda given: given if given == MINE else None, max_upload_bytes=1 << 20, hosts=hosts)
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting[-1]["more_body"] = False
    sent = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(door(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]), dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/config", 200),
        ("GET", "/assets/index.js", 200),
        ("GET", f"{API}/heartbeat/x", 200),
        ("GET", FILE + MINE, 200),
        ("HEAD", "/results/0/deepsound.mp4", 200),
        ("POST", UPLOAD, 200),
        ("GET", FILE + "/etc/passwd", 403),
        ("GET", FILE + "http://example.com/x", 403),
        ("GET", f"{FILE}{MINE}/../x", 404),
        ("GET", "/assets/../../config", 404),
        ("GET", f"{API}/proxy=http://example.com", 404),
        ("GET", "/docs", 404),
        ("GET", f"{API}/info", 404),
        ("POST", f"{API}/component_server", 404),
        ("POST", f"{API}/vibe-edit", 404),
        ("GET", f"{API}/mcp/", 404),
        ("POST", "/", 404),
        ("PUT", UPLOAD, 404),
        ("GET", f"{API}/deep_link", 404),
        ("POST", f"{API}/call/follow", 404),
        ("POST", f"{API}/stream/1", 404),
        ("GET", "/monitoring", 404),
    ],
)
def test_only_what_the_page_needs_is_open(method, path, status):
    assert ask(method, path)[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (LOCAL, 200),
        ({"host": "LOCALHOST:7860"}, 200),
        ({"host": "evil.example:7860"}, 403),
        ({}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "[::1"}, 403),
        (LOCAL | {"origin": "http://127.0.0.1:7860"}, 200),
        (LOCAL | {"origin": "https://evil.example"}, 403),
        (LOCAL | {"origin": "null"}, 403),
        (LOCAL | {"origin": "http://127.0.0.1:9999"}, 403),
        (LOCAL | {"sec-fetch-site": "cross-site"}, 403),
        (LOCAL | {"sec-fetch-site": "same-site"}, 403),
        (LOCAL | {"sec-fetch-site": "same-origin"}, 200),
        (LOCAL | {"content-length": "x"}, 413),
    ],
)
def test_other_sites_and_other_names_for_this_machine_are_refused(headers, status):
    assert ask("POST", UPLOAD, headers)[0] == status


def test_a_link_to_the_page_may_be_followed_but_nothing_behind_it_read_from_elsewhere():
    followed = LOCAL | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask("GET", "/", followed)[0] == 200
    assert ask("GET", "/results/0/deepsound.mp4", followed)[0] == 403
    assert ask("GET", "/", LOCAL | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})[0] == 403


def test_where_others_may_come_in_any_name_will_do_but_still_no_other_site():
    assert ask("GET", "/", {"host": "studio.local:7860"}, hosts=frozenset())[0] == 200
    assert ask("GET", "/", {"host": "studio.local:7860", "origin": "http://evil.example"}, hosts=frozenset())[0] == 403


def test_the_browser_is_told_to_keep_to_this_machine():
    _, _, headers = ask("GET", "/")
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert b"http" not in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"data": [{"path": MINE}, "rain"]}, 200),
        ({"data": [{"video": {"path": MINE}}]}, 200),
        ({"data": ["/etc/passwd"]}, 200),
        ({"data": [{"path": "/etc/passwd"}]}, 403),
        ({"data": [{"path": "http://example.com/x.mp4"}]}, 403),
        ({"data": [[{"a": {"path": None}}]]}, 403),
        ({"path": ["x"]}, 403),
        ({"data": [{"path": MINE, "x": {"path": "y"}}]}, 403),
    ],
)
def test_a_path_in_what_is_asked_has_to_be_an_upload(asked, status):
    body = json.dumps(asked).encode()
    answered, read, _ = ask("POST", f"{API}/queue/join", chunks=(body[:5], body[5:]))
    assert answered == status
    assert status != 200 or read == body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"", 400),
        (b"[" * 60000, 400),
        (b"[" + b"1," * 40000 + b"1]", 413),
        (b"\xff\xfe", 400),
    ],
)
def test_what_cannot_be_read_is_refused(body, status):
    assert ask("POST", f"{API}/queue/join", chunks=(body,))[0] == status


def test_an_upload_over_the_limit_ends_where_the_limit_is():
    assert ask("POST", UPLOAD, chunks=[b"0" * 65536] * 16)[0] == 200
    assert ask("POST", UPLOAD, LOCAL | {"content-length": str(3 << 20)})[0] == 413
    status, told, _ = ask("POST", UPLOAD, chunks=[b"0" * 65536] * 100)
    assert status == 413 and b"--max-upload" in told

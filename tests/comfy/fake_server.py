"""A small stand-in for ComfyUI's HTTP and websocket, which misbehaves as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.waiting import LIMIT_S


@dataclass
class FakeComfy:
    """What it does with a prompt is `behaviour`; what it was sent is kept.

    Behaviours: works, unwell (HTTP 500 for everything), rejects (HTTP 400 for the prompt), "takes a part" (of the
    prompt, and names what it refuses), drops (the websocket closes in mid-run), drops_late (it closes, and the run ends
    all the same), errors (a node fails), hangs (the run never ends), nonsense (answers that are no JSON), empty (a run
    without a file). Hostile ones: endless (a history without end), endless_prompt, deep, packed, wrong_types,
    redirects, redirects_socket, odd_id, many_files, wild_progress.
    """

    behaviour: str = "works"
    made: list[dict[str, Any]] = field(
        default_factory=lambda: [{"filename": "s4_00001_.mp4", "subfolder": "DeepSound", "type": "output"}]
    )
    uploads: list[str] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    asked_for: list[dict[str, str]] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    elsewhere: str = "http://127.0.0.1:1/"
    started: threading.Event = field(default_factory=threading.Event)
    # An upload is answered once this holds, by which a test decides which of two servers is the sooner.
    may_go_on: Callable[[], object] = lambda: True

    def __post_init__(self) -> None:
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._history: dict[str, Any] = {}
        self._running: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FakeComfy:
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(LIMIT_S)
        return self

    def __exit__(self, *what: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(LIMIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)

    async def _open(self) -> str:
        app = web.Application(client_max_size=1 << 30, middlewares=[self._misbehave])
        app.add_routes(
            [
                web.get("/ws", self._socket),
                web.post("/upload/image", self._upload),
                web.post("/prompt", self._prompt),
                web.get("/history/{id}", self._tell),
                web.get("/view", self._view),
                web.post("/queue", self._delete),
                web.get("/queue", self._queue),
                web.post("/interrupt", self._interrupt),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.behaviour == "unwell":
            return web.Response(status=500)
        if self.behaviour == "nonsense" and request.path != "/ws":
            return web.Response(text="<html>hello</html>")
        if self.behaviour in HOSTILE and (answer := await HOSTILE[self.behaviour](self, request)) is not None:
            return answer
        return await handler(request)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = socket
        await socket.send_str(json.dumps({"type": "status", "data": {"status": {}}}))
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.uploads.append(form["image"].filename)
        for _ in range(100 * LIMIT_S):
            if self.may_go_on():
                break
            await asyncio.sleep(0.01)
        return web.json_response({"name": form["image"].filename, "subfolder": "", "type": "input"})

    async def _prompt(self, request: web.Request) -> web.Response:
        sent = await request.json()
        self.prompts.append(sent["prompt"])
        if self.behaviour == "rejects":
            errors = {"2": {"errors": [{"message": "Value not in list", "details": "engine: 'x' not in []"}]}}
            return web.json_response({"error": {"message": "no"}, "node_errors": errors}, status=400)
        prompt_id = str(uuid.uuid4())
        if self.behaviour == "takes a part":
            errors = {"3": {"errors": [{"message": "Custom validation failed", "details": "filename_prefix: no"}]}}
            return web.json_response({"prompt_id": prompt_id, "number": 1, "node_errors": errors})
        self._running.append(prompt_id)
        self._task = asyncio.ensure_future(self._run(prompt_id, self._sockets[sent["client_id"]]))
        return web.json_response({"prompt_id": prompt_id, "number": 1, "node_errors": {}})

    async def _run(self, prompt_id: str, socket: web.WebSocketResponse) -> None:
        async def say(kind: str, **data: Any) -> None:
            await socket.send_str(json.dumps({"type": kind, "data": {"prompt_id": prompt_id, **data}}))

        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(b"\0\0\0\1a preview")
            await socket.send_str("not an event")
            await say("execution_start")
            await say("executing", node="2")
            await say("progress", node="2", value=1, max=2)
            if self.behaviour == "wild_progress":
                for value, most in ((10**400, 3), (1, 0), ("x", None), (float("nan"), 1), (True, -1)):
                    await say("progress", node=["2"], value=value, max=most)
                await socket.send_str("[" * 100_000)
            self.started.set()
            if self.behaviour == "hangs":
                return
            if self.behaviour.startswith("drops"):
                if self.behaviour == "drops_late":
                    self._end(prompt_id)
                await socket.close()
            elif self.behaviour == "errors":
                await say("execution_error", node_id="2", exception_message="the [bold]engine[/] is\nbroken")
            else:
                self._end(prompt_id)
                await say("execution_success")

    def _end(self, prompt_id: str) -> None:
        self._running.remove(prompt_id)
        outputs = {} if self.behaviour == "empty" else {"7": {"images": self.made}, "8": {"text": ["coarse"]}}
        self._history[prompt_id] = {"outputs": outputs, "status": {"status_str": "success", "completed": True}}

    async def _tell(self, request: web.Request) -> web.Response:
        known = {name: entry for name, entry in self._history.items() if name == request.match_info["id"]}
        return web.json_response(known)

    async def _view(self, request: web.Request) -> web.Response:
        self.asked_for.append(dict(request.query))
        return web.Response(body=f"the file {request.query['filename']}".encode())

    async def _queue(self, request: web.Request) -> web.Response:
        return web.json_response({"queue_running": [[0, name] for name in self._running], "queue_pending": []})

    async def _delete(self, request: web.Request) -> web.Response:
        self.withdrawn += (await request.json())["delete"]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        self.interrupted.append((await request.json())["prompt_id"])
        return web.Response()


async def _endless(server: FakeComfy, request: web.Request, path: str = "/history") -> web.StreamResponse | None:
    if not request.path.startswith(path):
        return None
    answer = web.StreamResponse()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.write(b" " * (1 << 20))
    return answer


async def _endless_prompt(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    return await _endless(server, request, "/prompt")


async def _deep(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    return None if request.path in ("/ws", "/upload/image") else web.Response(text='{"a":' * 100_000)


async def _packed(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    if request.path != "/prompt":
        return None
    return web.Response(body=gzip.compress(b" " * (8 << 20)), headers={"Content-Encoding": "gzip"})


async def _wrong_types(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    if request.path != "/prompt":
        return None
    return web.json_response({"error": [1], "node_errors": {"1": {"errors": 7}, "2": None, "3": {}}}, status=400)


async def _redirects(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    return None if request.path == "/ws" else web.Response(status=307, headers={"Location": server.elsewhere})


async def _redirects_socket(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    return web.Response(status=302, headers={"Location": server.elsewhere}) if request.path == "/ws" else None


async def _odd_id(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    return web.json_response({"prompt_id": "../../view?x="}) if request.path == "/prompt" else None


async def _many_files(server: FakeComfy, request: web.Request) -> web.StreamResponse | None:
    if not request.path.startswith("/history/"):
        return None
    files = [{"filename": f"{index}.png", "subfolder": "", "type": "output"} for index in range(5000)]
    return web.json_response({request.path.rpartition("/")[2]: {"outputs": {"7": {"images": files}}}})


HOSTILE = {
    "endless": _endless,
    "endless_prompt": _endless_prompt,
    "deep": _deep,
    "packed": _packed,
    "wrong_types": _wrong_types,
    "redirects": _redirects,
    "redirects_socket": _redirects_socket,
    "odd_id": _odd_id,
    "many_files": _many_files,
}

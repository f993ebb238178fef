"""One running ComfyUI: a video is uploaded, a prompt queued, its progress heard, its files fetched (package `aiohttp`).

What a server says is data: its file names choose neither a folder nor a name here, its messages are read field by
field, and a run that is not waited for to its end is withdrawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from deepsound.comfy.workflow import Input, Workflow
from deepsound.errors import DeepSoundError, InputError
from deepsound.media.files import atomic_write
from deepsound.runtime.packages import missing_package

DEFAULT_SERVER = "http://127.0.0.1:8188"
_CONNECT_S = 10
_SILENCE_S = 120
_HEARTBEAT_S = 20
_HISTORY_S, _HISTORY_AFTER_A_DROP_S = 10, 1
_LARGEST_MESSAGE = 64 << 20
_LARGEST_FILE = 16 << 30
_BLOCK = 1 << 20

OnProgress = Callable[[str, float | None], None]


class ServerError(DeepSoundError):
    """A server cannot be reached, refuses, breaks off or makes no sense; another one may do better."""


class PromptRefused(ServerError):
    """A server does not take the workflow: it lacks a node or a model, or an input is wrong."""


class RunFailed(DeepSoundError):
    """The workflow ran and ended in an error."""


@dataclass(frozen=True)
class ServerFile:
    """A file that a run made, by the names the server has for it."""

    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True)
class OutputFiles:
    """What a run left: files, and texts that nodes show."""

    prompt_id: str
    files: tuple[ServerFile, ...]
    texts: tuple[str, ...]


class Server:
    """A ComfyUI at `url`, as an asynchronous context. Raises InputError for what is no http(s) address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError(f"{url!r} is no server's address; give one as in {DEFAULT_SERVER}.")
        self.url = parts.geturl().rstrip("/")
        self._session: Any = None

    async def __aenter__(self) -> Server:
        aiohttp = _aiohttp()
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        self._session = aiohttp.ClientSession(timeout=limits)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def run(self, workflow: Workflow, places: list[Input], video: Path, on_progress: OnProgress) -> OutputFiles:
        """Upload `video`, run the workflow with it in its `places`, and say what it made.

        `on_progress` hears a node's title and how far it is, 0 to 1. Raises ServerError or RunFailed.
        """
        client = uuid.uuid4().hex
        with _connection_errors():
            async with self._session.ws_connect(
                f"{self.url}/ws", params={"clientId": client}, heartbeat=_HEARTBEAT_S, max_msg_size=_LARGEST_MESSAGE
            ) as socket:
                name = await self._upload(video)
                prompt_id = await self._queue(workflow.with_video(places, name), client)
                try:
                    ended = await self._listen(socket, prompt_id, workflow, on_progress)
                    # One that only lost its connection may have come to its end all the same.
                    return await self._outputs_of(prompt_id, _HISTORY_S if ended else _HISTORY_AFTER_A_DROP_S)
                except (ServerError, asyncio.CancelledError, OSError):
                    await self._withdraw(prompt_id)
                    raise

    async def fetch(self, file: ServerFile, target: Path) -> None:
        """Download a file to `target`. Raises ServerError, or OutputError for a target that cannot be written."""
        query = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        with _connection_errors():
            async with self._session.get(f"{self.url}/view", params=query, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise ServerError(f"{self.url} does not give out its file (HTTP {answer.status})")
                with atomic_write(target) as partial, partial.open("wb") as out:
                    size = 0
                    async for block in answer.content.iter_chunked(_BLOCK):
                        size += len(block)
                        if size > _LARGEST_FILE:
                            raise ServerError(f"{self.url} sends a file of more than {_LARGEST_FILE >> 30} GiB")
                        out.write(block)

    async def _upload(self, video: Path) -> str:
        # With quoting, a space in the name would stay "%20" on the server.
        form = _aiohttp().FormData(quote_fields=False)
        with video.open("rb") as file:
            form.add_field("image", file, filename=_plain_name(video.name), content_type="application/octet-stream")
            form.add_field("type", "input")
            answer = await self._ask("POST", "/upload/image", data=form)
        name, folder = answer.get("name"), answer.get("subfolder") or ""
        if not (isinstance(name, str) and isinstance(folder, str) and name):
            raise ServerError(f"{self.url} does not say where it put the video")
        return f"{folder}/{name}" if folder else name

    async def _queue(self, prompt: dict[str, Any], client: str) -> str:
        answer = await self._ask("POST", "/prompt", json={"prompt": prompt, "client_id": client})
        prompt_id = answer.get("prompt_id")
        if not isinstance(prompt_id, str):
            raise ServerError(f"{self.url} queued the workflow under no name")
        return prompt_id

    async def _listen(self, socket: Any, prompt_id: str, workflow: Workflow, on_progress: OnProgress) -> bool:
        """Whether the end of the run was heard, rather than that of the connection."""
        async for kind, data in _messages(socket):
            if data.get("prompt_id") != prompt_id:
                continue
            node = data.get("node")
            if kind == "execution_success" or (kind == "executing" and node is None):
                return True
            if kind in ("execution_error", "execution_interrupted"):
                what = data.get("exception_message") or "it was interrupted on the server"
                raise RunFailed(f"{workflow.title(str(data.get('node_id')))}: {' '.join(str(what).split())[:1000]}")
            if kind in ("executing", "progress"):
                on_progress(workflow.title(str(node)), _fraction(data.get("value"), data.get("max")))
        return False

    async def _outputs_of(self, prompt_id: str, patience_s: float) -> OutputFiles:
        """The history's entry, which comes a moment after the last message."""
        for _ in range(max(1, round(patience_s / 0.1))):
            entry = (await self._ask("GET", f"/history/{prompt_id}")).get(prompt_id)
            if isinstance(entry, dict):
                status = entry.get("status")
                if isinstance(status, dict) and status.get("status_str") == "error":
                    raise RunFailed("the run ended in an error, which the server's own log tells")
                return OutputFiles(prompt_id, *_outputs(entry.get("outputs")))
            await asyncio.sleep(0.1)
        raise ServerError(f"{self.url} dropped the connection before the run ended")

    async def _withdraw(self, prompt_id: str) -> None:
        """Take the run out of the queue, or stop it if it is the one being worked on, and wait for no answer long."""

        async def ask() -> None:
            await self._ask("POST", "/queue", json={"delete": [prompt_id]})
            running = (await self._ask("GET", "/queue")).get("queue_running")
            if any(isinstance(row, list) and prompt_id in row[:2] for row in running or []):
                await self._ask("POST", "/interrupt", json={"prompt_id": prompt_id})

        with contextlib.suppress(DeepSoundError, OSError, asyncio.TimeoutError, _aiohttp().ClientError):
            await asyncio.wait_for(ask(), 0.7)

    async def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        async with self._session.request(method, self.url + path, allow_redirects=False, **content) as answer:
            body = await answer.read()
        try:
            parsed = json.loads(body) if body else {}
        except ValueError:
            parsed = {}
        if answer.status == 400 and path == "/prompt":
            raise PromptRefused(f"{self.url} refuses the workflow: {_refusal(parsed)}")
        if answer.status != 200:
            raise ServerError(f"{self.url} answers {path} with HTTP {answer.status}")
        return parsed if isinstance(parsed, dict) else {}


def _plain_name(name: str) -> str:
    """The name without what would not survive in a header line."""
    return "".join("_" if not character.isprintable() or character in '"\\' else character for character in name)


async def _messages(socket: Any) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The text messages that are events; previews and anything else are passed over."""
    text = _aiohttp().WSMsgType.TEXT
    async for message in socket:
        if message.type is text:
            with contextlib.suppress(ValueError):
                event = json.loads(message.data)
                if isinstance(event, dict) and isinstance(event.get("data"), dict):
                    yield str(event.get("type")), event["data"]


def _fraction(value: Any, most: Any) -> float | None:
    if isinstance(value, (int, float)) and isinstance(most, (int, float)) and most > 0:
        return min(max(value / most, 0.0), 1.0)
    return None


def _outputs(outputs: Any) -> tuple[tuple[ServerFile, ...], tuple[str, ...]]:
    """Files in the output folder, or where there are none those in the temporary one, and texts."""
    items = [
        item
        for node in (outputs.values() if isinstance(outputs, dict) else ())
        if isinstance(node, dict)
        for many in node.values()
        if isinstance(many, list)
        for item in many
    ]
    files = [
        ServerFile(item["filename"], str(item.get("subfolder") or ""), str(item.get("type")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("filename"), str)
    ]
    saved = [file for file in files if file.type == "output"] or [file for file in files if file.type == "temp"]
    return tuple(dict.fromkeys(saved)), tuple(item for item in items if isinstance(item, str))


def _refusal(answer: Any) -> str:
    """A refusal's reasons: what is wrong with which node's input."""
    nodes = answer.get("node_errors") if isinstance(answer, dict) else None
    rows = [
        error
        for node in (nodes.values() if isinstance(nodes, dict) else ())
        if isinstance(node, dict)
        for error in node.get("errors", [])
        if isinstance(error, dict)
    ]
    said = [f"{error.get('message')}: {error.get('details')}" for error in rows]
    error = answer.get("error") if isinstance(answer, dict) else None
    if not said and error:
        said = [str(error.get("message") if isinstance(error, dict) else error)]
    return ("; ".join(said) or "it gives no reason")[:1000]


@contextlib.contextmanager
def _connection_errors() -> Iterator[None]:
    """What goes wrong with a connection, as ServerError."""
    try:
        yield
    except (_aiohttp().ClientError, asyncio.TimeoutError, ConnectionError) as error:
        raise ServerError(f"the connection failed: {error or type(error).__name__}") from error


def _aiohttp() -> Any:
    try:
        import aiohttp
    except ImportError as error:
        raise missing_package("Talking to a ComfyUI server needs aiohttp, which is not installed", "aiohttp") from error
    return aiohttp

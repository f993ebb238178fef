"""Client of one ComfyUI server (`aiohttp`): upload, queue, progress, output files.

What a server says is data: its file names choose neither a folder nor a name here, its messages are read field by
field, and a run that is not waited for to its end is withdrawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from deepsound.comfy import answers
from deepsound.comfy.answers import ServerFile
from deepsound.comfy.workflow import Input, Workflow
from deepsound.errors import DeepSoundError, InputError
from deepsound.media.files import atomic_write
from deepsound.runtime.packages import missing_package

DEFAULT_SERVER = "http://127.0.0.1:8188"
_UPLOAD = "/upload/image"
_CONNECT_S = 10
_SILENCE_S = 120
_HEARTBEAT_S = 20
_HISTORY_S, _HISTORY_AFTER_A_DROP_S = 10, 1
_LARGEST_MESSAGE = 64 << 20
_LARGEST_FILE = 16 << 30
_LARGEST_ANSWER = 32 << 20
_IDENTITY = {"Accept-Encoding": "identity"}
_BLOCK = 1 << 20

OnProgress = Callable[[str, float | None], None]


class ServerError(DeepSoundError):
    """A server cannot be reached, refuses, breaks off or makes no sense; another one may do better."""


class PromptRefused(ServerError):
    """A server does not take the workflow: it lacks a node or a model, or an input is wrong."""


class RunFailed(DeepSoundError):
    """The workflow ran and ended in an error."""


@dataclass(frozen=True)
class OutputFiles:
    """What a run left: files, and texts that nodes show."""

    prompt_id: str
    files: tuple[ServerFile, ...]
    texts: tuple[str, ...]


class Server:
    """A ComfyUI at `url`, as an asynchronous context. Raises InputError for anything but an http(s) address."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            _ = parts.port
        except ValueError as error:
            raise InputError(f"{url!r} is not a server's address ({error}); give one as in {DEFAULT_SERVER}.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError(f"{url!r} is not a server's address; give one as in {DEFAULT_SERVER}.")
        self.url = parts.geturl().rstrip("/")
        self._session: Any = None

    async def __aenter__(self) -> Server:
        aiohttp = _aiohttp()
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        # A redirected websocket would be followed to any host; other requests do not follow.
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_redirect)
        self._session = aiohttp.ClientSession(
            timeout=limits, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing]
        )
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
            async with self._session.get(
                f"{self.url}/view", params=query, allow_redirects=False, headers=_IDENTITY
            ) as answer:
                if answer.status != 200:
                    raise ServerError(f"{self.url} does not give out its file (HTTP {answer.status})")
                with atomic_write(target) as partial, partial.open("wb") as out:
                    size = 0
                    async for block in _blocks(answer, self.url):
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
            answer = await self._ask("POST", _UPLOAD, data=form)
        name, folder = answer.get("name"), answer.get("subfolder") or ""
        if not (isinstance(name, str) and isinstance(folder, str) and name):
            raise ServerError(f"{self.url} does not say where it put the video")
        return f"{folder}/{name}" if folder else name

    async def _queue(self, prompt: dict[str, Any], client: str) -> str:
        answer = await self._ask("POST", "/prompt", json={"prompt": prompt, "client_id": client})
        prompt_id = answer.get("prompt_id")
        if not answers.is_id(prompt_id):
            raise ServerError(f"{self.url} queued the workflow under an unusable id")
        if answer.get("node_errors"):
            # Where one output of several is refused, the server runs the others and calls that a success.
            await self._withdraw(str(prompt_id))
            raise PromptRefused(f"{self.url} refuses a part of the workflow: {answers.refusal(answer)}")
        return str(prompt_id)

    async def _listen(self, socket: Any, prompt_id: str, workflow: Workflow, on_progress: OnProgress) -> bool:
        """Whether the run ended, rather than the connection."""
        async for kind, data in _messages(socket):
            if data.get("prompt_id") != prompt_id:
                continue
            node = data.get("node")
            if kind == "execution_success" or (kind == "executing" and node is None):
                return True
            if kind in ("execution_error", "execution_interrupted"):
                what = data.get("exception_message") or "it was interrupted on the server"
                raise RunFailed(f"{workflow.title(str(data.get('node_id')))}: {answers.reason(what)}")
            if kind in ("executing", "progress"):
                on_progress(workflow.title(str(node)), answers.fraction(data.get("value"), data.get("max")))
        return False

    async def _outputs_of(self, prompt_id: str, patience_s: float) -> OutputFiles:
        """The history's entry, which comes a moment after the last message."""
        for _ in range(max(1, round(patience_s / 0.1))):
            entry = (await self._ask("GET", f"/history/{prompt_id}")).get(prompt_id)
            if isinstance(entry, dict):
                status = entry.get("status")
                if isinstance(status, dict) and status.get("status_str") == "error":
                    raise RunFailed("the run ended in an error, which the server's own log explains")
                made = OutputFiles(prompt_id, *answers.outputs(entry.get("outputs")))
                if answers.too_many(made.files):
                    raise ServerError(f"{self.url} says that the run made more files than a workflow does")
                return made
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
        """A server's answer to a question: a JSON object, empty for anything that is none."""
        if path != _UPLOAD:
            content["timeout"] = _aiohttp().ClientTimeout(total=_SILENCE_S, sock_connect=_CONNECT_S)
        async with self._session.request(
            method, self.url + path, allow_redirects=False, headers=_IDENTITY, **content
        ) as answer:
            body = bytearray()
            async for block in _blocks(answer, self.url):
                body += block
                if len(body) > _LARGEST_ANSWER:
                    raise ServerError(f"{self.url} answers {path} with more than {_LARGEST_ANSWER >> 20} MiB")
        parsed = answers.parse(bytes(body))
        if answer.status == 400 and path == "/prompt":
            raise PromptRefused(f"{self.url} refuses the workflow: {answers.refusal(parsed)}")
        if 300 <= answer.status < 400:
            raise ServerError(f"{self.url} sends {path} to another address (HTTP {answer.status}); name that one")
        if answer.status != 200:
            raise ServerError(f"{self.url} answers {path} with HTTP {answer.status}")
        return parsed


async def _refuse_redirect(*what: Any) -> None:
    raise ServerError("the server sends its websocket to another address; name that one")


async def _blocks(answer: Any, url: str) -> AsyncIterator[bytes]:
    """The bytes of an answer as they come. Raises ServerError for a packed one, which may be of any size inside."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ServerError(f"{url} compressed its answer although no compression was requested")
    async for block in answer.content.iter_chunked(_BLOCK):
        yield block


def _plain_name(name: str) -> str:
    """The name without what would not survive in a header line."""
    return "".join("_" if not character.isprintable() or character in '"\\' else character for character in name)


async def _messages(socket: Any) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The text messages that are events; previews and anything else are passed over."""
    text = _aiohttp().WSMsgType.TEXT
    async for message in socket:
        if message.type is text:
            event = answers.parse(message.data)
            if isinstance(event.get("data"), dict):
                yield str(event.get("type")), event["data"]


@contextlib.contextmanager
def _connection_errors() -> Iterator[None]:
    """What goes wrong with a connection, as ServerError."""
    try:
        yield
    except (_aiohttp().ClientError, asyncio.TimeoutError, ConnectionError) as error:
        raise ServerError(f"the connection failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    aiohttp = _aiohttp()
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        return f"nothing answers at {error.host}:{error.port}; start ComfyUI there, or name its address (--server)"
    return str(error) or type(error).__name__


def _aiohttp() -> Any:
    try:
        import aiohttp
    except ImportError as error:
        raise missing_package("Talking to a ComfyUI server needs aiohttp, which is not installed", "aiohttp") from error
    return aiohttp

"""Fixtures: real ComfyUI servers, one per core found, with this pack alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.comfy.pages import CHROMIUM, FLAGS
from tests.generate.mmaudio import tiny
from tests.processes import start
from tests.waiting import LIMIT_S

ROOT = Path(__file__).parents[2]
PACK_FOLDER = "deepsound_pack"
ENDINGS = ("execution_success", "execution_error", "execution_interrupted")
START_LIMIT_S = 600
RUN_LIMIT_S = 600
# A node pack without nodes, which tells whether the server has yet to obey what /free asked for.
PROBE = """
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}


@PromptServer.instance.routes.get("/tests/flags")
async def flags(request):
    return web.json_response(sorted(PromptServer.instance.prompt_queue.get_flags(reset=False)))
"""


@cache
def cores() -> list[Path]:
    """The ComfyUI checkouts to test with: COMFYUI_PATH (several, joined as in PATH), or ~/comfy/ComfyUI*."""
    named = os.environ.get("COMFYUI_PATH")
    if named:
        return [Path(path) for path in named.split(os.pathsep)]
    installed = sorted((Path.home() / "comfy").glob("ComfyUI*"))
    return [path for path in installed if (path / "main.py").is_file() and can_run(path)]


def can_run(core: Path) -> bool:
    """Whether an interpreter with that core's requirements was found (of a core that was named, that is expected)."""
    needed = "import aiohttp, av, comfyui_frontend_package, cv2, soxr, sqlalchemy, torch"
    return subprocess.run([python_of(core), "-c", needed], capture_output=True, check=False).returncode == 0


def python_of(core: Path) -> str:
    """The interpreter with that core's requirements."""
    if "COMFYUI_PYTHON" in os.environ:
        return os.environ["COMFYUI_PYTHON"]
    own = (core / folder / "bin" / "python" for folder in (".venv", "venv"))
    return next((str(path) for path in own if path.exists()), sys.executable)


@dataclass
class Run:
    """One prompt's way through the server: the answer to the request, the messages, and the history's entry."""

    status: int
    answer: Any
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    history: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ending(self) -> str:
        return self.messages[-1][0] if self.messages else ""

    @property
    def executed(self) -> list[str]:
        """The ids of the nodes that ran, in order."""
        return [data["node"] for kind, data in self.messages if kind == "executing" and data["node"]]

    @property
    def cached(self) -> set[str]:
        return {node for kind, data in self.messages if kind == "execution_cached" for node in data["nodes"]}

    @property
    def error(self) -> str:
        return next((data["exception_message"] for kind, data in self.messages if kind == "execution_error"), "")

    def refusals(self) -> list[str]:
        """What the server said was wrong with the prompt's inputs."""
        errors = self.answer.get("node_errors", {}).values()
        return [f"{error['type']}: {error['details']}" for node in errors for error in node["errors"]]

    def saved(self, node_id: str) -> dict[str, str]:
        return self.history["outputs"][node_id]["images"][0]


class Server:
    """A running ComfyUI: `base` holds its input, output and temp folders, `url` where it answers."""

    def __init__(self, core: Path, base: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.core, self.base, self.client = core, base, uuid.uuid4().hex
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = base / "server.log"
        # While this file is there, the engine writes_slowly does not go on after its first section.
        self.hold = base / "hold"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for folder in ("custom_nodes", "input", "output", "temp", "models", "user/default"):
            (self.base / folder).mkdir(parents=True)
        # Every ComfyUI's own input folder has a picture of this name, which the template image_to_sound takes.
        Image.new("RGB", (64, 48), "teal").save(self.base / "input" / "example.png")
        (self.base / "custom_nodes" / PACK_FOLDER).symlink_to(ROOT, target_is_directory=True)
        (self.base / "custom_nodes" / "probe.py").write_text(PROBE)
        settings = {"Comfy.TutorialCompleted": True}
        (self.base / "user/default/comfy.settings.json").write_text(json.dumps(settings))
        arguments = [
            "--cpu",
            "--listen",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--disable-auto-launch",
            "--base-directory",
            str(self.base),
            "--disable-api-nodes",
            "--database-url",
            f"sqlite:///{self.base}/user/comfyui.db",
            *os.environ.get("COMFYUI_ARGUMENTS", "").split(),
        ]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "HF_ENDPOINT": "http://127.0.0.1:9",  # Whatever a test clicks, nothing is fetched from elsewhere.
            "PYTHONPATH": str(Path(__file__).with_name("plugin")),
            "WRITES_SLOWLY_HOLD": str(self.hold),
        }
        command = [python_of(self.core), str(self.core / "main.py"), *arguments]
        with self.log_path.open("wb") as log:
            self._process = start(command, cwd=self.base, env=environment, stdout=log, stderr=subprocess.STDOUT)
        self._wait_until_ready()

    def stop(self) -> None:
        """End it at once: on Ctrl-C it takes longer than ten seconds, and nothing of it is wanted any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def ask(self, path: str, data: Any = None) -> tuple[int, Any]:
        """GET `path`, or POST `data` as JSON to it: the status and the answer."""
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        try:
            return status, json.loads(content) if content else None
        except ValueError:
            return status, content.decode(errors="replace")

    def free(self, **more: bool) -> None:
        """Unload all models, and return when it is done: the thread that runs prompts does it between two of them."""
        for _ in range(LIMIT_S):
            assert self.ask("/free", {"unload_models": True, **more})[0] == 200
            # Asked for while that thread is on its way from one wait to the next, it goes unnoticed: so once more.
            for _ in range(20):
                if self.ask("/tests/flags")[1] == []:
                    return
                time.sleep(0.05)
        raise AssertionError("the models are still to be unloaded")

    def run(self, prompt: dict[str, Any], on_message: Callable[[str, dict[str, Any]], None] | None = None) -> Run:
        """Send a prompt in API format and listen until it ends; `on_message` hears each message."""
        return asyncio.run(self._run(prompt, on_message or (lambda kind, data: None)))

    async def _run(self, prompt: dict[str, Any], on_message: Callable[[str, dict[str, Any]], None]) -> Run:
        import aiohttp

        began = time.monotonic()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/ws?clientId={self.client}", max_msg_size=0) as socket,
        ):
            run = Run(*self.ask("/prompt", {"prompt": prompt, "client_id": self.client}))
            if run.status != 200:
                return run
            while run.ending not in ENDINGS:
                message = await asyncio.wait_for(socket.receive(), RUN_LIMIT_S)
                if message.type is aiohttp.WSMsgType.TEXT:
                    event = json.loads(message.data)
                    run.messages.append((event["type"], event["data"]))
                    on_message(event["type"], event["data"])
                    if event["type"] == "deepsound.status":
                        run.texts.append(event["data"]["text"])
        run.seconds = time.monotonic() - began
        run.history = await self._history(run.answer["prompt_id"])
        return run

    async def _history(self, prompt_id: str) -> dict[str, Any]:
        for _ in range(LIMIT_S * 20):
            entry = self.ask(f"/history/{prompt_id}")[1].get(prompt_id)
            if entry:
                return entry
            await asyncio.sleep(0.05)
        raise TimeoutError(f"no history entry for {prompt_id}")

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"ComfyUI ended while starting:\n{self.log[-3000:]}")
            with contextlib.suppress(OSError):
                if self.ask("/system_stats")[0] == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"ComfyUI did not answer within {START_LIMIT_S} s:\n{self.log[-3000:]}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "failing_run: makes a run fail on purpose, which the server's log tells")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in {"server", "core"} & set(metafunc.fixturenames):
        found = cores()
        skip = pytest.mark.skip(
            reason="no ComfyUI that can run: set COMFYUI_PATH to a checkout and COMFYUI_PYTHON to "
            "an interpreter with its requirements and this pack's"
        )
        parameters = [pytest.param(core, id=core.name) for core in found] or [pytest.param(None, marks=skip, id="none")]
        metafunc.parametrize(name, parameters, indirect=name == "server", scope="session")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Server]]:
    """servers(core): a running ComfyUI of that core, started once, however the tests take turns."""
    running: dict[Path, Server] = {}

    def of(core: Path) -> Server:
        if core not in running:
            started = Server(core, tmp_path_factory.mktemp("comfy"))
            try:
                started.start()
            except BaseException:
                started.stop()
                raise
            running[core] = started
            tiny.write_published_16k(running[core].base / "models")
        return running[core]

    try:
        yield of
    finally:
        for each in running.values():
            each.stop()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, servers: Callable[[Path], Server]) -> Server:
    """A running ComfyUI of one core, with the pack as installed and tiny MMAudio weights."""
    return servers(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium. While it runs, `Server.run` cannot: both want the thread's event loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium: install it, or set CHROMIUM to its path")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield running
        running.close()

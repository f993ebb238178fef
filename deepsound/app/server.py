"""The page's server: local unless configured otherwise, one folder, no analytics."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.app.middleware import UPLOAD, RequestGuard
from deepsound.app.storage import RESULTS, AppStorage, plain_name
from deepsound.app.tenancy import DEFAULT_BUDGET
from deepsound.errors import DeepSoundError, InputError, OutputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.packages import missing_package

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.datastructures import UploadFile
    from starlette.requests import Request
    from starlette.responses import Response

    from deepsound.app.job_queue import JobQueue

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_SHARE": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_RUN_HISTORY": "False",
}
# What the first run would otherwise import while somebody waits for it to be cancelled.
_NEEDED_SOON = (
    "torch",
    "deepsound.generate.draft.engine",
    "deepsound.reason.rules",
    "deepsound.separate.roformer",
    "deepsound.media.loudness",
    "deepsound.media.mux",
)


@dataclass(frozen=True)
class ServerSettings:
    """Where the page is served and what it may take: `port` 0 is a free one, `folder` None a temporary one.

    `for_programs` lets gradio_client in.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    folder: Path | None = None
    max_upload_bytes: int = 1 << 30
    budget_bytes: int = DEFAULT_BUDGET
    execution: Execution = field(default_factory=Execution)
    for_programs: bool = False

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return self.host in LOOPBACK


def serve(settings: ServerSettings, on_start: Callable[[str], None] = lambda address: None) -> None:
    """Serve the page until the process is stopped; `on_start` gets its address once it answers.

    Raises EngineError without gradio, InputError for an address that cannot be had.
    """
    require_gradio()
    with (
        AppStorage(settings.folder, settings.max_upload_bytes, settings.budget_bytes) as folder,
        keeping_to(folder),
        _bound(settings) as listening,
    ):
        import uvicorn

        from deepsound.app.job_queue import JobQueue

        threading.Thread(target=_import_ahead, daemon=True).start()
        runs = JobQueue(folder, settings.execution)
        host, port = listening.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        config = uvicorn.Config(
            application(runs, folder, settings.is_local, settings.for_programs),
            log_level="warning",
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_announce, args=(server, on_start, address), daemon=True).start()
        try:
            server.run(sockets=[listening])
        finally:
            runs.cancel_all()


def application(runs: JobQueue, folder: AppStorage, is_local: bool = True, for_programs: bool = False) -> RequestGuard:
    """The ASGI application: a RequestGuard around gradio and this project's own routes for results and uploads.

    Where it `is_local`, it answers to this machine's own names alone.
    """
    import gradio
    from fastapi import FastAPI

    from deepsound.app.page import build

    inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_results(inner, folder)
    _add_uploads(inner, folder)
    inner = gradio.mount_gradio_app(
        inner,
        build(runs, for_programs),
        path="/",
        **_supported_kwargs(
            gradio.mount_gradio_app,
            {
                "footer_links": [],
                "run_history": False,
                "ssr_mode": False,
                "mcp_server": False,
                "pwa": False,
                "enable_monitoring": False,
                "allowed_paths": [],
                "max_file_size": folder.max_upload_bytes,
                "show_error": False,
                "show_api": False,
            },
        ),
    )
    hosts = LOOPBACK if is_local else frozenset()
    return RequestGuard(inner, folder.resolve, folder.max_upload_bytes, hosts, for_programs)


def require_gradio() -> None:
    """Raise MissingPackage, saying what to install, where gradio cannot be imported."""
    # Read while gradio is imported.
    os.environ.update(_QUIET)
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise missing_package(f"The page needs gradio, which cannot be imported ({error})", "gradio") from error


@contextmanager
def keeping_to(folder: AppStorage) -> Iterator[None]:
    """Whatever this process writes for a while goes into the app's folder, forms that are still arriving included."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder.scratch)
    os.environ["GRADIO_TEMP_DIR"] = str(folder.uploads)
    try:
        yield
    finally:
        tempfile.tempdir = before
        del os.environ["GRADIO_TEMP_DIR"]


def _bound(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise InputError(
            f"The page cannot be served at {settings.host} port {settings.port} ({error}); choose "
            "another --port or --host."
        ) from error
    return listening


def _announce(server: Any, on_start: Callable[[str], None], address: str) -> None:
    while not server.started:
        if server.should_exit:
            return
        threading.Event().wait(0.05)
    on_start(address)


def _import_ahead() -> None:
    for name in _NEEDED_SOON:
        import_module(name)


def _supported_kwargs(target: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Those arguments that this version of gradio has."""
    import inspect

    accepted = inspect.signature(target).parameters
    return {name: value for name, value in wanted.items() if name in accepted}


def _add_results(app: FastAPI, folder: AppStorage) -> None:
    from starlette.responses import FileResponse, PlainTextResponse

    async def result(request: Request) -> Response:
        name = request.path_params["name"]
        path = folder.result(request.path_params["run_id"], name)
        if path is None:
            return PlainTextResponse("There is no such result (any more).", status_code=404)
        return FileResponse(path, media_type=RESULTS[plain_name(name)], headers={"cache-control": "private, no-store"})

    app.router.add_route("/results/{run_id}/{name}", result, methods=["GET", "HEAD"])


def _add_uploads(app: FastAPI, folder: AppStorage) -> None:
    """Uploads in gradio's own form, under names of ours: gradio would keep the client's name."""
    from starlette import datastructures
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, PlainTextResponse

    async def upload(request: Request) -> Response:
        length = request.headers.get("content-length", "0")
        try:
            # Before it arrives, so that nobody sends a gigabyte for nothing.
            await run_in_threadpool(folder.tenancy.make_room, int(length) if length.isdecimal() else 0)
        except DeepSoundError as error:
            return PlainTextResponse(str(error), status_code=507)
        async with request.form(max_files=1, max_fields=1) as form:
            file = form.get("files")
            if not isinstance(file, datastructures.UploadFile):
                return PlainTextResponse("There is no file in this request.", status_code=400)
            try:
                kept = await run_in_threadpool(_keep, folder, file)
            except DeepSoundError as error:
                return PlainTextResponse(str(error), status_code=507)
        return JSONResponse([folder.token_of(kept)])

    app.router.add_route(UPLOAD, upload, methods=["POST"])


def _keep(folder: AppStorage, file: UploadFile) -> Path:
    path = folder.new_upload(file.filename or "", file.size or 0)
    try:
        with path.open("xb") as kept:
            shutil.copyfileobj(file.file, kept, 1 << 20)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(
            f"The video cannot be kept: {error.strerror}. Try again in a while, or tell whoever runs this page."
        ) from error
    return path

"""HTTP routes of the pack's page on ComfyUI's server: weights, playable previews, folders."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deepsound.errors import DeepSoundError, InputError
from deepsound.runtime.paths import is_dir
from deepsound.weights import catalogue
from deepsound.weights.jobs import WeightJobs, describe, folder_of
from deepsound.weights.search_paths import default_search_paths

from . import comfy_host, host_folders, open_folder

if TYPE_CHECKING:
    from aiohttp import web

Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]

_MOST_BODY_BYTES = 4096
_MOST_NAMES = 16
_JOBS = WeightJobs()


def register_routes() -> None:
    """Add the routes to ComfyUI's server; without one (a test, another host) nothing happens."""
    routes = comfy_host.server_routes()
    if routes is None:
        return
    routes.get("/deepsound/weights")(_guarded(list_weights))
    routes.get("/deepsound/preview")(_guarded(preview))
    commands = {"download": download, "cancel": cancel, "verify": verify, "open": open_weights}
    for name, command in commands.items():
        routes.post(f"/deepsound/weights/{name}")(_guarded(command))
    routes.post("/deepsound/open")(_guarded(open_result))


def refusal(headers: Any, method: str) -> str:
    """Why a request is refused: another site's page sent it, or it is a command and no JSON; "" lets it in.

    A page of another site can send forms, but neither JSON nor these headers.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return "Requests from other sites are refused."
    origin = headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("Host"):
        return "Requests from other sites are refused."
    if method == "POST" and headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        return "A command must be JSON."
    return ""


def _guarded(handler: Handler) -> Handler:
    """The handler behind the guard; what it raises for a person to read becomes the answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if why := refusal(request.headers, request.method):
            return web.json_response({"error": why}, status=403)
        try:
            return await handler(request)
        except DeepSoundError as error:
            return web.json_response({"error": str(error)}, status=400)

    return answer


async def list_weights(request: web.Request) -> web.StreamResponse:
    """What the engines named by `engine` need, of all engines where none is named; the disk's free bytes."""
    from aiohttp import web

    names = request.query.getall("engine", [])[:_MOST_NAMES]
    return web.json_response(await asyncio.to_thread(_listed, names))


def _listed(names: list[str]) -> dict[str, Any]:
    places = default_search_paths()
    found = {entry.id: entry for name in names for entry in catalogue.needed_by(name)}
    entries = list(found.values()) if names else list(catalogue.everything())
    folder = next(folder for folder in (places.downloads, *places.downloads.parents) if is_dir(folder))
    return {
        "engines": list(catalogue.engines()),
        "folder": str(places.downloads),
        "free_bytes": shutil.disk_usage(folder).free,
        "weights": [describe(entry, places, _JOBS.get(entry.id)) for entry in entries],
    }


async def download(request: web.Request) -> web.StreamResponse:
    """Start a download of `id`, whose `licence` was accepted."""
    body = await _body(request)
    _JOBS.start_download(_text(body, "id"), _text(body, "licence"))
    return await _state(_text(body, "id"))


async def cancel(request: web.Request) -> web.StreamResponse:
    """Stop the job of `id`."""
    id = _text(await _body(request), "id")
    _JOBS.cancel(id)
    return await _state(id)


async def verify(request: web.Request) -> web.StreamResponse:
    """Start to compare the files of `id` with what is published."""
    id = _text(await _body(request), "id")
    _JOBS.start_verify(id)
    return await _state(id)


async def open_weights(request: web.Request) -> web.StreamResponse:
    """Open the folder of `id` on the server's own desktop; elsewhere the answer only names it."""
    entry = catalogue.weights(_text(await _body(request), "id"))
    folder = await asyncio.to_thread(folder_of, entry, default_search_paths())
    return _opened(request, str(folder))


async def open_result(request: web.Request) -> web.StreamResponse:
    """Open the folder of a file of the input, output or temporary folder (`filename`, `subfolder`, `type`)."""
    body = await _body(request)
    path = await asyncio.to_thread(
        host_folders.file_of, *(_text(body, name) for name in ("filename", "subfolder", "type"))
    )
    return _opened(request, str(path.parent))


async def preview(request: web.Request) -> web.StreamResponse:
    """A file of the input, output or temporary folder as browsers play it: itself, or a small H.264 copy."""
    from aiohttp import web

    from .previews import playable

    place = (
        request.query.get(name, default) for name, default in (("filename", ""), ("subfolder", ""), ("type", "input"))
    )
    path = await asyncio.to_thread(host_folders.file_of, *place)
    copy = await asyncio.to_thread(playable, path)
    return web.FileResponse(copy, headers={"Cache-Control": "no-cache"})


def _opened(request: web.Request, folder: str) -> web.StreamResponse:
    from aiohttp import web

    is_here = open_folder.is_loopback(request.remote or "")
    return web.json_response({"folder": folder, "opened": is_here and open_folder.open_folder(folder)})


async def _state(id: str) -> web.StreamResponse:
    from aiohttp import web

    job = _JOBS.get(id)
    state = await asyncio.to_thread(partial(describe, catalogue.weights(id), default_search_paths(), job))
    return web.json_response(state)


async def _body(request: web.Request) -> dict[str, Any]:
    content = await request.content.read(_MOST_BODY_BYTES + 1)
    try:
        body = json.loads(content) if len(content) <= _MOST_BODY_BYTES else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InputError(f"expected a JSON object of at most {_MOST_BODY_BYTES} bytes, got something else; send one.")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > 1000:
        raise InputError(f"{name}: expected a text, got {type(value).__name__}; send one.")
    return value

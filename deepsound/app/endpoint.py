"""API endpoint `/run` of the page (gradio_client): a video in, record and files out."""

from __future__ import annotations

import asyncio
from inspect import signature
from typing import TYPE_CHECKING, Any

from deepsound.app.job_queue import POLL_S, JobQueue
from deepsound.app.request import RunRequest
from deepsound.errors import InputError

if TYPE_CHECKING:
    import gradio

NAME = "run"


def add_endpoint(gr: Any, runs: JobQueue, given: list[Any]) -> None:
    """Add `/run` to the page that is being built; its arguments are the page's own inputs, with their defaults."""

    # The names are the arguments that programs use.
    async def run(
        request: gradio.Request,
        video: Any,
        prompt: Any,
        negative_prompt: Any,
        generator: Any,
        reasoner: Any,
        separator: Any,
        mode: Any,
        fallback: Any,
        duration: Any,
        seed: Any,
        preset: Any,
        scope: Any,
        window: Any,
        takes: Any,
        pick: Any,
    ) -> dict[str, Any] | list[dict[str, Any]]:
        engine_names = generator, reasoner, separator
        later = duration, seed, preset, scope, window, takes, pick
        asked = (prompt, negative_prompt, *engine_names, mode, fallback, *later)
        return await record_of(gr, runs, request, video, asked)

    run.__annotations__["request"] = gr.Request
    button = gr.Button(visible=False)
    public: dict[str, Any] = (
        {"api_visibility": "public"} if "api_visibility" in signature(button.click).parameters else {}
    )
    button.click(run, given, gr.JSON(visible=False), api_name=NAME, **public)


async def record_of(
    gr: Any, runs: JobQueue, request: Any, video: Any, asked: tuple[Any, ...]
) -> dict[str, Any] | list[dict[str, Any]]:
    """A run's record with `results`, the addresses of its files by name; of several finished takes, their list.

    Raises gr.Error with the run's own words.
    """
    try:
        settings = RunRequest.of(*asked)
        if video is None:
            raise InputError("No video was given; upload one, as with handle_file.")
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from error
    shown_so_far = runs.poll(request.session_hash or "", video, settings)
    last = None
    try:
        for shown in shown_so_far:
            if shown is None:
                await asyncio.sleep(POLL_S)
            else:
                last = shown
    finally:
        shown_so_far.close()
    if last is None or not last.records:
        raise gr.Error("" if last is None else last.notice, print_exception=False)
    base = f"{request.url.scheme}://{request.headers['host']}"
    records = [
        {
            **record,
            "weights": [_without_path(used) for used in record.get("weights", ())],
            "results": {name: base + address for name, address in record["results"].items()},
        }
        for record in last.records
    ]
    return records[0] if len(records) == 1 else records


def _without_path(used: dict[str, Any]) -> dict[str, Any]:
    """A row of weights with `file` in place of `path`: gradio_client downloads every mapping with a path as a file."""
    return {"file" if key == "path" else key: value for key, value in used.items()}

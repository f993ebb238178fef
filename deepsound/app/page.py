"""The page in Gradio: the request on the left, progress, reasoning and results on the right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound import engines
from deepsound.app.endpoint import add_endpoint
from deepsound.app.job_queue import POLL_S, JobQueue
from deepsound.app.request import (
    AUTO,
    AUTO_WINDOW,
    LARGEST_SEED,
    LONGEST_WINDOW,
    MOST_SECONDS,
    MOST_WORDS,
    RunRequest,
)
from deepsound.app.status_view import StatusView
from deepsound.choices import MODES, PICKS, SCOPES, Option
from deepsound.errors import InputError
from deepsound.fallback import DEFAULT_FALLBACK, FALLBACKS
from deepsound.presets import DEFAULT_PRESET, PRESETS
from deepsound.rank.limits import MOST_TAKES

if TYPE_CHECKING:
    import gradio

TITLE = "DeepSound"
_AUTOMATIC: dict[engines.Kind, str] = {
    "generator": "auto: the video's own sound if it has any, else the best that is on this machine",
    "reasoner": "auto: the published judge if it is on this machine, else the embedded rules",
    "separator": "auto: the published separator if it is on this machine, else dtln",
}
# More than JobQueue takes, which says so itself.
_AT_ONCE = 128


def build(runs: JobQueue, for_programs: bool = False) -> gradio.Blocks:
    """The page, not yet served; `for_programs` adds the endpoint `/run` for gradio_client."""
    import gradio as gr

    idle = StatusView()
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(
            f"<style>{_style()}</style><h1>{TITLE}</h1><p>Sound for silent video, without the voices nobody "
            "asked for.</p>"
        )
        with gr.Row():
            with gr.Column(scale=2):
                given, run_button, cancel_button = _controls(gr)
            with gr.Column(scale=3):
                steps = gr.HTML(idle.steps_html(), elem_id="ds-steps")
                results = gr.HTML("", elem_id="ds-results")
                thought = gr.HTML(idle.thought_html(), elem_id="ds-thought")

        async def follow(request: gradio.Request, video: Any, *asked: Any) -> AsyncIterator[tuple[Any, Any, Any]]:
            try:
                settings = RunRequest.of(*asked)
                if video is None:
                    raise InputError("Choose a video first.")
            except InputError as error:
                yield StatusView(str(error), "failed").steps_html(), idle.thought_html(), ""
                return
            # Waiting takes no thread, of which the server has few.
            shown_so_far = runs.poll(request.session_hash or "", video, settings)
            try:
                for shown in shown_so_far:
                    if shown is None:
                        await asyncio.sleep(POLL_S)
                    else:
                        yield shown.steps, shown.thought, gr.skip() if shown.results is None else shown.results
            finally:
                shown_so_far.close()

        def cancel(request: gradio.Request) -> None:
            runs.cancel(request.session_hash or "")

        def leave(request: gradio.Request) -> None:
            runs.leave(request.session_hash or "")

        def choose(request: gradio.Request, video: Any) -> None:
            runs.choose(request.session_hash or "", video)

        # Gradio finds the request by its annotation, which has to be the class itself.
        for handler in (follow, cancel, leave, choose):
            handler.__annotations__["request"] = gr.Request
        hidden: dict[str, Any] = {"show_progress": "hidden", **_private(run_button.click)}
        run_button.click(follow, given, [steps, thought, results], concurrency_limit=_AT_ONCE, **hidden)
        cancel_button.click(cancel, None, None, queue=False, **hidden)
        given[0].change(choose, given[0], None, queue=False, **hidden)
        page.unload(leave)
        if for_programs:
            add_endpoint(gr, runs, given)
    page.queue(max_size=_AT_ONCE)
    return page


def _controls(gr: Any) -> tuple[list[Any], Any, Any]:
    video = gr.Video(label="Video", sources=["upload"], elem_id="ds-video")
    prompt = gr.Textbox(
        "", label="Prompt", placeholder="rain on a tin roof", max_length=MOST_WORDS, elem_id="ds-prompt"
    )
    negative = gr.Textbox("", label="Negative prompt", max_length=MOST_WORDS, elem_id="ds-negative")
    with gr.Row():
        run_button = gr.Button("Run", variant="primary", elem_id="ds-run")
        cancel_button = gr.Button("Cancel", elem_id="ds-cancel")
    menus = [
        gr.Dropdown(_menu(kind), value=AUTO, label=kind.capitalize(), elem_id=f"ds-{kind}") for kind in engines.KINDS
    ]
    mode = gr.Radio(_choices(MODES), value=MODES[0].name, label="Steps", elem_id="ds-mode")
    fallback = gr.Radio(_choices(FALLBACKS), value=DEFAULT_FALLBACK, label="If silence is left", elem_id="ds-fallback")
    scope = gr.Radio([("the preset's", ""), *_choices(SCOPES)], value="", label="What is repaired", elem_id="ds-scope")
    with gr.Row():
        duration = gr.Number(0, label="Seconds (0: all of it)", minimum=0, maximum=MOST_SECONDS, elem_id="ds-duration")
        seed = gr.Number(42, label="Seed", minimum=0, maximum=LARGEST_SEED, precision=0, elem_id="ds-seed")
    preset = gr.Dropdown(_choices(PRESETS), value=DEFAULT_PRESET, label="Preset", elem_id="ds-preset")
    given = [video, prompt, negative, *menus, mode, fallback, duration, seed, preset, scope, *_of_takes(gr)]
    return given, run_button, cancel_button


def _of_takes(gr: Any) -> list[Any]:
    """Window, number of takes, and whether only the best is finished."""
    with gr.Row():
        window = gr.Number(
            AUTO_WINDOW,
            label="Window in seconds (MMAudio; -1: auto, 0: in one pass, else 2 to 60)",
            minimum=AUTO_WINDOW,
            maximum=LONGEST_WINDOW,
            elem_id="ds-window",
        )
        takes = gr.Number(1, label="Takes", minimum=1, maximum=MOST_TAKES, precision=0, elem_id="ds-takes")
    pick = gr.Dropdown(
        [("every take is finished", ""), *_choices(PICKS)], value="", label="Of several takes", elem_id="ds-pick"
    )
    return [window, takes, pick]


def _private(listener: Callable[..., Any]) -> dict[str, Any]:
    """What keeps an event out of gradio's public interface, in this version's words."""
    return {"api_visibility": "private"} if "api_visibility" in signature(listener).parameters else {"api_name": False}


def _choices(options: Iterable[Option]) -> list[tuple[str, str]]:
    """A table as a radio group shows it."""
    return [(f"{row.label} ({row.name})", row.name) for row in options]


def _menu(kind: engines.Kind) -> list[tuple[str, str]]:
    listed = [(f"{info.name}: {info.summary}", info.name) for info in engines.available(kind)]
    return [(_AUTOMATIC[kind], AUTO), *listed]


def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")

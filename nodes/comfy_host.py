"""Calls into ComfyUI: progress, interruption, events and metadata of a run."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deepsound.runtime.execution import Execution, Precision
from deepsound.runtime.progress import Progress

from .node_progress import BAR_STEPS, NodeListener

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def metadata(hidden: Any) -> dict[str, str]:
    """The graph as text, to be kept in the saved file as the core's own nodes do; nothing with --disable-metadata."""
    from comfy.cli_args import args

    if args.disable_metadata:
        return {}
    extra = hidden.extra_pnginfo if isinstance(hidden.extra_pnginfo, Mapping) else {}
    graph = {**extra, **({"prompt": hidden.prompt} if hidden.prompt else {})}
    texts = {}
    for key, value in graph.items():
        # A program may send anything as a graph's extras; anything but JSON is dropped.
        with contextlib.suppress(TypeError, ValueError, RecursionError):
            texts[str(key)] = _JSON_STRING.sub(_escape_braces, json.dumps(value))
    return texts


def _escape_braces(text: re.Match[str]) -> str:
    """A string's braces as escapes: the page looks for the end of a webm's graph by counting braces, prompts' too."""
    return text[0].replace("{", "\\u007b").replace("}", "\\u007d")


def execution(
    precision: Precision = "auto",
    offload: bool = False,
    download: bool = False,
    weights: dict[str, Path] | None = None,
    compiled: bool = False,
) -> Execution:
    """How the library is to run networks here: on ComfyUI's device, in ComfyUI's memory, from ComfyUI's folders."""
    from deepsound.runtime.model_cache import model_cache

    from .host_memory import ComfyPlacement

    if not isinstance(model_cache().placement, ComfyPlacement):
        model_cache().place_with(ComfyPlacement())
    return Execution(
        precision=precision,  # Execution refuses any other text.
        offload=offload,
        weights=weights or {},
        download=download,
        compiled=compiled,
    )


def require_weights(engines: Iterable[str], download: bool) -> None:
    """Raise MissingWeightsError, before any work, for all that `engines` lack together and no download may bring."""
    from deepsound.weights.missing import MissingWeightsError, missing_weights

    missing = None if download else missing_weights(engines)
    if missing is not None:
        raise MissingWeightsError(missing)


def progress(node_id: str | None, stage: str = "", in_panel: bool = False) -> Progress:
    """Progress that fills the node's bar, tells stage and time left, and stops when the user stops the run.

    What an engine writes is shown below the node, or `in_panel` sent to the page's reasoning panel.
    """
    from comfy.model_management import throw_exception_if_processing_interrupted
    from comfy.utils import ProgressBar

    def send_partial_text(text: str, line: str) -> None:
        send_event("reasons", node_id, text=text, status=line)

    listener = NodeListener(
        ProgressBar(BAR_STEPS, node_id=node_id),
        lambda text: show_text(text, node_id),
        send_partial_text if in_panel else None,
    )
    return Progress(on_event=listener, check=throw_exception_if_processing_interrupted, stage=stage)


def free_memory_bytes() -> int | None:
    """The main memory that is free as ComfyUI counts it; None where it does not say."""
    from comfy import model_management

    if not hasattr(model_management, "get_free_memory"):
        return None
    import torch

    return int(model_management.get_free_memory(torch.device("cpu")))


def is_interruption(error: BaseException) -> bool:
    """Whether `error` is ComfyUI's own way of stopping a run, which nobody may swallow."""
    from comfy.model_management import InterruptProcessingException

    return isinstance(error, InterruptProcessingException)


def node_key(hidden: Any) -> str:
    """A node of the page by its workflow and its id there; graphs sent by programs have no workflow's id."""
    extra = hidden.extra_pnginfo if isinstance(hidden.extra_pnginfo, Mapping) else {}
    workflow = extra.get("workflow")
    name = workflow.get("id") if isinstance(workflow, Mapping) else None
    return f"{name or ''}/{hidden.unique_id}"


def prompt_id() -> str:
    """The id of the prompt that is being run; "" where the core does not say."""
    from comfy_execution.utils import get_executing_context

    context = get_executing_context()
    return str(context.prompt_id) if context is not None else ""


def nothing() -> Any:
    """An output without a value: what hangs on it does not run, and everything else does."""
    from comfy_execution.graph_utils import ExecutionBlocker

    return ExecutionBlocker(None)


def show_text(text: str, node_id: str | None) -> None:
    """Show `text` in a node's status line while it runs; where nobody listens, nothing happens.

    Not the core's own progress text: front ends differ in whether they show it, and none takes the last one away.
    """
    send_event("status", node_id, text=_unicode(text))


def send_event(event: str, node_id: str | None, **data: Any) -> None:
    """Send the pack's own part of the page an event about a node; the page puts it in as text, never as markup."""
    server = _server()
    if server is not None and node_id is not None:
        server.send_sync(f"deepsound.{event}", {"node": node_id, **data}, server.client_id)


def _unicode(text: str) -> str:
    """`text` as it can be sent: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def server_routes() -> Any:
    """The table of routes of ComfyUI's web server; None where there is none."""
    return getattr(_server(), "routes", None)


def _server() -> Any:
    from server import PromptServer

    return getattr(PromptServer, "instance", None)

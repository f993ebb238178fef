"""What the pack asks of ComfyUI itself: folders, progress, interruption, metadata; `host_memory` is the rest of it."""

from __future__ import annotations

import html
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from deepsound.errors import InputError
from deepsound.runtime.execution import Execution, Precision
from deepsound.runtime.paths import is_dir, is_file
from deepsound.runtime.progress import Progress

from .node_progress import BAR_STEPS, NodeListener

# Beside the pack's own folder, those that existing packs keep the same weights in.
MODEL_FOLDERS = ("deepsound", "mmaudio", "videollama2", "separation", "foleycrafter")
_CORE_FOLDERS = ("clip", "clip_vision", "text_encoders", "audio_encoders", "diffusion_models", "vae", "checkpoints")
_WEIGHT_SUFFIXES = {".safetensors", ".pth", ".pt", ".ckpt", ".bin"}
# File systems allow 255 bytes; the counter and the suffix come after it.
_LONGEST_PART = 200


@dataclass(frozen=True)
class Target:
    """Where a result goes, and how the page asks for it: `name` in `subfolder` of the output folder."""

    path: Path
    name: str
    subfolder: str


def input_videos() -> list[str]:
    """The names of the videos that lie directly in the input folder, sorted."""
    import folder_paths

    folder = Path(folder_paths.get_input_directory())
    files = [entry.name for entry in folder.iterdir() if is_file(entry)] if is_dir(folder) else []
    return sorted(folder_paths.filter_files_content_types(files, ["video"]))


def input_path(name: str) -> Path:
    """The file that a menu entry stands for: `name`, or `name [output]` and `name [temp]` for those folders.

    Raises InputError when it is not there, or leads out of its folder.
    """
    import folder_paths

    if not _is_name(name):
        raise InputError(f"The file name {_short(name)} is not usable; choose a video from the list or upload one.")
    relative, folder = folder_paths.annotated_filepath(name)
    folder = folder or folder_paths.get_input_directory()
    path = _confined(Path(folder), relative.strip())
    if not _is_file(path):
        raise InputError(
            f"The video {_short(relative.strip())} is not in ComfyUI's input folder; upload it on this "
            "node or choose another one from the list."
        )
    return path


def output_target(prefix: str, extension: str, width: int, height: int) -> Target:
    """The next free file of that prefix in the output folder; its subfolder is made.

    `width` and `height` in pixels fill `%width%` and `%height%`. Raises InputError for a prefix that leads out.
    """
    import folder_paths

    check_prefix(prefix)
    root = folder_paths.get_output_directory()
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, root, width, height)
    name = f"{stem}_{counter:05}_{extension}"
    return Target(_confined(Path(root), str(Path(folder, name))), name, subfolder)


def check_prefix(prefix: str) -> None:
    """Raise InputError for a file name prefix that no file can have, or that leads out of the output folder."""
    parts = prefix.replace("\\", "/").split("/") if isinstance(prefix, str) else [""]
    if not _is_name(prefix) or not parts[-1].strip() or len(max(parts, key=len)) > _LONGEST_PART:
        raise InputError(
            f"The filename_prefix {_short(prefix)} is not a file name; write a name such as 'DeepSound/video'."
        )
    if ".." in parts or not parts[0] or re.match("[A-Za-z]:", prefix):
        raise InputError(
            f"The filename_prefix {_short(prefix)} leads out of ComfyUI's output folder; write a "
            "name such as 'DeepSound/video', with '/' for a subfolder."
        )


def temp_path(suffix: str, name: str = "") -> Path:
    """A file in ComfyUI's temporary folder, which the host empties when it starts and stops."""
    import folder_paths

    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"deepsound_{name or secrets.token_hex(8)}{suffix}"


def metadata(hidden: Any) -> dict[str, str]:
    """The graph as text, to be kept in the saved file as the core's own nodes do; nothing with --disable-metadata."""
    from comfy.cli_args import args

    if args.disable_metadata:
        return {}
    graph = {**(hidden.extra_pnginfo or {}), **({"prompt": hidden.prompt} if hidden.prompt else {})}
    return {key: json.dumps(value) for key, value in graph.items()}


def register_model_folders() -> None:
    """Tell ComfyUI of the folders that weights are looked for in, and the library where ComfyUI keeps them all."""
    import folder_paths

    from deepsound.weights.search_paths import register_model_folders as register

    for kind in MODEL_FOLDERS:
        folder_paths.add_model_folder_path(kind, str(Path(folder_paths.models_dir, kind)))
    categories = {
        kind: folder_paths.get_folder_paths(kind)
        for kind in (*MODEL_FOLDERS, *_CORE_FOLDERS)
        if kind in folder_paths.folder_names_and_paths
    }
    register([folder_paths.models_dir], {**categories, "sd1_tokenizer": _core_tokenizer()})


def weight_files(kind: str) -> list[str]:
    """The files with weights in one of the models folders, by their name below it, sorted."""
    import folder_paths

    names = folder_paths.get_filename_list(kind) if kind in folder_paths.folder_names_and_paths else []
    return sorted(name for name in names if Path(name).suffix in _WEIGHT_SUFFIXES)


def weight_file(kind: str, name: str) -> Path:
    """The file that a menu entry of `weight_files` stands for. Raises InputError for a name that is not on the menu."""
    import folder_paths

    if name not in weight_files(kind):
        raise InputError(
            f"The weights {_short(name)} are not in ComfyUI's models folder '{kind}'; choose one from the list."
        )
    return Path(folder_paths.get_full_path_or_raise(kind, name))


def execution(
    precision: str = "auto",
    offload: bool = False,
    download: bool = False,
    weights: dict[str, Path] | None = None,
) -> Execution:
    """How the library is to run networks here: on ComfyUI's device, in ComfyUI's memory, from ComfyUI's folders."""
    from deepsound.runtime.model_cache import model_cache

    from .host_memory import ComfyPlacement

    if not isinstance(model_cache().placement, ComfyPlacement):
        model_cache().place_with(ComfyPlacement())
    return Execution(
        precision=cast(Precision, precision),  # Execution refuses any other text.
        offload=offload,
        weights=weights or {},
        download=download,
    )


def progress(node_id: str | None, stage: str = "", in_panel: bool = False) -> Progress:
    """Progress that fills the node's bar, tells stage and time left, and stops when the user stops the run.

    What an engine writes is shown below the node, or `in_panel` sent to the page's reasoning panel.
    """
    from comfy.model_management import throw_exception_if_processing_interrupted
    from comfy.utils import ProgressBar

    def show_written(text: str, line: str) -> None:
        send_event("reasons", node_id, text=text, status=line)

    listener = NodeListener(
        ProgressBar(BAR_STEPS, node_id=node_id),
        lambda text: show_text(text, node_id),
        show_written if in_panel else None,
    )
    return Progress(on_event=listener, check=throw_exception_if_processing_interrupted, stage=stage)


def is_interruption(error: BaseException) -> bool:
    """Whether `error` is ComfyUI's own way of stopping a run, which nobody may swallow."""
    from comfy.model_management import InterruptProcessingException

    return isinstance(error, InterruptProcessingException)


def nothing() -> Any:
    """An output without a value: what hangs on it does not run, and everything else does."""
    from comfy_execution.graph_utils import ExecutionBlocker

    return ExecutionBlocker(None)


def show_text(text: str, node_id: str | None) -> None:
    """Show `text` under a node while it runs; where nobody listens, nothing happens.

    The page would take it as markup, so it is escaped: an engine's words must not become elements of the page.
    """
    server = _server()
    if server is not None and node_id is not None:
        server.send_progress_text(html.escape(text, quote=False), node_id)


def send_event(event: str, node_id: str | None, **data: Any) -> None:
    """Send the pack's own part of the page an event about a node; the page puts it in as text, never as markup."""
    server = _server()
    if server is not None and node_id is not None:
        server.send_sync(f"deepsound.{event}", {"node": node_id, **data}, server.client_id)


def _server() -> Any:
    from server import PromptServer

    return getattr(PromptServer, "instance", None)


def _core_tokenizer() -> list[Path]:
    """Where the core keeps CLIP's byte pairs, which MMAudio's prompts need too."""
    import comfy

    return [Path(folder, "sd1_tokenizer") for folder in getattr(comfy, "__path__", ())]


def _confined(folder: Path, relative: str) -> Path:
    """`relative` inside `folder`, links followed; InputError when that is somewhere else."""
    try:
        root = folder.resolve()
        path = (root / relative).resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"The file name {_short(relative)} is not usable ({error}); choose another one.") from error
    if not path.is_relative_to(root):
        raise InputError(
            f"The file name {_short(relative)} leads out of ComfyUI's folder '{root.name}'; choose another one."
        )
    return path


def _is_file(path: Path) -> bool:
    try:
        return is_file(path)
    except InputError:
        # A name longer than the file system allows.
        return False


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and all(character >= " " for character in name)


def _short(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 120 else f"{text[:117]}..."

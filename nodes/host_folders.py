"""ComfyUI's folders: input videos, output targets, temporary files, model folders."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import InputError
from deepsound.runtime.paths import is_dir, is_file

from . import demo_clips
from .values import check_text

# Beside the pack's own folder, those that existing packs keep the same weights in.
MODEL_FOLDERS = ("deepsound", "mmaudio", "selva", "videollama2", "separation", "foleycrafter", "audioldm")
_CORE_FOLDERS = (
    "clip",
    "clip_vision",
    "text_encoders",
    "audio_encoders",
    "diffusion_models",
    "vae",
    "checkpoints",
    "animatediff_models",
    "diffusers",
)
_WEIGHT_SUFFIXES = {".safetensors", ".pth", ".pt", ".ckpt", ".bin"}
# File systems allow 255 bytes to a name, after which the counter and the suffix come, and the system some 4000 to a
# path; a folder inside a folder inside a folder costs the host a level of its stack each.
_LONGEST_PART_BYTES = 200
_LONGEST_PREFIX_BYTES = 1000
_MOST_SUBFOLDERS = 32
# What a menu of folders shows: more, or deeper ones, make a longer list than anybody reads.
_MOST_FOLDERS = 200
_DEEPEST = 3


@dataclass(frozen=True)
class Target:
    """Where a result goes, and how the page asks for it: `name` in `subfolder` of the output folder."""

    path: Path
    name: str
    subfolder: str


def input_videos() -> list[str]:
    """The names of the videos that lie directly in the input folder, sorted, then the pack's own clips.

    Known by their suffix too: which files ComfyUI takes for videos depends on the system's list of media types, which
    may lack mkv, and takes a camera's .ts and .mts for something else.
    """
    import folder_paths

    from deepsound.batch.clips import VIDEO_SUFFIXES

    folder = Path(folder_paths.get_input_directory())
    files = [entry.name for entry in folder.iterdir() if _is_file(entry)] if is_dir(folder) else []
    by_type = set(folder_paths.filter_files_content_types(files, ["video"]))
    videos = sorted(by_type | {name for name in files if Path(name).suffix.lower() in VIDEO_SUFFIXES})
    return videos + [name for name in demo_clips.names() if name not in videos]


def input_path(name: str) -> Path:
    """The file that a menu entry stands for: `name`, or `name [output]` and `name [temp]` for those folders.

    The pack's own clips are found too where the input folder has no file of that name. Raises InputError when it is
    not there, or leads out of its folder.
    """
    import folder_paths

    if not _is_name(name):
        raise InputError(f"The file name {_short(name)} is not usable; choose a video from the list or upload one.")
    relative, folder = folder_paths.annotated_filepath(name)
    path = _resolve_inside(Path(folder or folder_paths.get_input_directory()), relative.strip())
    if _is_file(path):
        return path
    if folder is None and (clip := demo_clips.find(relative.strip())) is not None:
        return clip
    raise InputError(
        f"The video {_short(relative.strip())} is not in ComfyUI's input folder; upload it on this "
        "node or choose another one from the list."
    )


def file_of(filename: str, subfolder: str, kind: str) -> Path:
    """A file as ComfyUI's page names it: `kind` is input, output or temp. Raises InputError for anything else."""
    import folder_paths

    folder = folder_paths.get_directory_by_type(kind) if kind in ("input", "output", "temp") else None
    if folder is None or not _is_name(filename):
        raise InputError(f"Expected a file of the input, output or temp folder, got {_short(filename)}; choose one.")
    path = _resolve_inside(Path(folder), str(Path(subfolder, filename)))
    if not _is_file(path) and kind == "input" and (clip := demo_clips.find(filename)) is not None:
        return clip
    if not _is_file(path):
        raise InputError(f"The file {_short(filename)} is not there any more; choose another one or run again.")
    return path


def served_file(path: str) -> Path | None:
    """The file at an absolute path where ComfyUI's page may fetch it: in the input, output or temp folder."""
    import folder_paths

    if "\0" in path or not Path(path).is_absolute():
        return None
    found = Path(os.path.realpath(path))
    folders = (
        folder_paths.get_input_directory(),
        folder_paths.get_output_directory(),
        folder_paths.get_temp_directory(),
    )
    is_inside = any(found.is_relative_to(os.path.realpath(folder)) for folder in folders)
    return found if is_inside and _is_file(found) else None


def input_folder(name: str) -> Path:
    """The folder `name` inside ComfyUI's input folder. Raises InputError when it is not there, or leads out of it."""
    import folder_paths

    if not _is_name(name):
        raise InputError(f"The folder name {_short(name)} is not usable; name a folder inside ComfyUI's input folder.")
    path = _resolve_inside(Path(folder_paths.get_input_directory()), name.strip())
    if not is_dir(path):
        raise InputError(f"The folder {_short(name.strip())} is not in ComfyUI's input folder; put it there.")
    return path


def input_folders() -> list[str]:
    """The folders inside the input folder that hold files, by their names below it; hidden ones are left out."""
    import folder_paths

    root = Path(folder_paths.get_input_directory())
    if not is_dir(root):
        return []
    found = []
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        relative = Path(folder).relative_to(root).as_posix()
        if files and relative != ".":
            found.append(relative)
        if len(found) >= _MOST_FOLDERS or relative.count("/") >= _DEEPEST:
            inner.clear()
    return found[:_MOST_FOLDERS]


def output_folder(name: str) -> Path:
    """The folder `name` below the output folder. Raises InputError for a name no folder can have, or that leads out."""
    import folder_paths

    check_prefix(name)
    return _resolve_inside(Path(folder_paths.get_output_directory()), name.strip())


def offer_demo_clips() -> None:
    """Put the pack's clips into the input folder once, where core nodes and previews find them too."""
    import folder_paths

    demo_clips.offer(Path(folder_paths.get_input_directory()), Path(folder_paths.get_user_directory()))


def output_target(prefix: str, extension: str, width: int, height: int) -> Target:
    """The next free file of that prefix in the output folder; its subfolder is made.

    `width` and `height` in pixels fill `%width%` and `%height%`. Raises InputError for a prefix that leads out.
    """
    import folder_paths

    check_prefix(prefix)
    root = folder_paths.get_output_directory()
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, root, width, height)
    name = f"{stem}_{counter:05}_{extension}"
    return Target(_resolve_inside(Path(root), str(Path(folder, name))), name, subfolder)


def check_prefix(prefix: str) -> None:
    """Raise InputError for a file name prefix that no file can have, or that leads out of the output folder."""
    if isinstance(prefix, str):
        check_text("filename_prefix", prefix)
    parts = prefix.replace("\\", "/").split("/") if isinstance(prefix, str) else [""]
    if not _is_name(prefix) or not parts[-1].strip() or max(map(_bytes_in, parts)) > _LONGEST_PART_BYTES:
        raise InputError(
            f"The filename_prefix {_short(prefix)} is not a file name; write a name such as 'DeepSound/video'."
        )
    if len(parts) - 1 > _MOST_SUBFOLDERS or _bytes_in(prefix) > _LONGEST_PREFIX_BYTES:
        raise InputError(
            f"filename_prefix: expected at most {_MOST_SUBFOLDERS} subfolders and {_LONGEST_PREFIX_BYTES} bytes, got "
            f"{len(parts) - 1} and {_bytes_in(prefix)}; write a name such as 'DeepSound/video'."
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


def temp_target(extension: str) -> Target:
    """A file in ComfyUI's temporary folder, as the page asks for it."""
    path = temp_path(extension)
    return Target(path, path.name, "")


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


def _core_tokenizer() -> list[Path]:
    """Where the core keeps CLIP's byte pairs, which MMAudio's prompts need too."""
    import comfy

    return [Path(folder, "sd1_tokenizer") for folder in getattr(comfy, "__path__", ())]


def _resolve_inside(folder: Path, relative: str) -> Path:
    """`relative` inside `folder`, links followed; InputError when that is somewhere else."""
    try:
        root = folder.resolve()
        path = (root / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:
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
        # A name longer than the file system allows, or a folder that may not be read.
        return False


def _is_name(name: object) -> bool:
    """Whether a file could be called so. What is no UTF-8 in a name on disk stands in it as surrogate escapes."""
    if not isinstance(name, str) or not name.strip() or any(character < " " for character in name):
        return False
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def _bytes_in(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _short(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 120 else f"{text[:117]}..."

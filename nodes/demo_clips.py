"""The pack's own clips, offered in ComfyUI's input folder from the first start on."""

from __future__ import annotations

from pathlib import Path

from deepsound.errors import DeepSoundError
from deepsound.media.files import atomic_write
from deepsound.runtime.paths import exists, is_file, is_symlink

FOLDER = Path(__file__).parents[1] / "demo"
# In ComfyUI's user folder: the clips that were put into the input folder, so that a deleted one stays away.
RECORD = "deepsound_demo_clips.txt"


def names() -> list[str]:
    """The clips' file names, sorted."""
    return sorted(path.name for path in FOLDER.glob("*.mp4"))


def find(name: str) -> Path | None:
    """The clip of that name inside the pack; None for any other name."""
    return FOLDER / name if name in names() else None


def offer(input_folder: Path, user_folder: Path) -> None:
    """Copy the clips into `input_folder`, each once; a file of that name stays what it is.

    Where that cannot be (a folder that is read-only or not there) nothing is said: LoadVideo finds them in the pack.
    """
    record = user_folder / RECORD
    try:
        offered = record.read_text(encoding="utf-8").split("\n") if is_file(record) else []
        for name in names():
            target = input_folder / name
            if name in offered or exists(target) or is_symlink(target):
                continue
            with atomic_write(target) as partial:
                partial.write_bytes((FOLDER / name).read_bytes())
        if not set(names()) <= set(offered):
            with atomic_write(record) as partial:
                partial.write_text("\n".join(sorted({*offered, *names()} - {""})) + "\n", encoding="utf-8")
    except (DeepSoundError, OSError, UnicodeError):
        return

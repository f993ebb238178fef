"""Preview copies of videos that browsers cannot play, in ComfyUI's temporary folder."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from deepsound.runtime.paths import is_file

from . import host_folders

# Encoding more would keep a person waiting for minutes; the node says that a preview ends before its video.
LONGEST_S = 600.0
_MOST_COPIES = 8
_copies: dict[str, Path] = {}
_lock = threading.Lock()


def playable(path: Path) -> Path:
    """An mp4 of the video's first ten minutes that browsers play; one copy serves until the file changes.

    Raises MediaError for what is no video, OutputError when the copy cannot be written.
    """
    from deepsound.media.clip import Clip
    from deepsound.media.preview import write_preview

    status = path.stat()
    version = repr((str(path), status.st_mtime_ns, status.st_size))
    key = hashlib.sha256(version.encode("utf-8", "replace")).hexdigest()[:24]
    with _lock:  # One at a time: a second request for the same file waits for the first one's copy.
        copy = _copies.pop(key, None)
        if copy is None or not is_file(copy):
            copy = host_folders.temp_path(".mp4", f"preview_{key}")
            write_preview(Clip.open(path, 0.0, LONGEST_S), copy)
        _copies[key] = copy
        while len(_copies) > _MOST_COPIES:
            _copies.pop(next(iter(_copies))).unlink(missing_ok=True)
        return copy

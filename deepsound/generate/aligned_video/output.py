"""Writes an aligned video to a file: its frames as H.264, its sound beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deepsound.generate.aligned_video.generator import AlignedVideo
from deepsound.media.image_video import write_frames
from deepsound.media.mux import mux
from deepsound.runtime.progress import Progress


def write_video(video: AlignedVideo, path: Path, progress: Progress) -> None:
    """Write picture and sound to `path`, an mp4 or mkv. Raises OutputError where it cannot be written."""
    with tempfile.TemporaryDirectory(prefix=".", suffix=".partial", dir=path.parent) as folder:
        silent = Path(folder, "frames.mp4")
        write_frames(video.images, video.fps, silent, progress.part(0.0, 0.5))
        mux(silent, video.audio, path, progress=progress.part(0.5, 1.0))

"""FLAC writer: a sound as 24-bit samples, encoded block by block."""

from __future__ import annotations

from pathlib import Path

from deepsound.media.container import ThrottledProgress
from deepsound.media.encode import SoundEncoder
from deepsound.media.files import atomic_write, output_error
from deepsound.runtime.progress import Progress
from deepsound.types import Audio


def write_flac(audio: Audio, path: Path, progress: Progress = Progress()) -> None:
    """Write a sound as 24-bit FLAC; samples beyond full scale are held there. Raises OutputError."""
    import av

    pace = ThrottledProgress(progress)
    with atomic_write(path) as partial:
        try:
            with av.open(str(partial), "w", format="flac") as container:
                encoder = SoundEncoder(container, audio, "flac")
                step_s = 1.0
                for second in range(int(audio.duration_s / step_s) + 1):
                    pace.update(min(1.0, second * step_s / max(audio.duration_s, step_s)))
                    for packet in encoder.packets_until((second + 1) * step_s):
                        container.mux(packet)
                for packet in encoder.remaining_packets():
                    container.mux(packet)
        except av.FFmpegError as error:
            raise output_error(path, OSError(error.errno, error.strerror)) from error

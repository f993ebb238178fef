"""The film and the picture at the top of the README: a demo clip before and after.

`python scripts/make_film.py` (with MoviePy, the extra `render`) writes docs/images/before_after.mp4 and .jpg.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "images" / "before_after"
CLIP = ROOT / "demo" / "narrated_landscape.mp4"
# Five seconds with one sentence of the narration; first with the coarse sound, then with the final one.
START_S, LENGTH_S = 1.0, 5.0
FILM_WIDTH, STILL_WIDTH = 960, 760


def main() -> None:
    """Run the clip, compare its sounds, and cut film and picture from the comparison."""
    with tempfile.TemporaryDirectory() as folder:
        window = ("--start", str(START_S), "--duration", str(LENGTH_S))
        _deepsound("run", str(CLIP), *window, "-o", folder, "--quiet")
        _deepsound("compare", folder, "--width", str(STILL_WIDTH), "--still-only", "--quiet")
        still = Path(folder) / f"{CLIP.stem}.compare.png"
        Image.open(still).convert("RGB").save(TARGET.with_suffix(".jpg"), quality=85, optimize=True)
        _deepsound("compare", folder, "--quiet")
        cut(Path(folder) / f"{CLIP.stem}.compare.mp4", TARGET.with_suffix(".mp4"), 2 * LENGTH_S)


def cut(source: Path, target: Path, seconds: float) -> None:
    """Write the first `seconds` of `source` as a small H.264 and AAC file for a page."""
    with av.open(str(source)) as read, av.open(str(target), "w", options={"movflags": "faststart"}) as write:
        picture, sound = read.streams.video[0], read.streams.audio[0]
        height = round(picture.height * FILM_WIDTH / picture.width / 2) * 2
        video = write.add_stream("libx264", rate=picture.average_rate or Fraction(30))
        video.width, video.height, video.pix_fmt = FILM_WIDTH, height, "yuv420p"
        video.options = {"crf": "30", "preset": "slow"}
        audio = write.add_stream("aac", rate=sound.rate, layout="stereo")
        audio.bit_rate = 96_000
        for frame in read.decode(picture, sound):
            if frame.time is None or frame.time >= seconds:
                continue
            if isinstance(frame, av.VideoFrame):
                frame = frame.reformat(FILM_WIDTH, height, "yuv420p")
                frame.pict_type = av.video.frame.PictureType.NONE
                write.mux(video.encode(frame))
            else:
                write.mux(audio.encode(frame))
        for stream in (video, audio):
            write.mux(stream.encode(None))


def _deepsound(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "deepsound", *arguments], cwd=ROOT, check=True)  # noqa: S603


if __name__ == "__main__":
    main()

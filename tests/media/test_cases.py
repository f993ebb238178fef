"""Regression tests of media reading on small files (tests/media/cases)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsound.errors import DeepSoundError, MediaError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.probe import probe

CASES = Path(__file__).parent / "cases"
MakeVideo = Callable[..., Path]


def test_a_change_of_size_is_fifty_whole_frames_in_two_seconds() -> None:
    clip = Clip.open(CASES / "reschange.webm")
    frames = list(clip.frames())
    assert (len(frames), clip.duration_s) == (50, 2.0)
    assert {frame.rgb(1 << 16).shape for frame in frames} == {(120, 160, 3)}
    assert ["160x120 to 320x240" in note for note in clip.notes] == [True]


def test_a_change_of_sample_format_is_a_second_of_sound() -> None:
    sound = decode_audio(CASES / "format_change.mp3")
    assert sound.sample_rate == 48000 and sound.duration_s == pytest.approx(1.0, abs=0.1)


def test_a_late_stream_is_read_on() -> None:
    clip = Clip.open(CASES / "late_stream.flv")
    sound = clip.audio()
    # FFmpeg 7 itself loses the frame at which the stream appears; later ones do not.
    assert len(list(clip.frames())) in (19, 20) and clip.duration_s == 2.0
    assert sound is not None and sound.samples == 88200


_IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import torch
from deepsound.errors import DeepSoundError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
def data_bytes():
    return int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) << 10
limit = data_bytes() + (1 << 30)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
path = sys.argv[1]
try:
    Clip.open(path).audio()
except DeepSoundError as error:
    print(error)
print(Clip.open(path, 0.0, 1.0).audio().duration_s, decode_audio(path).duration_s < 1)
"""


@pytest.mark.parametrize(("name", "hours"), [("gap1e5.mp4", "27.8"), ("gap1e6.mkv", "277.8")])
def test_a_hole_of_days_needs_no_memory_and_is_said(name: str, hours: str) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("the memory of a process is read from /proc, which this system lacks")
    done = subprocess.run(
        [sys.executable, "-c", _IN_LITTLE_MEMORY, str(CASES / name)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    said, read = done.stdout.strip().splitlines()
    assert name in said and f"{hours} hours" in said and "start and duration" in said
    assert read == "1.0 True"


@pytest.mark.parametrize(
    "name", [os.fsdecode(b"bad\xff.mp4"), "new\nline.mp4", "50%03d?#.mp4", "file:x.mp4", "x" * 249]
)
def test_names_that_no_one_would_choose_are_read(make_video: MakeVideo, name: str) -> None:
    path = make_video()
    odd = path.rename(path.with_name(name))
    assert len(list(Clip.open(odd).frames())) == 10


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "pipe.mp4"])
def test_paths_that_cannot_be_read_are_one_sentence(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError) as error:
        probe(tmp_path / name)
    assert name[:200] in str(error.value) and "\n" not in str(error.value)


def test_reading_writes_nothing_and_needs_no_open_stdout(tmp_path: Path) -> None:
    names = [path.name for path in sorted(CASES.iterdir()) if path.suffix != ".md"]
    code = (
        "import os, sys; os.close(1); os.close(2)\n"
        "from pathlib import Path\nfrom deepsound.errors import DeepSoundError\n"
        "from deepsound.media.audio import decode_audio\nfrom deepsound.media.probe import probe\n"
        f"for name in {names!r}:\n"
        f"    path = Path({str(CASES)!r}) / name\n"
        "    info = probe(path)\n"
        "    if info.audio is not None: decode_audio(path)\n"
    )
    before = {path.name: path.stat().st_mtime_ns for path in CASES.iterdir()}
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=600)
    assert done.returncode == 0
    assert {path.name: path.stat().st_mtime_ns for path in CASES.iterdir()} == before


def test_a_file_that_shrinks_while_it_is_read_gives_what_is_left(make_video: MakeVideo) -> None:
    path = make_video("shrinks.mkv", seconds=3.0, gop=5)
    clip = Clip.open(path)
    os.truncate(path, path.stat().st_size // 2)
    assert 0 < len(list(clip.frames())) < 30
    path.unlink()
    with pytest.raises(DeepSoundError, match="does not exist"):
        list(clip.frames())


def test_a_file_that_is_replaced_by_one_without_sound_is_said(make_video: MakeVideo, tone: Callable) -> None:
    clip = Clip.open(make_video("a.mp4", audio=tone(1.0)))
    make_video("b.mp4").replace(clip.path)
    with pytest.raises(MediaError, match=r"a\.mp4 changed while it was read: sound track 1 is gone"):
        clip.audio()

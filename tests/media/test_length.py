"""Tests of picture and sound length, and of files that hold less than they state."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import MediaError
from deepsound.media.clip import Clip
from deepsound.media.probe import probe
from deepsound.media.truncation import is_cut
from deepsound.media.wav import write_wav

MakeVideo = Callable[..., Path]


def _noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)


@pytest.mark.parametrize("gop", [5, 60])
@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.mkv", "cut.avi"])
def test_a_download_that_stopped_is_said_with_both_numbers(make_video: MakeVideo, name: str, gop: int) -> None:
    options = {"movflags": "faststart"} if name.endswith(("4", "v")) else {}
    path = make_video(name, seconds=4.0, paint=_noise, options=options, gop=gop)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = Clip.open(path)
    assert 1.0 < clip.duration_s < 3.0
    (warning,) = clip.info.warnings
    assert "4.00 s" in warning and f"{clip.duration_s:.2f} s" in warning
    assert warning in clip.notes
    # Of the last frames some lean on others past the cut.
    assert len(list(clip.frames())) == pytest.approx(clip.duration_s * 10, abs=4)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi", "a.ts"])
@pytest.mark.parametrize("sound_s", [0.5, 3.0])
def test_whole_files_are_no_cause_for_a_warning(
    make_video: MakeVideo, tone: Callable, name: str, sound_s: float
) -> None:
    info = probe(make_video(name, seconds=1.5, audio=tone(sound_s)))
    assert info.notes == ()
    assert info.audio is not None and info.audio.duration_s == pytest.approx(sound_s, abs=0.1)
    assert info.duration_s == pytest.approx(1.5, abs=0.11)


def test_one_picture_under_five_seconds_of_sound_tells_both_lengths(make_video: MakeVideo, tone: Callable) -> None:
    for name in ("podcast.mp4", "podcast.mkv"):
        info = probe(make_video(name, seconds=0.1, audio=tone(5.0)))
        assert info.video is not None and info.audio is not None and info.audio.duration_s is not None
        assert info.video.duration_s == pytest.approx(0.1, abs=0.01)
        assert info.audio.duration_s == pytest.approx(5.0, abs=0.05)
        # FFmpeg's own tag in the mkv gives the picture the sound's length: that is no cut file.
        assert info.notes == ()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi", "a.wav"])
def test_missing_bytes_at_the_end_are_noticed(make_video: MakeVideo, tmp_path: Path, tone: Callable, name: str) -> None:
    path = tmp_path / name
    if name == "a.wav":
        write_wav(tone(0.5), path)
    else:
        make_video(name, audio=tone(1.0))
    container = probe(path).container
    assert is_cut(path, container) is False
    path.write_bytes(path.read_bytes()[:-100])
    assert is_cut(path, container) is True
    assert is_cut(path, "mpegts") is None
    for damaged in (b"", b"\0" * 7, b"\0\0\0\1mdat", b"\x1a\x45\xdf\xa3", b"\0\0\0\3moov1234", b"RIFF"):
        path.write_bytes(damaged)
        assert is_cut(path, container) in (True, False, None)


def long_video(path: Path, last_s: int) -> Path:
    """Four frames, the last of them shown `last_s` seconds after the first."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=64, height=48)
        stream.codec_context.time_base = Fraction(1, 10)
        for index, time_s in enumerate((0.0, 0.1, 0.2, float(last_s))):
            frame = av.VideoFrame.from_ndarray(_noise(index), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 10), Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("name", "last_s"), [("day.mp4", 100_000), ("days.mkv", 1_000_000)])
def test_more_than_a_day_is_refused_with_its_length_and_a_part_of_it_is_taken(
    tmp_path: Path, name: str, last_s: int
) -> None:
    path = long_video(tmp_path / name, last_s)
    with pytest.raises(MediaError, match=rf"{last_s / 3600:.1f} hours.*24.*start and duration"):
        Clip.open(path)
    assert len(list(Clip.open(path, duration_s=1.0).frames())) == 3

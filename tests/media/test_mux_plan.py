"""Tests of a mux's plan: container by the source, copied codecs, refusals before any work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsound import Pipeline
from deepsound.errors import DeepSoundError, InputError
from deepsound.media.clip import Clip
from deepsound.media.mux import mux
from deepsound.media.mux_plan import plan_mux
from tests import fakes
from tests.media.test_mux import clicks, stored

MakeVideo = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "container"),
    [
        ("a.mp4", "libx264", "yuv420p", "mp4"),
        ("a.mov", "libx264", "yuv420p", "mov"),
        ("a.mov", "prores_ks", "yuv422p10le", "mov"),
        ("a.mov", "mjpeg", "yuvj420p", "mov"),
        ("a.webm", "libvpx", "yuv420p", "webm"),
        ("a.mkv", "libvpx", "yuv420p", "mkv"),
        ("a.mkv", "ffv1", "yuv420p", "mkv"),
        ("a.mkv", "mpeg2video", "yuv420p", "mkv"),
        ("a.avi", "mjpeg", "yuvj420p", "mp4"),
        ("a.ts", "mpeg2video", "yuv420p", "mp4"),
    ],
)
def test_the_container_follows_the_source_and_the_picture_is_copied(
    make_video: MakeVideo, tmp_path: Path, name: str, codec: str, pixels: str, container: str
) -> None:
    """0.3.0 always wrote mp4, and encoded VP8, ProRes, MPEG-2, MJPEG and FFV1 again for it."""
    fps = 25 if codec == "mpeg2video" else 10
    source = make_video(name, codec=codec, pixel_format=pixels, fps=fps, seconds=0.4)
    plan = plan_mux(Clip.open(source))
    assert (plan.container.name, plan.reencoded_because) == (container, "")
    assert mux(source, clicks(), tmp_path / f"out.{container}").reencoded_because == ""
    assert stored(tmp_path / f"out.{container}") == stored(source)


@pytest.mark.parametrize(
    ("codec", "container", "message"),
    [("libx264", "webm", "takes no H.264 either; choose .mp4"), ("ffv1", "mp4", "needs MoviePy")],
)
def test_what_cannot_be_written_is_refused_before_any_work(
    fake_engines, make_video: MakeVideo, tmp_path: Path, monkeypatch, codec: str, container: str, message: str
) -> None:
    """0.3.0 generated, judged and separated first, and said so then."""
    monkeypatch.setitem(sys.modules, "moviepy", None)
    source = make_video("a.mkv", codec=codec)
    with pytest.raises(DeepSoundError, match=message):
        Pipeline("noise", "no", "halving").run(source, tmp_path / "out", container=container)
    assert not fakes.Generator.requests and not list(tmp_path.glob("out/*"))


def test_a_clip_beyond_the_32_bits_of_mp4_is_refused_with_what_takes_it(make_video: MakeVideo, monkeypatch) -> None:
    source = Clip.open(make_video("long.mkv", times=[0.0, 13.5 * 3600]))
    monkeypatch.setattr("deepsound.media.mux_plan.LEAST_TICKS", 90_000)
    with pytest.raises(InputError, match=r"at most 13 h for mp4, whose times have 32 bits, got 13\.5 h; choose mkv"):
        plan_mux(source, "mp4")


@pytest.mark.parametrize("times", [[0.0, 0.5], [0.0, 0.5, 1.0], [0.0, 13.1, 23.6 * 3600]])
def test_a_matroska_file_of_fewer_frames_than_are_looked_ahead_is_copied_as_planned(
    make_video: MakeVideo, tmp_path: Path, times: list[float]
) -> None:
    """FFmpeg gives none of these packets a time of decoding: the plan said copied, and they were encoded again."""
    source = make_video("few.mkv", times=times)
    assert plan_mux(Clip.open(source)).reencoded_because == ""
    for name in ("out.mkv", "out.mp4", "out.mov"):
        assert mux(source, clicks(), tmp_path / name).reencoded_because == ""
        assert stored(tmp_path / name) == stored(source)
        shown = [frame.time_s for frame in Clip.open(tmp_path / name).frames()]
        assert shown == pytest.approx(times, abs=0.001)


def test_a_packet_late_in_the_file_that_cannot_be_copied_is_said_by_the_plan(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    pytest.importorskip("moviepy")
    source = make_video("late.ts", seconds=4.0, gop=5)
    packets = source.read_bytes()
    at = len(packets) // 2 // 188 * 188
    # The second half once more: its times go back.
    source.write_bytes(packets + packets[at:])
    planned = plan_mux(Clip.open(source), "mp4").reencoded_because
    assert (
        planned == mux(source, clicks(), tmp_path / "out.mp4").reencoded_because == "its packets are not timed in order"
    )


def test_a_picture_that_must_be_repeated_from_within_is_said_by_the_plan(make_video: MakeVideo, tone) -> None:
    pytest.importorskip("moviepy")
    source = make_video("long.mkv", seconds=2.0, gop=50, audio=tone(4.0))
    assert plan_mux(Clip.open(source, 0.5), "mp4").reencoded_because == ""
    planned = plan_mux(Clip.open(source, 0.5), "mp4", length="loop").reencoded_because
    assert planned == "the part to repeat does not begin at a keyframe"

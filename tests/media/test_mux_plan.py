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

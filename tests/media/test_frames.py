"""Frames whose stamps, sizes or formats are not what the file's start promises."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.media.clip import Clip
from deepsound.media.frame_times import FrameTimes
from deepsound.media.render import render
from deepsound.media.views import UniformFrames
from deepsound.runtime.progress import Progress, ProgressEvent

MakeVideo = Callable[..., Path]
FULL = 1 << 16


def bars(clip: Clip) -> list[int]:
    """The left edge of the painter's white bar, four pixels further in each frame."""
    return [int(np.argmax(frame.gray(FULL)[0] > 200)) for frame in clip.frames()]


def times(clip: Clip) -> list[float]:
    return [round(frame.time_s, 3) for frame in clip.frames()]


def with_b_frames(make_video: MakeVideo) -> Path:
    """Three seconds of H.264 with B-frames in an AVI, whose packets have stamps of decoding alone."""
    path = make_video("b.avi", codec="libx264", size=(128, 48), seconds=3.0, gop=8)
    with av.open(str(path)) as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert shown != sorted(shown), "the encoder made no B-frames"
    return path


def test_b_frames_in_an_avi_are_shown_in_order_and_on_time(make_video: MakeVideo) -> None:
    clip = Clip.open(with_b_frames(make_video))
    assert clip.duration_s == pytest.approx(3.0, abs=0.11)
    assert times(clip) == [index / 10 for index in range(30)]
    assert bars(clip) == pytest.approx([4 * index for index in range(30)], abs=1)


def test_a_window_of_such_an_avi_shows_what_the_whole_shows_then(make_video: MakeVideo) -> None:
    clip = Clip.open(with_b_frames(make_video), 1.3, 0.5)
    assert times(clip) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4], abs=1e-6)
    assert bars(clip) == pytest.approx([52, 56, 60, 64, 68], abs=1)


class _Packet:
    def __init__(self, pts: int | None) -> None:
        self.pts, self.size = pts, 1


def _times(stamps_in: list[int | None], stamps_out: list[int | None], container: str = "matroska") -> list[float]:
    """Times of frames that leave a decoder three packets after they went in, in ticks of 1/10 s."""

    class Stream:
        time_base = Fraction(1, 10)

        class codec_context:
            has_b_frames = True

    clock = FrameTimes(container, Stream(), Fraction(0), Fraction(10))  # type: ignore[arg-type]
    given = []
    for index in range(len(stamps_in) + 3):
        if index < len(stamps_in):
            clock.feed(_Packet(stamps_in[index]))  # type: ignore[arg-type]
        if index >= 3:
            given.append(round(clock.of(_Packet(stamps_out[index - 3])), 3))  # type: ignore[arg-type]
    return given


def test_stamps_in_decoding_order_are_sorted_in_any_container() -> None:
    jumbled = [0, 1, 4, 2, 3, 5, 8, 6, 7, 9]
    given = _times([*range(10)], jumbled)  # type: ignore[list-item]
    assert given == sorted(given)
    # The order is known from the first step back on; from there each frame has its own time.
    assert given[5:] == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert _times([*range(10)], jumbled, "avi") == [index / 10 for index in range(10)]  # type: ignore[list-item]


def test_good_stamps_are_left_alone() -> None:
    assert _times([0, 3, 1, 2, 9, 5, 7], [0, 1, 2, 3, 5, 7, 9]) == [0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9]


def test_frames_without_stamps_follow_each_other_at_the_rate() -> None:
    assert _times([None] * 4, [None] * 4) == [0, 0.1, 0.2, 0.3]
    assert _times([0, None, None, 30], [0, None, None, 30]) == [0, 0.1, 0.2, 3.0]


def test_a_clock_that_is_set_back_goes_on_from_where_it_was() -> None:
    stamps: list[int | None] = [0, 10, 20, 30, 2, 12, 22]
    assert _times(stamps, stamps) == [0, 1, 2, 3, 3.1, 4.1, 5.1]


def changing_size(
    path: Path,
    first: tuple[int, int] = (64, 48),
    then: tuple[int, int] = (128, 96),
    codec: str = "libvpx",
    formats: tuple[str, str] = ("yuv420p", "yuv420p"),
) -> Path:
    """A video whose size or format changes half way: a second of ten frames of each, white in the right half."""
    encoders = []
    for (width, height), pixel_format in zip((first, then), formats, strict=True):
        encoder = av.CodecContext.create(codec, "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, pixel_format  # type: ignore[attr-defined]
        encoder.time_base = Fraction(1, 10)
        encoders.append(encoder)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, width=first[0], height=first[1])
        for part, (encoder, (width, height)) in enumerate(zip(encoders, (first, then), strict=True)):
            picture = np.zeros((height, width, 3), np.uint8)
            picture[:, width // 2 :] = 255
            frames = []
            for index in range(10):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=encoder.pix_fmt)  # type: ignore[attr-defined]
                frame.pts, frame.time_base = 10 * part + index, Fraction(1, 10)
                frames.append(frame)
            for frame in [*frames, None]:
                for packet in encoder.encode(frame):  # type: ignore[attr-defined]
                    packet.stream = stream
                    container.mux(packet)
    return path


def test_a_change_of_size_gives_every_frame_whole_at_one_size_and_is_said(tmp_path: Path) -> None:
    clip = Clip.open(changing_size(tmp_path / "grows.webm"))
    assert clip.notes == ()
    frames = list(clip.frames())
    assert len(frames) == 20 and clip.duration_s == pytest.approx(2.0, abs=0.01)
    for frame in frames:
        picture = frame.rgb(FULL)
        assert picture.shape == (48, 64, 3)
        assert picture[:, :28].mean() < 40 and picture[:, 36:].mean() > 215
        assert frame.gray(32).shape == (24, 32)
    (note,) = clip.notes
    assert "64x48" in note and "128x96" in note and "1.00 s" in note


def test_another_shape_is_fitted_with_black_around_it(tmp_path: Path) -> None:
    clip = Clip.open(changing_size(tmp_path / "turns.webm", (64, 48), (48, 64)))
    last = [frame.rgb(FULL) for frame in clip.frames()][-1]
    assert last.shape == (48, 64, 3)
    # 48x64 fits as 36x48: 14 columns of black on either side.
    assert last[:, :13].max() == 0 and last[:, 51:].max() == 0
    assert last[:, 34:48].mean() > 215


def test_views_of_a_clip_that_changes_its_size(tmp_path: Path) -> None:
    clip = Clip.open(changing_size(tmp_path / "grows.webm"))
    stills = clip.view(UniformFrames(4, 32))
    assert [still.image.shape for still in stills] == [(24, 32, 3)] * 4
    assert len(clip.notes) == 1


def test_a_change_of_size_is_rendered_frame_for_frame(tmp_path: Path) -> None:
    # The first frame's size was taken for all, and 20 frames became 50 of garbage.
    pytest.importorskip("moviepy", reason="rendering needs MoviePy")
    events: list[ProgressEvent] = []
    clip = Clip.open(changing_size(tmp_path / "grows.webm"))
    render(clip, tmp_path / "out.mp4", Progress(on_event=events.append))
    assert sum(event.is_note and "64x48 to 128x96" in event.text for event in events) == 1
    rendered = Clip.open(tmp_path / "out.mp4")
    pictures = [frame.rgb(FULL) for frame in rendered.frames()]
    assert len(pictures) == 20 and rendered.duration_s == pytest.approx(2.0)
    assert all(picture[:, :28].mean() < 40 and picture[:, 36:].mean() > 215 for picture in pictures)


def test_a_change_of_pixel_format_is_decoded(tmp_path: Path) -> None:
    path = changing_size(tmp_path / "formats.webm", then=(64, 48), codec="libvpx-vp9", formats=("yuv420p", "yuv444p"))
    with av.open(str(path)) as container:
        assert {frame.format.name for frame in container.decode(video=0)} == {"yuv420p", "yuv444p"}
    clip = Clip.open(path)
    pictures = [frame.rgb(FULL) for frame in clip.frames()]
    assert len(pictures) == 20 and clip.notes == ()
    assert all(picture[:, :28].mean() < 40 and picture[:, 36:].mean() > 215 for picture in pictures)


def test_a_matrix_of_colours_that_nobody_knows_is_taken_for_the_usual_one(tmp_path: Path) -> None:
    """A damaged MPEG-2 header ended in swscale's raw OSError."""
    clip = Clip.open(changing_size(tmp_path / "plain.webm", then=(64, 48)))
    usual, strange = (next(iter(clip.frames())) for _ in range(2))
    strange._frame.colorspace = 123
    assert np.array_equal(strange.rgb(FULL), usual.rgb(FULL))

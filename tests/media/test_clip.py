"""Windows, frames and the one decoding pass."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import Cancelled, InputError, MediaError
from deepsound.media.clip import Clip
from deepsound.media.decode import DecodedFrame, fitted_size, frames
from deepsound.media.views import Frame, Timeline, UniformFrames
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent

MakeVideo = Callable[..., Path]
FULL = 1 << 16


def shown(clip: Clip) -> list[DecodedFrame]:
    return list(frames(clip.info, clip.start_s, clip.duration_s))


def times(clip: Clip) -> list[float]:
    return [round(frame.time_s, 3) for frame in shown(clip)]


def bar_left(frame: Frame) -> int:
    """The left edge of the painter's white bar, which tells the frames apart."""
    return int(np.argmax(frame.gray(FULL)[0] > 200))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi", "a.ts"])
def test_every_frame_once_and_in_order(make_video: MakeVideo, name: str) -> None:
    clip = Clip.open(make_video(name, seconds=1.5, gop=6))
    assert times(clip) == pytest.approx([index / 10 for index in range(15)], abs=0.0015)
    assert [bar_left(frame) for frame in shown(clip)] == pytest.approx([4 * index for index in range(15)], abs=1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.ts", "a.avi"])
def test_window_begins_with_the_frame_on_display(make_video: MakeVideo, name: str) -> None:
    clip = Clip.open(make_video(name, seconds=3.0, size=(128, 48), gop=5), start_s=1.23, duration_s=0.5)
    assert times(clip) == pytest.approx([0.0, 0.07, 0.17, 0.27, 0.37, 0.47], abs=0.0015)
    assert [bar_left(frame) for frame in shown(clip)] == pytest.approx([48, 52, 56, 60, 64, 68], abs=1)


def test_window_at_a_frames_own_time(make_video: MakeVideo) -> None:
    assert times(Clip.open(make_video(seconds=1.0), 0.5, 0.3)) == [0.0, 0.1, 0.2]


def test_varying_frame_rate(make_video: MakeVideo) -> None:
    wanted = [0, 0.1, 0.13, 0.5, 0.52, 1.0, 1.7]
    assert times(Clip.open(make_video(times=wanted))) == wanted


@pytest.mark.parametrize(("rotation", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_rotated_frames_are_upright(
    make_video: MakeVideo,
    turn_video: Callable[[Path, int], None],
    rotation: int,
    turns: int,
) -> None:
    path = make_video()
    flat = shown(Clip.open(path))[3]
    turn_video(path, rotation)
    turned = shown(Clip.open(path))[3]
    np.testing.assert_array_equal(turned.rgb(FULL), np.rot90(flat.rgb(FULL), turns))
    np.testing.assert_array_equal(turned.gray(FULL), np.rot90(flat.gray(FULL), turns))


def test_pictures_are_scaled_down_and_never_up(make_video: MakeVideo) -> None:
    frame = shown(Clip.open(make_video(rotation=90)))[0]
    assert frame.rgb(32).shape == (32, 24, 3)
    assert frame.gray(16).shape == (16, 12)
    assert frame.rgb(1000).shape == (64, 48, 3)
    assert frame.rgb(32) is frame.rgb(32)
    assert fitted_size(1920, 2, 64) == (64, 1)


def test_colours_survive(make_video: MakeVideo) -> None:
    colour = np.array([200, 60, 30], np.uint8)
    path = make_video("red.mp4", paint=lambda index: np.tile(colour, (48, 64, 1)))
    picture = shown(Clip.open(path))[0].rgb(FULL)
    assert np.abs(picture.reshape(-1, 3).mean(0) - colour).max() < 6


def test_odd_sizes_decode_whole(make_video: MakeVideo) -> None:
    frame = shown(Clip.open(make_video("odd.mkv", codec="ffv1", size=(65, 49), pixel_format="yuv444p")))[0]
    assert frame.rgb(FULL).shape == (49, 65, 3)


def test_one_frame(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(seconds=0.1))
    assert times(clip) == [0.0]
    stills = clip.view(UniformFrames(4, 32))
    assert [still.time_s for still in stills] == [0.0] * 4


def test_frames_before_a_damaged_tail_are_kept(make_video: MakeVideo) -> None:
    path = make_video(seconds=3.0, paint=_noise, options={"movflags": "faststart"}, gop=5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    kept = times(Clip.open(path))
    assert 5 < len(kept) < 30
    assert kept == [index / 10 for index in range(len(kept))]


def test_a_window_beyond_the_damage_says_so(make_video: MakeVideo) -> None:
    path = make_video(seconds=3.0, paint=_noise, options={"movflags": "faststart"}, gop=5)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4] + b"\0" * (len(data) - data.index(b"mdat") - 4))
    with pytest.raises(MediaError, match="no frame"):
        shown(Clip.open(path))


def _noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("start_s", "duration_s"),
    [
        (-1.0, None),
        (float("nan"), None),
        (float("inf"), None),
        (1.0, None),
        (99.0, None),
        (0.0, 0.0),
        (0.0, -2.0),
        (0.0, float("nan")),
    ],
)
def test_impossible_windows(make_video: MakeVideo, start_s: float, duration_s: float | None) -> None:
    with pytest.raises(InputError) as error:
        Clip.open(make_video(), start_s, duration_s)
    assert f"{start_s if duration_s is None else duration_s:g}" in str(error.value)


def test_a_long_duration_is_cut_to_the_video(make_video: MakeVideo) -> None:
    assert Clip.open(make_video(), 0.25, 50.0).duration_s == pytest.approx(0.75)
    assert Clip.open(make_video(), 0.25, float("inf")).duration_s == pytest.approx(0.75)


@dataclass(frozen=True)
class Count:
    """How many frames there were; `label` tells views apart."""

    label: str

    def start(self, timeline: Timeline) -> _Counter:
        return _Counter()


class _Counter:
    def __init__(self) -> None:
        self.seen = 0

    def see(self, frame: Frame) -> None:
        self.seen += 1

    def result(self) -> int:
        return self.seen


def test_expected_views_share_one_pass(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video())
    clip.expect(Count("a"), UniformFrames(3, 32))
    assert clip.passes == 0
    assert clip.view(Count("b")) == 10
    assert clip.view(Count("a")) == 10
    assert len(clip.view(UniformFrames(3, 32))) == 3
    assert clip.passes == 1
    clip.view(Count("not expected"))
    assert clip.passes == 2


def test_a_cancelled_pass_can_be_run_again(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(seconds=3.0))
    token = CancelToken()

    class Stopper(_Counter):
        def see(self, frame: Frame) -> None:
            super().see(frame)
            if self.seen == 5:
                token.cancel()

    @dataclass(frozen=True)
    class Stopping:
        def start(self, timeline: Timeline) -> Stopper:
            stoppers.append(Stopper())
            return stoppers[-1]

    stoppers: list[Stopper] = []
    with pytest.raises(Cancelled):
        clip.view(Stopping(), Progress(check=token.check))
    assert stoppers[0].seen == 5
    assert clip.view(Stopping()) == 30


def test_a_hosts_own_interruption_passes_through(make_video: MakeVideo, tone: Callable) -> None:
    class Interrupted(Exception):
        pass

    def interrupt() -> None:
        raise Interrupted

    clip = Clip.open(make_video(audio=tone(1.0)))
    for work in (
        lambda: clip.view(Count("a"), Progress(check=interrupt)),
        lambda: clip.audio(Progress(check=interrupt)),
    ):
        with pytest.raises(Interrupted):
            work()


def test_progress_runs_from_nothing_to_all(make_video: MakeVideo) -> None:
    events: list[ProgressEvent] = []
    Clip.open(make_video()).view(Count("a"), Progress(on_event=events.append))
    fractions = [event.fraction for event in events]
    assert fractions[0] == 0.0 and fractions[-1] == 1.0 and fractions == sorted(fractions)


def test_clips_of_the_same_window_are_equal(make_video: MakeVideo) -> None:
    path = make_video()
    assert Clip.open(path) == Clip.open(path)
    assert len({Clip.open(path), Clip.open(path), Clip.open(path, 0.5)}) == 2


def test_the_edit_list_of_the_real_clip_hides_its_lead_in(tornado: Path) -> None:
    clip = Clip.open(tornado)
    moments = [frame.time_s for frame in shown(clip)]
    assert moments == pytest.approx([index / 30 for index in range(300)])
    assert clip.duration_s == pytest.approx(10.0)


def test_a_window_of_the_real_clip_shows_the_same_pictures(tornado: Path) -> None:
    whole = shown(Clip.open(tornado))
    part = shown(Clip.open(tornado, 7.01, 0.5))
    assert [round(frame.time_s, 4) for frame in part[:3]] == [0.0, 0.0233, 0.0567]
    for index, frame in enumerate(part):
        np.testing.assert_array_equal(frame.rgb(FULL), whole[210 + index].rgb(FULL))


def test_frames_do_not_wait_for_the_garbage_collector(make_video: MakeVideo) -> None:
    # Three minutes of 1080p needed 640 MB more, of pictures that nobody looked at any longer.
    clip = Clip.open(make_video(fps=30, seconds=2.0))

    def video_frames() -> int:
        # By exact type: isinstance asks torch's lazy modules, which warn.
        return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = video_frames()
        seen = 0
        for frame in frames(clip.info, 0.0, 2.0):
            frame.rgb(FULL)
            seen += 1
        waiting = video_frames() - before
    finally:
        gc.enable()
    assert seen == 60
    assert waiting <= 5

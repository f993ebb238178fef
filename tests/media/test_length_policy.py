"""One policy where a sound and its picture do not last equally long, and a word about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import InputError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.decode import frames
from deepsound.media.length_policy import LENGTH_NAMES, settle_lengths, sounding_clip
from deepsound.media.mux import mux
from deepsound.media.probe import probe
from deepsound.types import Audio

MakeVideo = Callable[..., Path]
Sound = Callable[..., Audio]


def moments(path: Path) -> list[float]:
    return [frame.time_s for frame in frames(probe(path), 0.0, 99.0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_hold_keeps_the_last_picture_until_the_sound_ends(
    make_video: MakeVideo, tmp_path: Path, tone: Sound, suffix: str
) -> None:
    muxed = mux(make_video(seconds=1.0), tone(3.0), tmp_path / f"out{suffix}", length="hold")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        picture = container.streams.video[0]
        assert float(picture.duration * picture.time_base) == pytest.approx(3.0, abs=0.01)
    assert moments(tmp_path / f"out{suffix}") == pytest.approx([index / 10 for index in range(10)], abs=0.001)
    assert decode_audio(tmp_path / f"out{suffix}").duration_s == pytest.approx(3.0, abs=0.001)
    assert "2.00 s longer" in muxed.report.length and "last picture is held" in " ".join(muxed.report.lines())


def test_trim_cuts_the_sound_at_the_picture_s_end(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    muxed = mux(make_video(seconds=1.0), tone(3.0), tmp_path / "out.mp4", length="trim")
    assert decode_audio(tmp_path / "out.mp4").duration_s == pytest.approx(1.0, abs=0.001)
    assert "sound is cut" in muxed.report.length


@pytest.mark.parametrize("options", [{}, {"gop": 4}])
def test_loop_repeats_the_picture_until_the_sound_ends(
    make_video: MakeVideo, tmp_path: Path, tone: Sound, options: dict[str, int]
) -> None:
    muxed = mux(make_video(seconds=1.0, **options), tone(2.5), tmp_path / "out.mp4", length="loop")
    assert moments(tmp_path / "out.mp4") == pytest.approx([index / 10 for index in range(25)], abs=0.001)
    pictures = [frame.rgb(64) for frame in frames(probe(tmp_path / "out.mp4"), 0.0, 99.0)]
    np.testing.assert_array_equal(pictures[0], pictures[10])
    np.testing.assert_array_equal(pictures[3], pictures[23])
    assert "repeated" in muxed.report.length and not muxed.reencoded_because


def test_loop_repeats_a_shorter_sound() -> None:
    ramp = Audio.from_numpy(np.arange(100, dtype=np.float32) / 100, 100)
    settled = settle_lengths(ramp, 2.5, "loop")
    assert settled.audio is not None and settled.audio.samples == 250 and settled.picture_s == 2.5
    np.testing.assert_array_equal(settled.audio.numpy()[0, 200:], ramp.numpy()[0, :50])


def test_a_difference_is_said_even_where_nothing_is_done(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    muxed = mux(make_video(seconds=1.0), tone(3.0), tmp_path / "out.mp4")
    assert "goes on after the picture's end" in muxed.report.length
    assert mux(make_video(seconds=1.0), tone(1.0), tmp_path / "same.mp4").report.length == ""


@pytest.mark.parametrize("policy", LENGTH_NAMES)
def test_a_sound_that_outlasts_its_picture_is_kept_or_its_cut_said_before_the_work(
    make_video: MakeVideo, tone: Sound, policy: str
) -> None:
    clip = Clip.open(make_video("podcast.mp4", seconds=0.1, audio=tone(2.0)))
    sounding, said = sounding_clip(clip, policy)
    sound = sounding.audio()
    assert sound is not None
    assert sound.duration_s == pytest.approx(0.1 if policy == "trim" else 2.0, abs=0.01)
    assert "1.90 s longer" in said and f"(length: {policy})" in said
    assert len(list(sounding.frames())) == 1


def test_equal_lengths_need_no_word(make_video: MakeVideo, tone: Sound) -> None:
    clip = Clip.open(make_video(seconds=1.0, audio=tone(1.0)))
    assert sounding_clip(clip, "hold") == (clip, "")


def test_an_unknown_policy_lists_the_known_ones(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    with pytest.raises(InputError, match="hold, trim, loop, as_is"):
        mux(make_video(), tone(1.0), tmp_path / "out.mp4", length="stretch")

"""Tests of track selection: used, left out with a reason, chosen."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import InputError, MediaError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.mux import mux
from deepsound.media.probe import probe

MakeVideo = Callable[..., Path]


def write_tracks(
    path: Path,
    levels: list[float],
    pictures: int = 1,
    names: dict[int, dict[str, str]] | None = None,
    default: int | None = None,
) -> Path:
    """Half a second of `pictures` picture tracks and one mono sound track per level, `default` the default one."""
    rate = 48000
    codec = {".mov": "pcm_s16le", ".mp4": "aac", ".mkv": "pcm_s16le"}[path.suffix]
    with av.open(str(path), "w") as container:
        videos = [container.add_stream("libx264", rate=10, width=64, height=48) for _ in range(pictures)]
        sounds = [container.add_stream(codec, rate=rate, layout="mono") for _ in levels]
        for index, tags in (names or {}).items():
            sounds[index].metadata.update(tags)
        if default is not None:
            sounds[default].disposition = av.stream.Disposition.default.value
        for number, video in enumerate(videos):
            for index in range(5):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 + 100 * number, np.uint8), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 10)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        for level, sound in zip(levels, sounds, strict=True):
            samples = np.full((1, rate // 2), level)
            as_stored = (samples * 2**15).astype(np.int16) if codec == "pcm_s16le" else samples.astype(np.float32)
            frame = av.AudioFrame.from_ndarray(as_stored, "s16" if codec == "pcm_s16le" else "fltp", "mono")
            frame.sample_rate, frame.pts = rate, 0
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def rename_codec(path: Path, old: bytes, new: bytes, which: int = 0) -> None:
    """Give the track whose sample description is the `which`-th of `old` a codec that nobody knows."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stsd")
    for _ in range(which + 1):
        at = data.index(old, at + 1)
    data[at : at + 4] = new
    path.write_bytes(bytes(data))


def level_of(audio: object) -> float:
    return float(np.median(audio.numpy()))  # type: ignore[attr-defined]


def test_a_sound_track_of_an_unknown_codec_is_passed_over_and_named(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "spatial.mov", [0.25, 0.5], names={0: {"language": "eng"}})
    rename_codec(path, b"sowt", b"apac")
    clip = Clip.open(path)
    assert clip.info.audio is not None and clip.info.audio.track == 1
    assert level_of(clip.audio()) == pytest.approx(0.5, abs=1e-3)
    (named,) = clip.info.left_out
    assert "sound track 1" in named and "eng" in named and "no decoder" in named
    assert any("sound track 1" in note for note in clip.info.notes)


def test_sound_that_nobody_can_decode_makes_a_silent_video_and_is_said(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "spatial.mov", [0.25])
    rename_codec(path, b"sowt", b"apac")
    clip = Clip.open(path)
    assert clip.audio() is None and len(clip.info.left_out) == 1
    with pytest.raises(MediaError, match=r"no sound that can be decoded .*sound track 1.*no decoder"):
        decode_audio(path)


def test_a_second_picture_of_an_unknown_codec_is_passed_over_and_named(tmp_path: Path, tone: Callable) -> None:
    path = write_tracks(tmp_path / "depth.mp4", [0.25], pictures=2)
    rename_codec(path, b"avc1", b"dpth", which=1)
    clip = Clip.open(path)
    (named,) = clip.info.left_out
    assert "picture track 2" in named and "no decoder" in named
    mux(path, tone(0.5), tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").video is not None


def test_a_first_picture_of_an_unknown_codec_is_passed_over(tmp_path: Path, tone: Callable) -> None:
    path = write_tracks(tmp_path / "depth.mp4", [0.25], pictures=2)
    rename_codec(path, b"avc1", b"dpth")
    clip = Clip.open(path)
    (frame, *_) = clip.frames()
    assert int(frame.gray(64)[0, 0]) == pytest.approx(140, abs=8)
    mux(path, tone(0.5), tmp_path / "out.mp4")
    (copied, *_) = Clip.open(tmp_path / "out.mp4").frames()
    assert int(copied.gray(64)[0, 0]) == pytest.approx(140, abs=8)


def test_a_file_that_nobody_can_decode_names_its_tracks(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "odd.mov", [0.25])
    rename_codec(path, b"sowt", b"apac")
    rename_codec(path, b"avc1", b"dpth")
    with pytest.raises(MediaError, match=r"picture track 1.*sound track 1") as error:
        probe(path)
    assert str(path) in str(error.value)


def test_another_track_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "two.mov", [0.25, 0.5])
    for number, level in ((None, 0.25), (1, 0.25), (2, 0.5)):
        clip = Clip.open(path, audio_track=number)
        assert level_of(clip.audio()) == pytest.approx(level, abs=1e-3)
        assert level_of(decode_audio(path, audio_track=number)) == pytest.approx(level, abs=1e-3)
        (named,) = clip.info.left_out
        assert f"sound track {1 if number == 2 else 2}" in named and "another one is used" in named


def test_the_default_track_comes_before_the_first_one(tmp_path: Path) -> None:
    clip = Clip.open(write_tracks(tmp_path / "obs.mkv", [0.25, 0.5], default=1))
    assert level_of(clip.audio()) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("number", [3, 0, -1, 99])
def test_a_track_that_is_not_there_is_refused_with_a_list(tmp_path: Path, number: int) -> None:
    path = write_tracks(tmp_path / "two.mov", [0.1, 0.2], names={1: {"language": "fra", "title": "Commentary"}})
    with pytest.raises(InputError) as error:
        Clip.open(path, audio_track=number)
    message = str(error.value)
    assert str(path) in message and f"no sound track {number}" in message
    assert "sound track 1" in message and "fra" in message and "pcm_s16le" in message


def test_a_chosen_track_that_cannot_be_decoded_is_refused_with_its_reason(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "spatial.mov", [0.25, 0.5])
    rename_codec(path, b"sowt", b"apac")
    with pytest.raises(InputError, match=r"sound track 1.*cannot be used.*no decoder.*choose one of.*sound track 2"):
        Clip.open(path, audio_track=1)


def test_a_track_of_a_silent_video_is_refused(make_video: MakeVideo) -> None:
    with pytest.raises(InputError, match="without sound"):
        Clip.open(make_video(), audio_track=1)


def test_titles_reach_people_without_control_characters(tmp_path: Path) -> None:
    names = {0: {"title": "\x1b[31mred\n" + "x" * 500}}
    path = write_tracks(tmp_path / "named.mkv", [0.1, 0.2], names=names)
    track = probe(path).tracks[1]
    assert track.title.isprintable() and 0 < len(track.title) <= 60

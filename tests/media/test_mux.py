"""A sound under a picture: the picture untouched, the sound in its place, to the sample."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import Cancelled, InputError, MediaError, MissingPackage, OutputError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.decode import frames
from deepsound.media.formats import container_for, source_container
from deepsound.media.mux import mux
from deepsound.media.mux_plan import plan_mux
from deepsound.media.probe import probe
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.types import Audio

MakeVideo = Callable[..., Path]
Sound = Callable[..., Audio]
FULL = 1 << 16
# A length that is a whole number of nothing: neither of codec frames nor of milliseconds.
ODD_LENGTH = 46_123


def clicks(samples: int = ODD_LENGTH, rate: int = 48000, channels: int = 1) -> Audio:
    wave = np.zeros((channels, samples), np.float32)
    wave[:, click_places(samples)] = 0.8
    return Audio.from_numpy(wave, rate)


def click_places(samples: int) -> list[int]:
    return [1000, samples // 2, samples - 700]


def heard_places(audio: Audio, places: list[int]) -> list[int]:
    wave = np.abs(audio.numpy()).max(0)
    return [place - 300 + int(wave[place - 300 : place + 300].argmax()) for place in places]


def stored(path: Path) -> list[bytes]:
    """The picture's packets as they lie in the file."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    clip = Clip.open(path)
    return [(frame.time_s, frame.rgb(FULL)) for frame in frames(clip.info, 0.0, clip.duration_s)]


def assert_same_pictures(path: Path, other: Path, within_s: float = 1e-9) -> None:
    shown, expected = pictures(path), pictures(other)
    assert [time_s for time_s, _ in shown] == pytest.approx([time_s for time_s, _ in expected], abs=within_s)
    for (_, picture), (_, wanted) in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(picture, wanted)


@pytest.mark.parametrize(
    ("source", "target", "codec", "reach"),
    [
        ("in.mp4", "out.mp4", None, 2),
        ("in.mp4", "out.mov", None, 2),
        ("in.mp4", "out.mkv", None, 0),
        ("in.mp4", "out.mov", "pcm_s16le", 0),
        ("in.mp4", "out.mp4", "flac", 0),
        ("in.mp4", "out.mkv", "opus", 1),
        ("in.mp4", "out.m4v", "opus", 1),
        ("in.webm", "out.webm", None, 1),
        ("in.webm", "out.mp4", None, 2),
        ("in.webm", "out.mkv", "pcm_f32le", 0),
        ("in.mkv", "out.mp4", None, 2),
        ("in.mkv", "out.mkv", None, 0),
        ("in.mov", "out.mp4", None, 2),
        ("in.avi", "out.mp4", None, 2),
    ],
)
def test_packets_are_copied_and_the_sound_keeps_its_place(
    make_video: MakeVideo,
    tmp_path: Path,
    tone: Sound,
    source: str,
    target: str,
    codec: str | None,
    reach: int,
) -> None:
    original = make_video(source, gop=4, audio=tone(0.5))
    audio = clicks()
    mux(original, audio, tmp_path / target, audio_codec=codec)
    assert stored(tmp_path / target) == stored(original)
    assert_same_pictures(tmp_path / target, original, within_s=0.0011)
    heard = decode_audio(tmp_path / target)
    assert (heard.samples, heard.sample_rate, heard.channels) == (ODD_LENGTH, 48000, 1)
    assert heard_places(heard, click_places(ODD_LENGTH)) == pytest.approx(click_places(ODD_LENGTH), abs=reach)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 96000])
def test_lengths_are_exact_at_every_rate(make_video: MakeVideo, tmp_path: Path, rate: int) -> None:
    audio = clicks(20_001, rate)
    mux(make_video(seconds=0.5), audio, tmp_path / "out.mp4")
    heard = decode_audio(tmp_path / "out.mp4")
    assert (heard.samples, heard.sample_rate) == (20_001, rate)
    assert heard_places(heard, click_places(20_001)) == pytest.approx(click_places(20_001), abs=2)


def test_rates_a_codec_lacks_are_resampled(make_video: MakeVideo, tmp_path: Path) -> None:
    mux(make_video(), clicks(16_001, 16000), tmp_path / "out.mkv", audio_codec="opus")
    heard = decode_audio(tmp_path / "out.mkv")
    assert (heard.samples, heard.sample_rate) == (48_003, 48000)
    mux(make_video(), clicks(7001, 7000), tmp_path / "out.mp4")
    assert decode_audio(tmp_path / "out.mp4").samples == -(-7001 * 48000 // 7000)


@pytest.mark.parametrize(
    ("target", "channels"),
    [
        *((target, channels) for target in ("out.mp4", "out.mkv") for channels in (1, 2, 3, 4, 5, 6, 7, 8)),
        *(("out.webm", channels) for channels in (1, 2, 3, 4, 5, 6, 7, 8)),
        ("out.mov", 6),
    ],
)
def test_channels_keep_their_number_and_order(
    make_video: MakeVideo,
    tmp_path: Path,
    tone: Sound,
    target: str,
    channels: int,
) -> None:
    # The low-frequency channel is only given what it can carry.
    tones = [tone(0.5, hz=60 if channel == 3 else 500 + 400 * channel).numpy()[0] for channel in range(channels)]
    source = make_video("in.webm" if target.endswith("webm") else "in.mp4", seconds=0.5)
    mux(source, Audio.from_numpy(np.stack(tones), 48000), tmp_path / target)
    heard = in_written_order(tmp_path / target, channels)[:, 4800:19200]
    spectra = np.abs(np.fft.rfft(heard))
    expected = np.abs(np.fft.rfft(np.stack(tones)[:, 4800:19200]))
    assert heard.shape[0] == channels
    assert spectra.argmax(1).tolist() == expected.argmax(1).tolist()


def test_channels_a_codec_lacks_are_refused(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    with pytest.raises(InputError, match="got 9"):
        mux(make_video(), tone(0.1, channels=9), tmp_path / "out.mp4")
    with pytest.raises(InputError, match="mix it down"):
        mux(make_video("in.webm"), tone(0.1, channels=16), tmp_path / "out.webm")


def test_a_sound_beyond_full_scale_is_turned_down_and_said_instead_of_clipped(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    wave = np.array([0.0, 1.0, -1.0, 1.5, -1.5, 0.25] * 100)
    for target, codec in (("out.mov", "pcm_s16le"), ("out.mkv", "flac")):
        report = mux(make_video(), Audio.from_numpy(wave, 48000), tmp_path / target, audio_codec=codec).report
        np.testing.assert_allclose(decode_audio(tmp_path / target).numpy()[0], wave / 1.5, atol=2**-15)
        assert report.gain_db == pytest.approx(-20 * np.log10(1.5))
        assert any("turned down by 3.52 dB" in line for line in report.lines())
        assert "turned down" in str(report.to_json()["summary"])


@pytest.mark.parametrize("codec", ["aac", "opus"])
def test_a_lossy_codec_is_not_given_more_than_full_scale(make_video: MakeVideo, tmp_path: Path, codec: str) -> None:
    loud = Audio.from_numpy(100 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000), 48000)
    report = mux(make_video(), loud, tmp_path / "out.mp4", audio_codec=codec).report
    assert report.gain_db == pytest.approx(-41, abs=0.01)
    # Past the onset, where AAC overshoots.
    assert 0.8 < np.abs(decode_audio(tmp_path / "out.mp4").numpy()[:, 4800:43200]).max() <= 1.0


def test_full_scale_and_float_samples_stay_as_they_are(make_video: MakeVideo, tmp_path: Path) -> None:
    for peak, codec in ((1.0, "flac"), (1.0, "pcm_s16le"), (100.0, "pcm_f32le")):
        sound = Audio.from_numpy(peak * np.array([0.0, 0.5, -1.0, 0.25] * 100), 48000)
        made = mux(make_video(), sound, tmp_path / "out.mkv", audio_codec=codec)
        assert made.report.gain_db == 0
        np.testing.assert_array_equal(decode_audio(tmp_path / "out.mkv").numpy(), sound.numpy())


@pytest.mark.parametrize("silent", [None, Audio.from_numpy(np.zeros((1, 0)), 48000)])
def test_without_sound(make_video: MakeVideo, tmp_path: Path, tone: Sound, silent: Audio | None) -> None:
    source = make_video(audio=tone(1.0))
    mux(source, silent, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").audio is None
    assert stored(tmp_path / "out.mp4") == stored(source)


def test_ntsc_rate_and_varying_rate_are_unharmed(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    ntsc = make_video("ntsc.mp4", fps=Fraction(30000, 1001), seconds=2.002)
    mux(ntsc, tone(2.0, rate=44100), tmp_path / "out.mp4")
    assert Clip.open(tmp_path / "out.mp4").video.fps == Fraction(30000, 1001)
    assert_same_pictures(tmp_path / "out.mp4", ntsc)
    varying = make_video("vfr.mp4", times=[0, 0.1, 0.13, 0.5, 0.52, 1.0, 1.7])
    mux(varying, tone(2.0, rate=44100), tmp_path / "vfr_out.mp4")
    assert_same_pictures(tmp_path / "vfr_out.mp4", varying)


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
def test_rotation_is_kept(make_video: MakeVideo, tmp_path: Path, tone: Sound, rotation: int, target: str) -> None:
    source = make_video(rotation=rotation)
    mux(source, tone(1.0), tmp_path / target)
    assert Clip.open(tmp_path / target).video.rotation_degrees == rotation
    assert_same_pictures(tmp_path / target, source)


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv"])
def test_sample_aspect_is_kept(make_video: MakeVideo, tmp_path: Path, tone: Sound, target: str) -> None:
    source = tmp_path / "wide.mp4"
    with av.open(str(make_video())) as plain, av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=10, width=64, height=48)
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for frame in plain.decode(video=0):
            frame.pict_type = 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert (Clip.open(source).video.width, Clip.open(source).video.height) == (85, 48)
    mux(source, tone(1.0), tmp_path / target)
    assert Clip.open(tmp_path / target).video.sample_aspect == Fraction(4, 3)


def test_odd_sizes_are_copied(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    source = make_video("odd.mkv", codec="ffv1", size=(65, 49))
    mux(source, tone(1.0), tmp_path / "out.mkv")
    assert stored(tmp_path / "out.mkv") == stored(source)


@pytest.mark.parametrize("source", ["in.mp4", "in.mkv", "in.mov"])
@pytest.mark.parametrize(("start_s", "duration_s"), [(1.23, 1.0), (0.8, 0.75), (0.05, 0.5), (2.5, None)])
def test_windows_apart_from_keyframes(
    make_video: MakeVideo,
    tmp_path: Path,
    source: str,
    start_s: float,
    duration_s: float | None,
) -> None:
    original = make_video(source, seconds=3.0, gop=8)
    window = Clip.open(original, start_s, duration_s)
    mux(original, clicks(), tmp_path / "out.mp4", start_s, duration_s)
    expected = list(frames(window.info, start_s, window.duration_s))
    shown = list(frames(probe(tmp_path / "out.mp4"), 0.0, 99.0))
    assert [frame.time_s for frame in shown] == pytest.approx([frame.time_s for frame in expected], abs=0.0011)
    for frame, wanted in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(frame.rgb(FULL), wanted.rgb(FULL))
    assert Clip.open(tmp_path / "out.mp4").duration_s == pytest.approx(window.duration_s, abs=0.0011)
    heard = decode_audio(tmp_path / "out.mp4")
    assert heard.samples == ODD_LENGTH
    assert heard_places(heard, click_places(ODD_LENGTH)) == pytest.approx(click_places(ODD_LENGTH), abs=2)


def test_a_window_can_be_muxed_again(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video(seconds=3.0, gop=8)
    mux(source, clicks(), tmp_path / "once.mp4", 1.23, 1.0)
    mux(tmp_path / "once.mp4", clicks(), tmp_path / "twice.mp4")
    assert stored(tmp_path / "twice.mp4") == stored(tmp_path / "once.mp4")
    assert len(pictures(tmp_path / "twice.mp4")) == 11
    assert_same_pictures(tmp_path / "twice.mp4", tmp_path / "once.mp4")


def test_webm_windows_begin_at_keyframes_or_are_refused(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video("in.webm", seconds=2.0, gop=5)
    mux(source, clicks(), tmp_path / "out.webm", 1.0, 0.5)
    assert len(pictures(tmp_path / "out.webm")) == 5
    with pytest.raises(InputError, match=r"choose \.mp4"):
        mux(source, clicks(), tmp_path / "late.webm", 0.7, 0.5)
    assert not (tmp_path / "late.webm").exists()


def test_matroska_without_an_edit_list_is_rendered(make_video: MakeVideo, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    source = make_video(seconds=2.0, gop=50, size=(128, 96))
    mux(source, clicks(), tmp_path / "out.mkv", 0.5, 1.0)
    expected = list(frames(Clip.open(source).info, 0.5, 1.0))
    shown = pictures(tmp_path / "out.mkv")
    assert len(shown) == len(expected) == 10
    for (_, picture), wanted in zip(shown, expected, strict=True):
        assert np.abs(picture.astype(int) - wanted.rgb(FULL)).mean() < 3
    assert decode_audio(tmp_path / "out.mkv").samples == ODD_LENGTH


def test_a_codec_the_container_lacks_is_rendered_to_even_sizes(make_video: MakeVideo, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    source = make_video("odd.mkv", codec="ffv1", size=(65, 49))
    mux(source, clicks(), tmp_path / "out.mp4")
    video = Clip.open(tmp_path / "out.mp4").video
    assert (video.codec, video.width, video.height) == ("h264", 66, 50)
    assert len(pictures(tmp_path / "out.mp4")) == 10
    assert decode_audio(tmp_path / "out.mp4").samples == ODD_LENGTH


def test_rendering_keeps_the_exact_rate(make_video: MakeVideo, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    source = make_video("film.mkv", codec="ffv1", fps=Fraction(24000, 1001), seconds=25.025)
    mux(source, clicks(), tmp_path / "out.mp4")
    assert Clip.open(tmp_path / "out.mp4").video.fps == Fraction(24000, 1001)
    moments = [frame.time_s for frame in frames(probe(tmp_path / "out.mp4"), 0.0, 99.0)]
    assert moments == pytest.approx([index * 1001 / 24000 for index in range(600)], abs=1e-4)


def test_rendering_without_moviepy_says_what_to_install(
    make_video: MakeVideo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "moviepy", None)
    with pytest.raises(MissingPackage, match="-m pip install moviepy"):
        mux(make_video("odd.mkv", codec="ffv1"), clicks(), tmp_path / "out.mp4")
    assert [entry.name for entry in tmp_path.iterdir()] == ["odd.mkv"]


def test_rendering_can_be_stopped(make_video: MakeVideo, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    source = make_video("odd.mkv", codec="ffv1", seconds=5.0)
    token = CancelToken()
    events: list[ProgressEvent] = []

    def cancel_midway(event: ProgressEvent) -> None:
        events.append(event)
        token.cancel()

    with pytest.raises(Cancelled):
        mux(source, clicks(), tmp_path / "out.mp4", progress=Progress(cancel_midway, token.check))
    assert [entry.name for entry in tmp_path.iterdir()] == ["odd.mkv"] and events


def test_stopping_leaves_the_earlier_file(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video()
    (tmp_path / "out.mp4").write_bytes(b"good")
    token = CancelToken()
    with pytest.raises(Cancelled):
        mux(source, clicks(), tmp_path / "out.mp4", progress=Progress(lambda event: token.cancel(), token.check))
    assert (tmp_path / "out.mp4").read_bytes() == b"good"
    assert len(list(tmp_path.iterdir())) == 2


def test_metadata_is_kept_and_added(make_video: MakeVideo, tmp_path: Path) -> None:
    mux(make_video(), clicks(), tmp_path / "first.mp4", metadata={"title": "Tornado", "comment": "seed 42"})
    mux(tmp_path / "first.mp4", clicks(), tmp_path / "second.mp4", metadata={"comment": "seed 43"})
    with av.open(str(tmp_path / "second.mp4")) as container:
        assert container.metadata["title"] == "Tornado"
        assert container.metadata["comment"] == "seed 43"


def test_the_input_is_never_overwritten(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video()
    before = source.read_bytes()
    (tmp_path / "link.mp4").symlink_to(source)
    for target in (source, tmp_path / "link.mp4", tmp_path / "." / "clip.mp4"):
        with pytest.raises(InputError, match="input video itself"):
            mux(source, clicks(), target)
    assert source.read_bytes() == before


def test_arguments_that_cannot_be(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video()
    with pytest.raises(InputError, match=r"'\.avi'.*\.mp4"):
        mux(source, clicks(), tmp_path / "out.avi")
    with pytest.raises(InputError, match=r"'opus'.*aac"):
        mux(source, clicks(), tmp_path / "out.mov", audio_codec="opus")
    with pytest.raises(InputError, match="not finite"):
        mux(source, Audio.from_numpy(np.array([0.0, np.nan]), 48000), tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="does not exist"):
        mux(tmp_path / "missing.mp4", clicks(), tmp_path / "out.mp4")
    with pytest.raises(OutputError, match="does not exist"):
        mux(source, clicks(), tmp_path / "missing" / "out.mp4")
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def own_container(path: Path) -> str:
    row = source_container(probe(path))
    assert row is not None
    return row.suffix


def test_the_table_of_containers(make_video: MakeVideo) -> None:
    assert own_container(make_video("a.mp4")) == ".mp4"
    assert own_container(make_video("a.webm", codec="libvpx")) == ".webm"
    assert own_container(make_video("a.mkv", codec="ffv1")) == ".mkv"
    assert "vp8" in container_for("a.webm").pictures and "vp8" not in container_for("a.mp4").pictures


def test_hevc_carries_the_tag_apples_players_need(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video(codec="libx265", size=(128, 96))
    mux(source, clicks(), tmp_path / "out.mp4")
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()
    assert stored(tmp_path / "out.mp4") == stored(source)


def test_the_real_clip_keeps_its_pictures(tornado: Path, tmp_path: Path) -> None:
    audio = clicks(441_000, 44100, channels=2)
    mux(tornado, audio, tmp_path / "out.mp4")
    assert stored(tmp_path / "out.mp4") == stored(tornado)
    clip = Clip.open(tmp_path / "out.mp4")
    assert clip.duration_s == pytest.approx(10.0, abs=1e-6)
    assert (clip.video.width, clip.video.height, clip.video.fps) == (480, 360, 30)
    shown, expected = pictures(tmp_path / "out.mp4"), pictures(tornado)
    assert len(shown) == 300
    assert [time_s for time_s, _ in shown] == pytest.approx([index / 30 for index in range(300)])
    for index in (0, 1, 150, 299):
        np.testing.assert_array_equal(shown[index][1], expected[index][1])
    heard = decode_audio(tmp_path / "out.mp4")
    assert heard.samples == 441_000
    assert heard_places(heard, click_places(441_000)) == pytest.approx(click_places(441_000), abs=2)


def test_a_window_of_the_real_clip(tornado: Path, tmp_path: Path) -> None:
    mux(tornado, clicks(96_000), tmp_path / "out.mp4", 3.01, 2.0)
    expected = list(frames(probe(tornado), 3.01, 2.0))
    shown = pictures(tmp_path / "out.mp4")
    assert len(shown) == len(expected) == 61
    np.testing.assert_array_equal(shown[0][1], expected[0].rgb(FULL))
    np.testing.assert_array_equal(shown[-1][1], expected[-1].rgb(FULL))
    assert Clip.open(tmp_path / "out.mp4").duration_s == pytest.approx(2.0, abs=1e-4)


@pytest.mark.parametrize(("container", "codec"), [("mkv", None), ("webm", "libvpx"), ("mp4", None), ("mov", None)])
def test_the_same_request_leaves_the_same_bytes(make_video, tmp_path, container, codec):
    """Matroska's segment has a random id, so that two runs on one video left different files."""
    source = make_video(f"source.{container}", seconds=0.5, codec=codec)
    written = []
    for name in ("one", "two"):
        mux(source, clicks(24000), tmp_path / f"{name}.{container}")
        written.append((tmp_path / f"{name}.{container}").read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("start_s", [0.6, 0.74, 1.26])
def test_a_window_of_an_avi_cuts_picture_and_sound_at_the_same_instant(
    make_video: MakeVideo, tmp_path: Path, start_s: float
) -> None:
    # At 2 frames a second the container's clock ticks every 0.5 s.
    source = make_video("slow.avi", fps=2, seconds=4.0, gop=1)
    mux(source, clicks(72_000), tmp_path / "out.mp4", start_s, 1.5)
    moments = [frame.time_s for frame in frames(probe(tmp_path / "out.mp4"), 0.0, 99.0)]
    expected = [frame.time_s for frame in frames(probe(source), start_s, 1.5)]
    assert moments == pytest.approx(expected, abs=1e-4)
    assert Clip.open(tmp_path / "out.mp4").duration_s == pytest.approx(1.5, abs=1e-3)


def test_h264_with_b_frames_in_an_avi_is_copied_in_order_of_display(make_video: MakeVideo, tmp_path: Path) -> None:
    plain = make_video("plain.mkv", codec="libx264", seconds=2.0, options={})
    avi = tmp_path / "b.avi"
    with av.open(str(plain)) as source, av.open(str(avi), "w") as output:
        encoder = output.add_stream(
            "libx264", rate=10, width=64, height=48, options={"bf": "3", "x264-params": "b-adapt=0"}
        )
        for frame in source.decode(video=0):
            frame.pict_type = 0
            for packet in encoder.encode(frame):
                output.mux(packet)
        for packet in encoder.encode(None):
            output.mux(packet)
    muxed = mux(avi, clicks(96_000), tmp_path / "out.mp4")
    assert not muxed.reencoded_because
    assert_same_pictures(tmp_path / "out.mp4", avi, within_s=0.001)
    assert stored(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stamps = [(packet.pts, packet.dts) for packet in container.demux(video=0) if packet.size]
    assert all(pts >= dts for pts, dts in stamps) and [pts for pts, _ in stamps] != sorted(pts for pts, _ in stamps)


SPEAKERS = {
    7: ["FL", "FR", "FC", "LFE", "BC", "SL", "SR"],
    8: ["FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"],
}


def in_written_order(path: Path, channels: int) -> np.ndarray:
    """The decoded channels in the order they were written: where a decoder names 7 or 8 speakers, by their names.

    FFmpeg before 8 gives AAC's 6.1 back without names and in order; later ones name it 6.1(back), whose order is
    another and whose back speakers are the sides.
    """
    samples = decode_audio(path).numpy()
    with av.open(str(path)) as container:
        names = [channel.name for channel in container.streams.audio[0].layout.channels]
    if channels not in SPEAKERS or "FL" not in names:
        return samples
    twins = {"SL": "BL", "SR": "BR"}
    return samples[[names.index(name if name in names else twins[name]) for name in SPEAKERS[channels]]]


@pytest.mark.parametrize("channels", [7, 8])
@pytest.mark.parametrize(
    ("target", "codec", "is_named"),
    [
        ("out.mp4", "aac", (8,)),
        ("out.webm", "opus", (7, 8)),
        ("out.mkv", "flac", (7, 8)),
        ("out.mov", "pcm_s16le", (7, 8)),
        ("out.mov", "pcm_f32le", (7, 8)),
    ],
)
def test_seven_and_eight_channels_keep_their_speakers(
    make_video: MakeVideo,
    tmp_path: Path,
    tone: Sound,
    channels: int,
    target: str,
    codec: str,
    is_named: tuple[int, ...],
) -> None:
    tones = [tone(0.5, hz=60 if channel == 3 else 500 + 400 * channel).numpy()[0] for channel in range(channels)]
    source = make_video("in.webm" if target.endswith("webm") else "in.mp4", seconds=0.5)
    mux(source, Audio.from_numpy(np.stack(tones), 48000), tmp_path / target, audio_codec=codec)
    with av.open(str(tmp_path / target)) as container:
        names = [channel.name for channel in container.streams.audio[0].layout.channels]
    # Older AAC decoders of FFmpeg have no name for 6.1, whose speakers stay in their order; newer ones name back ones.
    assert names == SPEAKERS[channels] if channels in is_named else len(names) == channels
    heard = in_written_order(tmp_path / target, channels)[:, 4800:19200]
    expected = np.stack(tones)[:, 4800:19200]
    assert np.abs(np.fft.rfft(heard)).argmax(1).tolist() == np.abs(np.fft.rfft(expected)).argmax(1).tolist()


def test_a_layout_of_the_source_is_carried(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    wide = Audio.from_numpy(tone(0.5, channels=8).numpy(), 48000, "7.1(wide)")
    muxed = mux(make_video(seconds=0.5), wide, tmp_path / "out.mov", audio_codec="pcm_s16le")
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.audio[0].layout.name == "7.1(wide)"
    assert "7.1(wide)" in muxed.report.sound


def test_rendering_happens_beside_the_output(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("moviepy")
    elsewhere = tmp_path / "not there"
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    out = tmp_path / "out"
    out.mkdir()
    mux(make_video("odd.mkv", codec="ffv1"), clicks(), out / "out.mp4")
    assert [entry.name for entry in out.iterdir()] == ["out.mp4"]


def test_a_picture_that_no_container_takes_is_to_be_converted_and_not_put_into_another_one(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a GIF it said to choose a container that takes it as it is, which none does."""
    clip = Clip.open(make_video("clip.avi", codec="msmpeg4"))
    monkeypatch.setitem(sys.modules, "moviepy", None)
    with pytest.raises(MissingPackage, match=r"its codec is msmpeg4v3.*convert the video to H\.264 first"):
        plan_mux(clip)

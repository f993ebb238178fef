"""Sound whose stamps have holes, whose format changes, or whose channels are many."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import InputError, MediaError
from deepsound.media.audio import decode_audio, fit_length, resample, to_mono
from deepsound.media.clip import Clip
from deepsound.media.downmix import downmix_matrix
from deepsound.types import Audio

MakeVideo = Callable[..., Path]


def write_sound(
    path: Path, levels: list[float], layout: str, starts_s: tuple[float, ...] = (0.0,), codec: str = "pcm_s16le"
) -> Path:
    """A tenth of a second of a level per channel, again at each of `starts_s`, under a picture of as long."""
    rate = 8000
    packed = np.tile(np.round(np.array(levels) * 2**15).astype(np.int16), rate // 10).reshape(1, -1)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=64, height=48)
        stream = container.add_stream(codec, rate=rate, layout=layout)
        grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        grey.pts, grey.time_base = 0, Fraction(1, 10)
        container.mux([*picture.encode(grey), *picture.encode(None)])
        for start_s in starts_s:
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, round(start_s * rate), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("hole_s", [1e5, 1e6])
def test_a_hole_in_the_time_stamps_is_not_allocated(tmp_path: Path, hole_s: float) -> None:
    path = write_sound(tmp_path / "hole.mkv", [0.5], "mono", (0.0, hole_s))
    with pytest.raises(MediaError, match=r"have no sound.*filled with silence.*start and duration") as error:
        decode_audio(path)
    assert str(path) in str(error.value)
    part = decode_audio(path, 0.0, 1.0)
    assert part.samples == 8000 and part.numpy()[0, 400] == pytest.approx(0.5, abs=1e-3)
    assert not part.numpy()[0, 800:].any()


def test_a_hole_of_minutes_is_silence(tmp_path: Path) -> None:
    sound = decode_audio(write_sound(tmp_path / "hole.mkv", [0.5], "mono", (0.0, 120.0))).numpy()[0]
    assert len(sound) == pytest.approx(120.1 * 8000, abs=8)
    assert not sound[900 : 119 * 8000].any() and sound[-100] == pytest.approx(0.5, abs=1e-3)


def mp3(path: Path, rate: int, layout: str, level: float) -> bytes:
    """Half a second of a 440 Hz tone."""
    channels = av.AudioLayout(layout).nb_channels
    wave = level * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)
    with av.open(str(path), "w", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate, frame_size=1152)
        frame = av.AudioFrame.from_ndarray(np.tile(wave, (channels, 1)).astype(np.float32), "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path.read_bytes()


def test_a_format_that_changes_in_mid_stream_is_resampled(tmp_path: Path) -> None:
    parts = [
        mp3(tmp_path / "a.mp3", 48000, "mono", 0.5),
        mp3(tmp_path / "b.mp3", 44100, "stereo", 0.5),
        mp3(tmp_path / "c.mp3", 48000, "stereo", 0.5),
    ]
    (tmp_path / "joined.mp3").write_bytes(b"".join(parts))
    sound = decode_audio(tmp_path / "joined.mp3")
    assert (sound.sample_rate, sound.channels) == (48000, 1)
    assert sound.duration_s == pytest.approx(1.5, abs=0.15)
    middle = sound.numpy()[0, 30000:60000]
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.15)
    # The pitch is the same through all three parts: what comes later is resampled, not just taken over.
    for start in (8000, 30000, 54000):
        spectrum = np.abs(np.fft.rfft(sound.numpy()[0, start : start + 9600]))
        assert spectrum.argmax() * 5 == pytest.approx(440, abs=5)


def late_stream(path: Path, tone: Audio) -> Path:
    """An FLV in whose last third a second sound stream begins: another codec's number in its tags makes one."""
    from tests.conftest import write_sound as encode_sound

    with av.open(str(path), "w") as container:
        video = container.add_stream("flv", rate=10, width=64, height=48)
        audio = container.add_stream("libmp3lame", rate=44100, layout="mono")
        for index in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        encode_sound(container, audio, tone)
    data = bytearray(path.read_bytes())
    at = 13
    while at + 11 < len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if data[at] == 8 and int.from_bytes(data[at + 4 : at + 7], "big") > 2000:
            data[at + 11] = (11 << 4) | (data[at + 11] & 15)
        at += 11 + size + 4
    path.write_bytes(bytes(data))
    return path


def test_a_stream_that_appears_late_does_not_end_the_reading(tmp_path: Path, tone: Callable) -> None:
    path = late_stream(tmp_path / "late.flv", tone(3.0, rate=44100))
    clip = Clip.open(path)
    assert len(list(clip.frames())) == 30
    sound = clip.audio()
    assert sound is not None and np.abs(sound.numpy()[0, 4410:80000]).max() > 0.4


def test_sixteen_channels_are_refused_before_any_decoding_and_can_be_mixed_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sound(tmp_path / "many.mov", [0.05 * channel for channel in range(16)], "hexadecagonal")
    clip = Clip.open(path)
    with monkeypatch.context() as patched:
        patched.setattr("deepsound.media.clip.decode_window", None)
        for refused in (clip.check_audio, clip.audio):
            with pytest.raises(InputError, match=r"at most 8 channels, got 16.*downmix.*mono or stereo") as error:
                refused()
            assert str(path) in str(error.value)
    for downmix, channels in (("mono", 1), ("stereo", 2)):
        mixed = Clip.open(path, downmix=downmix)
        mixed.check_audio()
        sound = mixed.audio()
        assert sound is not None and (sound.channels, sound.layout) == (channels, downmix)
        assert 0.2 < float(np.median(sound.numpy()[:, :800])) < 0.6
    assert decode_audio(path).channels == 16
    with pytest.raises(InputError, match=r"mono or stereo.*'5\.1'"):
        Clip.open(path, downmix="5.1")


def test_a_downmix_has_bs_775s_gains_and_never_exceeds_full_scale() -> None:
    half = np.sqrt(0.5)
    gains = downmix_matrix(["FL", "FR", "FC", "LFE", "SL", "SR"], "stereo")
    wanted = np.array([[1, 0, half, half, half, 0], [0, 1, half, half, 0, half]]) / (1 + 3 * half)
    np.testing.assert_allclose(gains, wanted, atol=1e-6)
    for speakers in (["FL", "FR"], ["FC"], ["FL", "FR", "FLC", "FRC", "TFL", "BC", "NONE"]):
        for downmix in ("mono", "stereo"):
            assert np.abs(downmix_matrix(speakers, downmix)).sum(axis=1).max() <= 1 + 1e-6
    np.testing.assert_allclose(downmix_matrix(["FL", "FR"], "stereo"), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(downmix_matrix(["FL", "FR"], "mono"), [[0.5, 0.5]], atol=1e-6)
    assert downmix_matrix(["TBL"], "stereo")[1, 0] == 0 and downmix_matrix(["WR"], "stereo")[0, 0] == 0


def test_a_downmix_keeps_left_and_right(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "six.mov", [0.5, 0.0, 0.0, 0.0, 0.0, 0.0], "5.1")
    left, right = decode_audio(path, downmix="stereo").numpy()[:, 400]
    assert left > 0.1 and abs(right) < 1e-3


@pytest.mark.parametrize(
    ("name", "codec", "layout"),
    [
        ("seven.mov", "pcm_s16le", "6.1"),
        ("eight.mov", "pcm_s16le", "7.1"),
        ("wide.mov", "pcm_s16le", "7.1(wide)"),
        ("eight.mkv", "flac", "7.1"),
    ],
)
def test_seven_and_eight_channels_keep_their_layout_and_order(
    tmp_path: Path, name: str, codec: str, layout: str
) -> None:
    levels = [0.1 * (channel + 1) for channel in range(av.AudioLayout(layout).nb_channels)]
    clip = Clip.open(write_sound(tmp_path / name, levels, layout, codec=codec))
    sound = clip.audio()
    assert sound is not None and clip.info.audio is not None
    assert sound.layout == clip.info.audio.layout == layout
    np.testing.assert_allclose(sound.numpy()[:, 400], levels, atol=1e-3)
    assert resample(sound, 16000).layout == layout
    assert fit_length(sound, 10).layout == fit_length(sound, 5000).layout == layout
    assert to_mono(sound).layout == "mono"

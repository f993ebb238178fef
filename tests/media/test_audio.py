"""Sound decoded onto the video's timeline, resampled, mixed and cut."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import Cancelled, InputError, MediaError
from deepsound.media.audio import decode_audio, fit_length, resample, to_mono
from deepsound.media.clip import Clip
from deepsound.media.wav import write_wav
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio

MakeVideo = Callable[..., Path]
Sound = Callable[..., Audio]


def clicks(rate: int, seconds: float, at: tuple[int, ...], channels: int = 1) -> Audio:
    """Silence with a click at each sample of `at`."""
    samples = np.zeros((channels, round(rate * seconds)), np.float32)
    samples[:, list(at)] = 0.8
    return Audio.from_numpy(samples, rate)


def loudest(audio: Audio, near: int, reach: int = 300) -> int:
    """The sample of the highest peak within `reach` of `near`."""
    start = max(0, near - reach)
    return start + int(np.abs(audio.numpy()[0, start : near + reach]).argmax())


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
def test_sound_sits_where_it_was_put(make_video: MakeVideo, name: str) -> None:
    audio = clicks(48000, 1.0, (960, 24000, 47000))
    decoded = Clip.open(make_video(name, audio=audio)).audio()
    assert decoded is not None
    assert (decoded.sample_rate, decoded.channels, decoded.samples) == (48000, 1, 48000)
    assert [loudest(decoded, at) for at in (960, 24000, 47000)] == pytest.approx([960, 24000, 47000], abs=1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_a_window_is_the_same_part_of_the_whole(make_video: MakeVideo, name: str) -> None:
    # A sweep, not noise: AAC stores noise as a level, and its decoder makes up other noise after each seek.
    sweep = 0.5 * np.sin(2 * np.pi * 300 * np.linspace(1, 3, 144000) ** 2)
    path = make_video(name, seconds=3.0, audio=Audio.from_numpy(np.stack([sweep, -0.5 * sweep]), 48000))
    whole = Clip.open(path).audio()
    part = Clip.open(path, 1.1, 0.7).audio()
    assert whole is not None and part is not None
    assert part.samples == 33600
    np.testing.assert_allclose(part.numpy(), whole.numpy()[:, 52800:86400], atol=1e-4)


def test_lossless_sound_comes_back_exactly(make_video: MakeVideo, noise: Sound) -> None:
    audio = noise(1.0, channels=2)
    expected = np.round(audio.numpy() * 2**15) / 2**15
    decoded = Clip.open(make_video("a.mov", audio=audio)).audio()
    assert decoded is not None
    np.testing.assert_allclose(decoded.numpy(), expected, atol=1.01 / 2**15)


def test_short_sound_is_padded_and_long_sound_cut(make_video: MakeVideo, tone: Sound) -> None:
    for seconds in (0.25, 3.0):
        audio = Clip.open(make_video("a.mov", audio=tone(seconds))).audio()
        assert audio is not None and audio.samples == 48000
        assert bool(audio.numpy()[0, 13000:].any()) is (seconds > 1)


def test_a_silent_video_has_no_audio(make_video: MakeVideo) -> None:
    path = make_video()
    assert Clip.open(path).audio() is None
    with pytest.raises(MediaError, match="no sound"):
        decode_audio(path)


@pytest.mark.parametrize(("sound_first", "shift_s"), [(False, 0.5), (True, -0.5)])
def test_sound_that_starts_apart_from_the_picture(tmp_path: Path, sound_first: bool, shift_s: float) -> None:
    path = tmp_path / "apart.mov"
    write_apart(path, sound_first)
    audio = Clip.open(path).audio()
    assert audio is not None
    # The click is half a second into the sound.
    assert loudest(audio, round((0.5 + shift_s) * 48000)) == pytest.approx((0.5 + shift_s) * 48000, abs=60)


def write_apart(path: Path, sound_first: bool) -> None:
    """Two seconds of picture and of sound, one of them beginning half a second after the other."""
    sound = clicks(48000, 2.0, (24000,))
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10, width=64, height=48)
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = index + 5 * sound_first, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = (sound.numpy() * 2**15).astype(np.int16)
        for start in range(0, 96000, 4800):
            block = av.AudioFrame.from_ndarray(samples[:, start : start + 4800], format="s16", layout="mono")
            block.sample_rate = 48000
            block.pts, block.time_base = start + 24000 * (not sound_first), Fraction(1, 48000)
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("codec", "sample_format", "dtype", "tolerance"),
    [
        ("pcm_u8", "u8", np.uint8, 1 / 127),
        ("pcm_s16le", "s16", np.int16, 2**-15),
        ("pcm_s32le", "s32", np.int32, 1e-7),
        ("pcm_f32le", "flt", np.float32, 0),
        ("pcm_f64le", "dbl", np.float64, 1e-7),
    ],
)
def test_every_sample_format(
    tmp_path: Path,
    noise: Sound,
    codec: str,
    sample_format: str,
    dtype: type,
    tolerance: float,
) -> None:
    audio = noise(0.2, channels=2, level=0.2)
    wanted = np.clip(audio.numpy(), -0.99, 0.99)
    scale = 1.0 if np.issubdtype(dtype, np.floating) else 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    stored = wanted.astype(np.float64) * scale + (128 if dtype is np.uint8 else 0)
    packed = np.ascontiguousarray(stored.T.reshape(1, -1)).astype(dtype)
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(packed, format=sample_format, layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    decoded = decode_audio(path)
    assert decoded.waveform.shape == (2, 9600)
    np.testing.assert_allclose(decoded.numpy(), wanted, atol=tolerance + 1e-9)


def test_six_channels_keep_their_order(tmp_path: Path) -> None:
    levels = np.linspace(0.1, 0.6, 6, dtype=np.float32)
    write_wav(Audio.from_numpy(np.tile(levels[:, None], (1, 100)), 48000), tmp_path / "six.wav")
    np.testing.assert_array_equal(decode_audio(tmp_path / "six.wav").numpy()[:, 50], levels)


def test_samples_that_are_no_numbers_become_silence(tmp_path: Path, tone: Sound) -> None:
    write_wav(tone(0.1), tmp_path / "bad.wav")
    data = bytearray((tmp_path / "bad.wav").read_bytes())
    data[-8:] = np.array([np.nan, np.inf], "<f4").tobytes()
    (tmp_path / "bad.wav").write_bytes(bytes(data))
    samples = decode_audio(tmp_path / "bad.wav").numpy()[0]
    assert np.isfinite(samples).all() and not samples[-2:].any() and samples.any()


def test_a_window_of_a_sound_file(tmp_path: Path, noise: Sound) -> None:
    audio = noise(2.0)
    write_wav(audio, tmp_path / "a.wav")
    np.testing.assert_array_equal(decode_audio(tmp_path / "a.wav", 0.5, 0.25).numpy(), audio.numpy()[:, 24000:36000])
    beyond = decode_audio(tmp_path / "a.wav", 1.9, 1.0)
    assert beyond.samples == 48000 and not beyond.numpy()[:, 4800:].any()
    assert decode_audio(tmp_path / "a.wav", 5.0).samples == 0
    with pytest.raises(InputError, match="-1"):
        decode_audio(tmp_path / "a.wav", -1)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(44100, 48000), (48000, 16000), (16000, 44100), (8000, 48000)])
@pytest.mark.parametrize("samples", [0, 1, 100, 200_001])
def test_resampled_length_is_rounded_up(rate_in: int, rate_out: int, samples: int) -> None:
    audio = Audio.from_numpy(np.zeros((2, samples), np.float32), rate_in)
    assert resample(audio, rate_out).waveform.shape == (2, -(-samples * rate_out // rate_in))


def test_resampling_keeps_a_tone_in_place(tone: Sound) -> None:
    resampled = resample(tone(4.0, rate=44100, hz=1000), 48000).numpy()[0]
    expected = tone(4.0, rate=48000, hz=1000).numpy()[0]
    assert np.abs(resampled - expected)[500:-500].max() < 1e-4


def test_resampling_can_be_stopped(tone: Sound) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        resample(tone(1.0), 16000, Progress(check=token.check))


def test_the_same_rate_is_the_same_sound(tone: Sound) -> None:
    audio = tone(0.1)
    assert resample(audio, 48000) is audio
    with pytest.raises(InputError, match="0 Hz"):
        resample(audio, 0)


def test_mono_is_the_mean() -> None:
    audio = Audio.from_numpy(np.array([[1.0, 0.0], [0.0, 0.5]]), 8000)
    np.testing.assert_array_equal(to_mono(audio).numpy(), [[0.5, 0.25]])


def test_fit_length(tone: Sound) -> None:
    audio = tone(0.1, channels=2)
    assert fit_length(audio, 4800) is audio
    np.testing.assert_array_equal(fit_length(audio, 10).numpy(), audio.numpy()[:, :10])
    longer = fit_length(audio, 5000).numpy()
    np.testing.assert_array_equal(longer[:, :4800], audio.numpy())
    assert longer.shape == (2, 5000) and not longer[:, 4800:].any()
    with pytest.raises(InputError, match="-1"):
        fit_length(audio, -1)


def test_the_real_clips_sound(tornado: Path) -> None:
    audio = Clip.open(tornado).audio()
    assert audio is not None and audio.waveform.shape == (2, 441000)
    part = Clip.open(tornado, 3.3, 2.0).audio()
    assert part is not None
    np.testing.assert_array_equal(part.numpy(), audio.numpy()[:, 145530:233730])

"""What the model is shown and hears: any clip, any sound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound.errors import Cancelled, EngineError, InputError, MediaError
from deepsound.media.clip import Clip
from deepsound.media.wav import write_wav
from deepsound.reason.videollama2 import sound
from deepsound.reason.videollama2.frames import EvenFrames, even_frames, frame_numbers, pad_to_square, resize_to_square
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio

MakeVideo = Callable[..., Path]
QUIET = Progress()
SILENT_LOG_MEL = -15.9375


def levels(index: int) -> np.ndarray:
    """A picture that tells its number by its brightness."""
    return np.full((48, 64, 3), 8 * index % 256, np.uint8)


def test_frames_are_taken_by_number_in_one_pass(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(fps=10, seconds=2.4, paint=levels))
    frames = even_frames(clip, EvenFrames(16, 32), QUIET)
    assert list(frames.numbers) == frame_numbers(24, 16) and frames.of == 24 and clip.passes == 1
    assert frames.pictures.shape == (16, 32, 32, 3) and frames.pictures.dtype == np.uint8
    assert frames.pictures[:, 16, 16, 1].tolist() == pytest.approx([8 * number for number in frames.numbers], abs=3)


def test_a_window_is_counted_from_its_own_start(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(fps=10, seconds=3.0, paint=levels), start_s=1.0, duration_s=1.6)
    frames = even_frames(clip, EvenFrames(16, 32), QUIET)
    assert frames.numbers == tuple(range(16))
    assert frames.pictures[0, 16, 16, 1] == pytest.approx(80, abs=3)


def test_a_rate_that_misleads_costs_a_second_pass_and_no_frame(make_video: MakeVideo) -> None:
    times = [0.0, 0.04, 0.08, 0.12, 0.9, 1.7, 1.74, 1.78, 2.5]
    clip = Clip.open(make_video(times=times, paint=levels))
    frames = even_frames(clip, EvenFrames(4, 32), QUIET)
    assert frames.of == len(times) and list(frames.numbers) == frame_numbers(len(times), 4)
    assert clip.passes <= 2
    for _ in range(2):
        assert even_frames(clip, EvenFrames(4, 32), QUIET).digest() == frames.digest() and clip.passes <= 2


@pytest.mark.parametrize("count", [1, 2, 15])
def test_short_clips_repeat_frames(make_video: MakeVideo, count: int) -> None:
    frames = even_frames(Clip.open(make_video(fps=10, seconds=count / 10)), EvenFrames(16, 32), QUIET)
    assert frames.of == count and list(frames.numbers) == frame_numbers(count, 16)


def test_pictures_are_squeezed_and_not_padded() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :40] = 200
    square = resize_to_square(picture, 20)
    assert square.shape == (20, 20, 3) and (square[:, :8] == 200).all() and (square[:, 12:] == 0).all()
    padded = pad_to_square(picture)
    assert padded.shape == (80, 80, 3) and (padded[:20] == 127).all() and (padded[20:60] == picture).all()
    assert pad_to_square(picture.transpose(1, 0, 2)).shape == (80, 80, 3)


def test_a_file_without_a_picture_is_refused_when_it_is_opened(tmp_path: Path, tone) -> None:
    write_wav(tone(), tmp_path / "sound.wav")
    with pytest.raises(MediaError, match="video"):
        Clip.open(tmp_path / "sound.wav")


def test_without_pillow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(EngineError, match=r"with Pillow, which is not installed; .*-m pip install pillow"):
        resize_to_square(np.zeros((4, 4, 3), np.uint8), 2)


@pytest.mark.parametrize(
    ("samples", "last"),
    [
        (160000, (112000, 144000)),
        (32000, (0, 32000)),
        (5, (0, 5)),
        (32001, (0, 32000)),
        (32008, (7, 32007)),
        (480000 * 4, (1652000, 1684000)),
    ],
)
def test_eight_stretches_of_two_seconds(samples: int, last: tuple[int, int]) -> None:
    spans = sound.segment_bounds(samples)
    assert len(spans) == 8 and spans[0][0] == 0 and spans[-1] == last


@pytest.mark.parametrize(
    ("rate", "channels", "seconds"),
    [(44100, 1, 10.0), (48000, 2, 3.3), (16000, 6, 2.5), (8000, 1, 0.01), (96000, 3, 1.0), (22050, 2, 70.0)],
)
def test_any_sound_becomes_one_filterbank(tone, rate: int, channels: int, seconds: float) -> None:
    values = sound.filterbank_of(tone(seconds, rate, channels))
    assert values.shape == (1, 2998, 128) and bool(values.isfinite().all())
    assert torch.equal(values, values.bfloat16().float())
    assert float(values[0, -1].max()) == SILENT_LOG_MEL  # behind 16 s of stretches there is padding


def test_one_sample_and_silence_are_sounds_too() -> None:
    for samples in (np.zeros(160000), np.zeros(1), np.full(1, 1.0)):
        values = sound.filterbank_of(Audio.from_numpy(samples, 16000))
        assert values.shape == (1, 2998, 128) and bool(values.isfinite().all())
    assert float(sound.filterbank_of(Audio.from_numpy(np.zeros(160000), 16000)).max()) == SILENT_LOG_MEL


def test_loud_samples_are_limited_to_16_bits() -> None:
    mono = sound.mono_16_bit(Audio.from_numpy(np.array([[4.0, -4.0, 0.5, 1e-6]]), 16000))
    assert mono.tolist() == [32767 / 32768, -1.0, 0.5, 0.0]


def test_what_cannot_be_heard_is_refused() -> None:
    for samples in (np.array([0.1, np.nan]), np.array([np.inf])):
        with pytest.raises(InputError, match="not finite"):
            sound.filterbank_of(Audio.from_numpy(samples, 16000))
    with pytest.raises(InputError, match="no samples"):
        sound.filterbank_of(Audio.from_numpy(np.zeros(0), 16000))


def test_listening_can_be_stopped(tone) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        sound.mono_16_bit(tone(20.0), Progress(check=token.check))


def test_without_torchaudio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio.compliance", None)
    with pytest.raises(EngineError, match="torchaudio"):
        sound.filterbank(torch.zeros(16000))

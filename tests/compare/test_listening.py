"""The files a page plays, and their description."""

import base64
import itertools
import json

import av
import numpy as np
import pytest
import torch

from deepsound.compare.comparison import compare
from deepsound.compare.listening import write_listening_files
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.loudness import measure
from deepsound.media.probe import probe
from deepsound.types import Audio, Span


@pytest.fixture
def place(tmp_path):
    numbers = itertools.count()
    (tmp_path / "out").mkdir()
    return lambda suffix: tmp_path / "out" / f"{next(numbers)}{suffix}"


def peaks_of(track):
    return np.frombuffer(base64.b64decode(track["peaks"]), np.int8).reshape(-1, 2)


def test_the_files_play_at_equal_loudness_and_the_description_is_small(tmp_path, place, make_video, tone):
    clip = Clip.open(make_video(seconds=1.0, audio=tone()))
    sounds = {"coarse": tone(1.0, hz=1000, level=0.4), "final": tone(0.5, hz=1000, level=0.1, channels=2)}
    described = write_listening_files(compare(sounds, clip, [Span(0.25, 0.5)]), place)
    assert len(json.dumps(described)) < 12_000
    assert (described["duration_s"], described["spans_s"]) == (1.0, [[0.25, 0.5]])
    coarse, final = described["tracks"]
    heard = [measure(decode_audio(tmp_path / "out" / track["audio"])) for track in (coarse, final)]
    assert heard[0].integrated_lufs + 3.01 == pytest.approx(heard[1].integrated_lufs, abs=0.05)
    assert coarse["lufs"] == pytest.approx(heard[0].integrated_lufs - coarse["gain_db"], abs=0.01)
    assert len(peaks_of(coarse)) == 1200 and len(peaks_of(final)) == 600
    assert (peaks_of(coarse).min(), peaks_of(coarse).max()) == (-127, 127)
    assert -33 <= peaks_of(final).min() <= -31
    video = probe(tmp_path / "out" / described["video"]["file"])
    assert video.audio is None and video.duration_s == pytest.approx(1.0)
    with av.open(str(tmp_path / "out" / final["spectrogram"])) as picture:
        assert (picture.streams.video[0].width, picture.streams.video[0].height) == (600, 160)


@pytest.mark.parametrize(
    ("samples", "rate", "channels", "value"),
    [
        (0, 48000, 1, 0.0),
        (1, 48000, 1, 0.5),
        (4800, 48000, 2, 0.0),
        (90, 11, 1, 0.4),
        (800, 8000, 6, 0.2),
        (882, 88200, 2, 1.4),
    ],
)
def test_odd_sounds_are_written(tmp_path, place, tone, samples, rate, channels, value):
    odd = Audio.from_numpy(np.full((channels, samples), value), rate)
    track = write_listening_files(compare({"coarse": tone(0.5), "voice": odd}), place)["tracks"][1]
    assert json.loads(json.dumps(track)) == track
    assert (track["audio"] is None) == (samples == 0)
    if samples:
        assert decode_audio(tmp_path / "out" / track["audio"]).waveform.abs().max() <= 1


def test_a_long_sound_has_as_many_peaks_as_a_short_one(place):
    long = Audio(torch.zeros(1, 600 * 8000), 8000)
    long.waveform[0, 2_400_100] = 0.5
    track = write_listening_files(compare({"coarse": long}), place)["tracks"][0]
    assert peaks_of(track).shape == (1200, 2) and peaks_of(track).max(1).argmax() == 600


def test_what_browsers_do_not_play_is_encoded_again(tmp_path, place, make_video, tone):
    clip = Clip.open(make_video("old.avi", size=(97, 63), seconds=0.5), 0.1, 0.3)
    described = write_listening_files(compare({"coarse": tone(0.3)}, clip), place)["video"]
    shown = probe(tmp_path / "out" / described["file"]).video
    assert (shown.codec, shown.pixel_format, shown.width, shown.height) == ("h264", "yuv420p", 98, 64)
    assert shown.duration_s == pytest.approx(0.3, abs=0.11)

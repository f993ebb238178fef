"""The still and the video: everything on one axis and one scale, for the oddest sounds too."""

import sys

import av
import numpy as np
import pytest
import torch

from deepsound.compare import drawing
from deepsound.compare.comparison import compare
from deepsound.compare.side_by_side import render_side_by_side
from deepsound.compare.still import still
from deepsound.compare.text import COLOURS
from deepsound.errors import Cancelled, InputError, MissingPackage
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.loudness import measure
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, Span


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video(size=(128, 72), seconds=1.0))


def is_colour(picture, name):
    return (picture == COLOURS[name]).all(-1)


def test_the_still_shows_every_track_on_one_time_axis(clip, tone):
    audio = tone(1.0, level=0.5)
    gate = torch.zeros_like(audio.waveform)
    gate[:, 24000:] = 1
    late = Audio(audio.waveform * gate, audio.sample_rate)
    picture = still(compare({"coarse": audio, "final": audio, "voice": late}, clip))
    assert picture.shape[1:] == (1280, 3) and picture.dtype == np.uint8
    columns = {name: np.flatnonzero(is_colour(picture[:, 190:], name).any(0)) for name in COLOURS}
    assert columns["coarse"][0] < 3 and columns["voice"].max() == columns["coarse"].max() == 1065
    # The middle line of the silent half is no wider than a pixel: the waveform proper begins in the middle.
    tall = np.flatnonzero(is_colour(picture[:, 190:], "voice").sum(0) > 10)
    assert tall[0] == pytest.approx(533, abs=2)
    assert still(compare({"coarse": audio})).shape[0] < picture.shape[0] / 2


def test_waveforms_and_spectrograms_share_one_scale(tone):
    both = compare({"coarse": tone(1.0, level=0.8), "voice": tone(1.0, level=0.08)})
    levels = drawing.mel_levels(both, 100, Progress())
    top_db = drawing.common_top_db(levels)
    loud, quiet = (drawing.spectrogram(level, 100, 50, top_db).astype(int).sum(-1).max() for level in levels)
    assert loud > quiet + 100
    heights = [
        np.flatnonzero(
            is_colour(
                drawing.waveform(track, COLOURS[track.name], 100, 101, 1.0, drawing.full_scale(both)), track.name
            ).any(1)
        ).size
        for track in both.tracks
    ]
    assert heights[0] > 5 * heights[1]


def test_a_shorter_sound_ends_where_it_ends(tone):
    both = compare({"coarse": tone(2.0), "final": tone(0.5, rate=16000)})
    assert [level.shape for level in drawing.mel_levels(both, 200, Progress())] == [(128, 200), (128, 50)]
    picture = drawing.waveform(both.tracks[1], COLOURS["final"], 200, 50, 2.0, 1.0, (Span(1.0, 1.5),))
    assert not is_colour(picture[:, 50:], "final").any()
    shaded = np.flatnonzero((picture[0, 60:] != picture[0, 60]).any(-1)) + 60
    assert (shaded[0], shaded[-1]) == (100, 149)


def test_a_tone_lies_at_its_frequency_on_the_common_axis(tone):
    both = compare({"coarse": tone(1.0, hz=4000, rate=44100), "final": tone(1.0, hz=4000, rate=16000)})
    rows = [int(level[:, level.shape[1] // 2].argmax()) for level in drawing.mel_levels(both, 60, Progress())]
    assert abs(rows[0] - rows[1]) <= 1


@pytest.mark.parametrize(
    ("channels", "samples", "rate", "value"),
    [
        (1, 1, 48000, 0.5),
        (2, 48000, 48000, 0.0),
        (6, 700, 8000, 0.1),
        (1, 30, 11, 0.3),
        (2, 2205, 22051, 2.0),
    ],
)
def test_odd_sounds_are_drawn(channels, samples, rate, value):
    odd = Audio.from_numpy(np.full((channels, samples), value), rate)
    picture = still(compare({"coarse": odd, "final": odd}, spans=[Span(0.0, 0.01)]), width=480)
    assert picture.shape[1] == 480
    with pytest.raises(InputError, match="479"):
        still(compare({"coarse": odd}), width=479)


def test_an_hour_is_drawn_from_a_bounded_picture():
    rate = 8000
    hour = Audio(torch.rand(1, 3600 * rate) - 0.5, rate)
    found = compare({"coarse": hour})
    assert drawing.mel_levels(found, 400, Progress())[0].shape == (128, 400)
    assert still(found, width=480).shape[1] == 480


def test_a_clip_of_one_frame_is_shown(make_video, tone):
    picture = still(compare({"coarse": tone(0.1)}, Clip.open(make_video(seconds=0.1))))
    assert picture[62:166, 190:].std() > 10


def test_the_video_plays_the_tracks_in_turn_at_equal_loudness(tmp_path, clip, tone):
    pytest.importorskip("moviepy", reason="moviepy is in the [render] extra")
    sounds = {"coarse": tone(1.0, hz=1000, level=0.5), "final": tone(1.0, hz=1000, level=0.1, channels=2)}
    path = tmp_path / "side.mp4"
    render_side_by_side(compare(sounds, clip), path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height % 2, stream.average_rate) == (1280, 0, 10)
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(pictures) == 20
    left, right = slice(0, 620), slice(640, 1280)
    assert pictures[2][64:, left].mean() > 1.5 * pictures[2][64:, right].mean()
    assert pictures[12][64:, right].mean() > 1.5 * pictures[12][64:, left].mean()
    sound = decode_audio(path)
    assert (sound.channels, sound.sample_rate, sound.samples) == (2, 48000, 96000)
    halves = [
        measure(Audio(sound.waveform[:, half], 48000)).integrated_lufs for half in (slice(0, 48000), slice(48000, None))
    ]
    assert halves[0] == pytest.approx(halves[1], abs=0.3)


def test_the_video_can_be_stopped_and_leaves_nothing(tmp_path, clip, tone):
    pytest.importorskip("moviepy", reason="moviepy is in the [render] extra")
    token, seen = CancelToken(), []

    def listen(event):
        seen.append(event.fraction)
        if event.fraction and event.fraction > 0.2:
            token.cancel()

    with pytest.raises(Cancelled):
        render_side_by_side(
            compare({"coarse": tone(1.0)}, clip),
            tmp_path / "side.mp4",
            0.8,
            Progress(on_event=listen, check=token.check),
        )
    assert not list(tmp_path.glob("*side*")) and not list(tmp_path.glob(".*"))


def test_without_moviepy_the_video_says_what_to_install(tmp_path, monkeypatch, tone):
    monkeypatch.setitem(sys.modules, "moviepy", None)
    with pytest.raises(MissingPackage, match="-m pip install moviepy"):
        render_side_by_side(compare({"coarse": tone(0.5)}), tmp_path / "side.mp4")

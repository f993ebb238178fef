"""What is compared, its common time axis, and stretches of time written as text."""

import numpy as np
import pytest

from deepsound.compare.comparison import compare
from deepsound.compare.record import records_in
from deepsound.compare.spans import parse_spans
from deepsound.errors import Cancelled, InputError
from deepsound.media.clip import Clip
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, Span


def test_tracks_come_in_order_on_an_axis_as_long_as_the_longest(tone, make_video):
    clip = Clip.open(make_video(seconds=1.5))
    found = compare({"voice": tone(0.5), "final": tone(2.0, rate=16000), "coarse": tone(1.0)}, clip, [Span(1.0, 9.0)])
    assert [track.name for track in found.tracks] == ["coarse", "final", "voice"]
    assert (found.duration_s, found.spans, found.top_hz) == (2.0, (Span(1.0, 2.0),), 20000.0)
    assert compare({"coarse": tone(1.0)}, clip).duration_s == 1.5


def test_the_beginning_alone_keeps_the_loudness_of_the_whole(tone, make_video):
    whole = compare({"coarse": tone(2.0)}, Clip.open(make_video(seconds=2.0)), [Span(0.2, 0.4), Span(0.9, 1.5)])
    part = whole.beginning(1.0)
    assert (part.duration_s, part.clip.duration_s, part.tracks[0].audio.samples) == (1.0, 1.0, 48000)
    assert part.spans == (Span(0.2, 0.4), Span(0.9, 1.0))
    assert part.tracks[0].level == whole.tracks[0].level
    assert whole.beginning(0.0) is whole and whole.beginning(9.0) is whole
    with pytest.raises(InputError, match="-1"):
        whole.beginning(-1)


def test_what_cannot_be_compared_is_said(tone):
    with pytest.raises(InputError, match="none"):
        compare({})
    with pytest.raises(InputError, match="background"):
        compare({"background": tone()})
    with pytest.raises(InputError, match="to compare, got neither"):
        compare({"coarse": Audio.from_numpy(np.zeros((1, 0)), 48000)})
    with pytest.raises(InputError, match=r"final audio.*1 of its 2"):
        compare({"coarse": tone(), "final": Audio.from_numpy(np.array([np.nan, 0.0]), 48000)})


def test_measuring_can_be_stopped(tone):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        compare({"coarse": tone()}, progress=Progress(check=token.check))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", ()),
        ("  ", ()),
        ("[]", ()),
        ("0.5-1.2, 3-4", (Span(0.5, 1.2), Span(3, 4))),
        ("0.50-1.20 s\n2 to 3 s", (Span(0.5, 1.2), Span(2, 3))),
        ("[[0.5, 1.2]]", (Span(0.5, 1.2),)),
        ('[{"start_s": 1, "end_s": 2}]', (Span(1, 2),)),
        ("1–2; .5..1", (Span(1, 2), Span(0.5, 1))),
    ],
)
def test_spans_are_read_as_people_and_records_write_them(text, spans):
    assert parse_spans(text) == spans


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "1",
        "2-1",
        "[[1]]",
        "[[1, 2, 3]]",
        "[1, 2]",
        '{"a": 1}',
        "[[null, 2]]",
        "[" * 5000,
        "[[1, NaN]]",
        "[[-1, 2]]",
        "[[1e999, 2]]",
        str([[0, 1]] * 10001),
    ],
)
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=r"0\.5-1\.2, 3-4|expected a start at 0|at most 10000"):
        parse_spans(text)


def test_a_folder_that_is_not_there_is_not_called_one_without_results(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        records_in(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no <name>"):
        records_in(tmp_path)

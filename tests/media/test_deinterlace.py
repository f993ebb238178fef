"""Interlaced pictures that must be encoded again are deinterlaced, and it is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.media.clip import Clip
from deepsound.media.deinterlace import deinterlace
from deepsound.media.formats import container_for
from deepsound.media.inventory import take_inventory
from deepsound.media.mux_audit import _traits
from deepsound.media.render import render
from deepsound.runtime.progress import Progress, ProgressEvent

HEIGHT, WIDTH, FRAMES = 96, 128, 12
FULL = 4096


@pytest.fixture
def interlaced(tmp_path: Path) -> Path:
    """A bright bar that moves 4 pixels a field: the rows of each frame show two instants in turn."""
    path = tmp_path / "fields.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, width=WIDTH, height=HEIGHT)
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        stream.options = {"flags": "+ilme+ildct"}
        for index in range(FRAMES):
            picture = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
            for field in (0, 1):
                left = 4 * (2 * index + field)
                picture[field::2, left : left + 16] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))
    return path


def combing(picture: np.ndarray) -> float:
    """How much rows differ from the mean of their neighbours, in levels."""
    rows = picture.astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_the_rows_of_two_instants_become_one(interlaced: Path) -> None:
    before = list(Clip.open(interlaced).frames())
    after = list(deinterlace(Clip.open(interlaced).frames()))
    assert [frame.time_s for frame in after] == [frame.time_s for frame in before]
    assert all(combing(frame.gray(FULL)) > 4 for frame in before)
    assert all(combing(frame.gray(FULL)) < 1 for frame in after)


def test_a_progressive_picture_is_left_as_it_is(make_video) -> None:
    path = make_video("plain.mp4", seconds=0.4)
    plain = [frame.rgb(FULL) for frame in Clip.open(path).frames()]
    filtered = [frame.rgb(FULL) for frame in deinterlace(Clip.open(path).frames())]
    assert len(plain) == len(filtered)
    assert all(np.array_equal(one, other) for one, other in zip(plain, filtered, strict=True))


def test_an_interlaced_picture_that_is_encoded_again_is_deinterlaced_and_it_is_said(
    interlaced: Path, tmp_path: Path
) -> None:
    """0.3.0 wove both instants into the frames of a file without flags: combs for ever, and not a word."""
    pytest.importorskip("moviepy", reason="rendering needs MoviePy")
    events: list[ProgressEvent] = []
    clip = Clip.open(interlaced)
    render(clip, tmp_path / "out.mp4", Progress(on_event=events.append))
    assert sum(event.is_note and "deinterlaced" in event.text for event in events) == 1
    rendered = list(Clip.open(tmp_path / "out.mp4").frames())
    assert len(rendered) == FRAMES
    assert all(combing(frame.gray(FULL)) < 1.5 for frame in rendered)
    before, after = (take_inventory(path) for path in (interlaced, tmp_path / "out.mp4"))
    items = [item for item in _traits(before, after, container_for(Path("x.mp4")), True) if item.what == "interlacing"]
    assert [(item.fate, item.why) for item in items] == [("changed", "deinterlaced")]

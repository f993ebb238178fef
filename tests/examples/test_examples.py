"""Tests of the example clips against their README and the scripts that make them."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from deepsound.media.clip import Clip
from deepsound.media.probe import probe
from deepsound.media.vad import voice_spans
from deepsound.reason.rules import RulesReasoner
from deepsound.runtime.progress import Progress
from deepsound.separate.spectral import SpectralSeparator
from deepsound.types import Audio, Verdict

EXAMPLES = Path(__file__).parents[2] / "demo"
IMPACTS, LANDSCAPE = EXAMPLES / "silent_impacts.mp4", EXAMPLES / "narrated_landscape.mp4"
MOST_BYTES = 500_000


def script(name: str) -> ModuleType:
    """A module of demo/, which is no package, loaded from its path."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def example_scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the scripts import each other, and nothing else find them afterwards."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture(scope="module")
def landscape() -> tuple[Clip, Audio]:
    clip = Clip.open(LANDSCAPE)
    sound = clip.audio()
    assert sound is not None
    return clip, sound


def impact_times() -> list[float]:
    return list(json.loads((EXAMPLES / "truth" / "silent_impacts.json").read_text(encoding="utf-8"))["impacts_s"])


@pytest.mark.parametrize(("path", "duration_s"), [(IMPACTS, 6.4), (LANDSCAPE, 8.0)], ids=lambda value: str(value)[-12:])
def test_clip_streams(path: Path, duration_s: float) -> None:
    info = probe(path)
    assert info.video is not None
    assert (info.video.codec, info.video.width, info.video.height, info.video.fps) == ("h264", 640, 360, 30)
    assert info.video.duration_s == pytest.approx(duration_s, abs=0.02)
    assert 20_000 < path.stat().st_size < MOST_BYTES


def test_only_the_landscape_has_sound(landscape: tuple[Clip, Audio]) -> None:
    assert Clip.open(IMPACTS).audio() is None
    _, sound = landscape
    assert (sound.channels, sound.sample_rate, sound.samples) == (2, 48_000, 8 * 48_000)
    with av.open(str(LANDSCAPE)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_impacts_are_apart_and_within_the_clip() -> None:
    times = np.array(impact_times())
    assert 6 <= len(times) <= 9
    assert np.diff(times).min() >= 0.15
    assert times[0] > 0.3
    assert times[-1] < Clip.open(IMPACTS).duration_s - 0.3


def test_impacts_come_from_the_physics() -> None:
    story = script("bouncing_ball").Story()
    assert impact_times() == pytest.approx(story.impacts_s, abs=1e-3)
    bounces = [piece for piece in story.second_path if piece.against == "floor"]
    falls = [(piece.y, piece.vy) for piece in bounces]
    drop_m = story.second.y - story.second.radius
    assert falls[0][1] == pytest.approx(-np.sqrt(2 * 9.81 * drop_m))
    assert falls[1][1] == pytest.approx(story.second.bounce * falls[0][1])


def test_the_ball_is_large_and_turns_around_at_an_impact() -> None:
    module = script("bouncing_ball")
    story = module.Story()
    picture_height_m = module.ROOM_WIDTH * 360 / 640
    assert 2 * story.first.radius / picture_height_m >= 0.12
    for touch in (piece for piece in story.first_path if piece.against == "floor"):
        before, after = (module.place(story.first_path, touch.start_s + offset)[2] for offset in (-0.05, 0.05))
        assert min(before, after) > touch.y


def test_a_ball_too_slow_for_the_block_is_refused() -> None:
    module = script("bouncing_ball")
    with pytest.raises(ValueError, match="too slow"):
        module.topple(module.Block(), 0.0, 0.3)


@pytest.mark.parametrize(
    ("module", "painter", "path"), [("playroom", "Playroom", IMPACTS), ("windmill", "Windmill", LANDSCAPE)]
)
def test_pictures_are_painted_alike_again(module: str, painter: str, path: Path) -> None:
    paint = getattr(script(module), painter)
    first, second = paint(), paint()
    at = (0, 40)
    painted = [first.frame(index) for index in at]
    assert all(np.array_equal(picture, second.frame(index)) for picture, index in zip(painted, at, strict=True))
    assert painted[0].shape == (360, 640, 3) and painted[0].dtype == np.uint8
    assert not np.array_equal(*painted)
    with av.open(str(path)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24", src_colorspace="itu709")
    assert np.abs(shown.astype(float) - painted[0]).mean() < 4.0


def test_soundtrack_repeats_and_has_the_stated_levels() -> None:
    narration = script("narration")
    tone = np.sin(np.arange(2 * narration.RATE) * 0.03)
    first, second = (narration.make_soundtrack(sentences=[tone, tone]) for _ in range(2))
    assert np.array_equal(first.mix, second.mix)
    assert first.mix.shape == (2, 8 * narration.RATE)
    assert np.abs(first.mix).max() <= narration.PEAK + 1e-9
    for start_s, end_s in first.spoken_s:
        spoken = slice(round(start_s * narration.RATE), round(end_s * narration.RATE))
        over_db = 20 * np.log10(narration.rms(first.voice[:, spoken]) / narration.rms(first.background[:, spoken]))
        assert 3.0 < over_db < 7.0


def test_voice_is_heard_only_where_the_narrator_speaks(landscape: tuple[Clip, Audio]) -> None:
    _, sound = landscape
    spans = voice_spans(sound, Progress())
    assert [(span.start_s, span.end_s) for span in spans] == [
        pytest.approx((1.3, 4.3), abs=0.5),
        pytest.approx((5.2, 7.2), abs=0.5),
    ]


def test_narration_is_judged_voice_over(landscape: tuple[Clip, Audio]) -> None:
    clip, sound = landscape
    judgement = RulesReasoner().judge(clip, sound, Progress())
    assert judgement.verdict is Verdict.YES
    assert judgement.people_times_s == ()


def test_separator_takes_the_narrator_out_and_leaves_the_valley(landscape: tuple[Clip, Audio]) -> None:
    _, sound = landscape
    background = SpectralSeparator().separate(sound, Progress()).background
    assert sum(span.duration_s for span in voice_spans(background, Progress())) < 0.3
    alone, spoken = (
        background.numpy()[:, round(start * 48_000) : round(end * 48_000)] for start, end in ((0.3, 1.0), (2.0, 4.0))
    )
    assert 20 * np.log10(spoken.std() / alone.std()) == pytest.approx(0.0, abs=4.0)


def test_si_sdr_knows_a_copy_and_a_half() -> None:
    make_examples = script("make_examples")
    truth, other = np.random.default_rng(0).normal(size=(2, 1, 48_000))
    assert make_examples.si_sdr_db(0.5 * truth + 1e-6 * other, truth) > 100
    assert make_examples.si_sdr_db(truth + other, truth) == pytest.approx(0.0, abs=0.2)

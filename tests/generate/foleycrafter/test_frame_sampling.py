"""Windows, fades and which frames are seen: what FoleyCrafter needs no network for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound.errors import InputError
from deepsound.generate.foleycrafter import request as requests
from deepsound.generate.foleycrafter.conditions import clip_rows
from deepsound.generate.foleycrafter.frame_sampling import SampledFrames, frame_numbers, sample_frames
from deepsound.generate.foleycrafter.preprocess import clip_picture, clip_values, onset_picture
from deepsound.generate.foleycrafter.windows import crossfade, windows
from deepsound.media.clip import Clip
from deepsound.media.sequence import ImageSequence
from deepsound.runtime.progress import Progress
from deepsound.types import GenerationRequest

MakeVideo = Callable[..., Path]
QUIET = Progress()
RATE = 100


@pytest.mark.parametrize(
    ("duration_s", "count"),
    [(0.02, 1), (10.0, 1), (10.24, 1), (10.25, 2), (19.0, 2), (19.01, 3), (28.0, 3), (28.1, 4), (600.0, 67)],
)
def test_windows_cover_everything_and_overlap_by_a_second_or_more(duration_s: float, count: int) -> None:
    spans = windows(duration_s)
    assert len(spans) == count
    assert spans[0].start_s == 0
    assert spans[-1].end_s == pytest.approx(duration_s)
    assert all(span.duration_s == pytest.approx(10.0) for span in spans) or count == 1
    assert all(one.end_s - two.start_s >= 1.0 - 1e-9 for one, two in pairwise(spans))


@pytest.mark.parametrize("duration_s", [10.3, 19.0, 19.5, 25.0, 47.77])
def test_fades_keep_the_power_and_reach_the_last_sample(duration_s: float) -> None:
    spans, samples = windows(duration_s), round(duration_s * RATE)
    power = torch.zeros(1, samples)
    for number in range(len(spans)):
        sounds = [torch.full((1, 10 * RATE), float(number == other)) for other in range(len(spans))]
        power += crossfade(sounds, spans, samples, RATE) ** 2
    assert torch.allclose(power, torch.ones_like(power), atol=1e-5)


def test_one_window_is_left_as_it_is() -> None:
    sound = torch.randn(1, 512)
    assert torch.equal(crossfade([sound], windows(5.12), 512, RATE), sound)


def test_frames_are_taken_evenly_and_repeated_where_there_are_few() -> None:
    assert frame_numbers(150) == list(range(150))
    assert frame_numbers(1) == [0] * 150
    assert frame_numbers(300)[:4] == [0, 2, 4, 6] and frame_numbers(300)[-1] == 299
    assert clip_rows(15) == list(range(0, 150, 10)) and clip_rows(150) == list(range(150)) and clip_rows(1) == [0]


def test_every_window_sees_its_own_frames(make_video: MakeVideo) -> None:
    def level(index: int) -> np.ndarray:
        return np.full((48, 64, 3), index, np.uint8)

    clip = Clip.open(make_video(fps=10, seconds=12.0, paint=level))
    first, second = sample_frames(clip, clip.duration_s, QUIET)
    assert clip.passes == 1
    assert (first.of, second.of) == (100, 100)
    assert len(first.numbers) == 150 and set(first.numbers) == set(range(100))
    levels = [window.for_onsets()[:, 0].mean(dim=(1, 2)) for window in (first, second)]
    assert levels[0][0] < 4 and levels[1][0] == pytest.approx(20, abs=3)
    assert levels[0][-1] == pytest.approx(99, abs=3) and levels[1][-1] == pytest.approx(119, abs=3)


def test_a_rate_that_misleads_costs_another_pass_and_no_exactness(make_video: MakeVideo) -> None:
    times = [*np.linspace(0, 0.5, 40), 0.6, 1.4]
    clip = Clip.open(make_video(times=[float(time) for time in times]))
    (seen,) = sample_frames(clip, clip.duration_s, QUIET)
    assert list(seen.numbers) == frame_numbers(seen.of)
    assert seen.of == 42


def test_part_of_a_clip_is_decoded_no_further(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(fps=10, seconds=3.0))
    (seen,) = sample_frames(clip, 1.0, QUIET)
    assert seen.of == 10
    (whole,) = clip.view(SampledFrames(), QUIET)
    assert whole.of == 30


def test_images_with_a_rate_are_seen_like_a_clip() -> None:
    images = torch.rand(7, 20, 30, 3, generator=torch.Generator().manual_seed(0))
    (seen,) = sample_frames(ImageSequence(images, 7.0), 1.0, QUIET)
    assert seen.of == 7 and len(seen.onset_store) == 7
    expected = onset_picture((images[6] * 255).round().to(torch.uint8).numpy())
    assert torch.equal(seen.for_onsets()[-1], expected)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (50, 91), (91, 50), (1, 7), (300, 224)])
def test_clip_sees_the_middle_of_a_picture(height: int, width: int) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    assert clip_picture(picture).shape == (3, 224, 224)
    if (height, width) == (224, 224):
        assert np.array_equal(clip_picture(picture), picture.transpose(2, 0, 1))
    grey = clip_values(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    assert grey[0, 0, 0, 0].item() == pytest.approx((1 - 0.48145466) / 0.26862954, rel=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"duration_s": 3.0}, r"duration of 3 s is past the end of the video, which has 2\.00 s"),
        ({"duration_s": 0.0}, "duration is 0"),
        ({"duration_s": float("nan")}, "duration is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 1000}, "steps is 1000"),
        ({"steps": True}, "steps is True"),
        ({"guidance": float("inf")}, "guidance strength is inf"),
        ({"guidance": -1.0}, r"guidance strength is -1\.0"),
        ({"seed": -1}, "expected a seed from 0 to 18446744073709551615, got -1"),
        ({"seed": 2**64}, "got 18446744073709551616; choose another"),
        ({"prompt": 3}, "prompt is '3' .int.; expected text"),
        ({"negative_prompt": "x" * 20_000}, "negative prompt has 20000 characters"),
    ],
)
def test_requests_that_make_no_sense_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        requests.validate_request(GenerationRequest(**changed), requests.FoleyCrafterSettings(), 2.0, 1)


@pytest.mark.parametrize(
    ("settings", "takes", "message"),
    [
        (
            requests.FoleyCrafterSettings(temporal_scale=-0.1),
            1,
            r"temporal scale is -0\.1; use 0 to 10 \(0\.2 as published\)",
        ),
        (requests.FoleyCrafterSettings(semantic_scale=float("nan")), 1, "semantic scale is nan"),
        (requests.FoleyCrafterSettings(clip_frames=0), 1, "CLIP is to see 0 frames"),
        (requests.FoleyCrafterSettings(clip_frames=151), 1, "151 frames"),
        (requests.FoleyCrafterSettings(), 0, "number of takes is 0"),
        (requests.FoleyCrafterSettings(), 65, "number of takes is 65"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: requests.FoleyCrafterSettings, takes: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        requests.validate_request(GenerationRequest(), settings, 2.0, takes)


def test_what_is_left_open_is_as_published() -> None:
    request = requests.validate_request(GenerationRequest(seed=2**64 - 1), requests.FoleyCrafterSettings(), 2.0, 2)
    assert (request.steps, request.guidance, request.duration_s) == (25, 7.5, 2.0)
    assert request.seeds == (2**64 - 1, 0)
    assert (
        requests.validate_request(
            GenerationRequest(duration_s=2.005), requests.FoleyCrafterSettings(), 2.0, 1
        ).duration_s
        == 2.0
    )

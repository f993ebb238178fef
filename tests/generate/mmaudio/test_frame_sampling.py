"""Tests of frame sampling by ticks, on clips of several rates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound.generate.mmaudio.frame_sampling import TickedFrames, clip_view, sync_view, usable_duration_s
from deepsound.media.clip import Clip
from deepsound.models.synchformer.preprocess import clip_picture, clip_values, sync_picture, sync_values

MakeVideo = Callable[..., Path]


def test_both_rates_come_from_one_decoding_pass(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(fps=50, seconds=1.0))
    clip.expect(clip_view(), sync_view())
    pictures, sync = clip.view(clip_view()), clip.view(sync_view())
    assert clip.passes == 1
    assert pictures.frame_numbers() == [0, 7, 13, 19, 25, 32, 38, 44]
    # Six times 0.04, summed, is above 0.24 by its last bit, which skips frame 12.
    assert sync.frame_numbers()[:9] == [0, 2, 4, 6, 8, 10, 13, 14, 16]


def test_a_slow_video_keeps_each_picture_once(make_video: MakeVideo) -> None:
    ticked = Clip.open(make_video(fps=5, seconds=2.0)).view(sync_view())
    assert ticked.pictures.shape == (10, 3, 224, 224)
    assert ticked.pictures.dtype == torch.uint8
    assert ticked.rows[:12] == (0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3)
    assert ticked.numbers == tuple(range(10))


def test_the_first_ticks(make_video: MakeVideo) -> None:
    ticked = Clip.open(make_video(fps=5, seconds=2.0)).view(sync_view())
    cut = ticked.first(7)
    assert (cut.rows, cut.numbers) == (ticked.rows[:7], (0, 1, 2))
    assert torch.equal(cut.pictures, ticked.pictures[:3])
    assert isinstance(cut, TickedFrames)
    assert len(ticked.first(0).pictures) == 0


def test_the_frame_at_the_end_counts_later_ones_do_not(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(fps=8, seconds=2.0))
    assert clip.view(clip_view(1.0)).frame_numbers() == list(range(9))
    assert clip.view(clip_view(0.99)).frame_numbers() == list(range(8))


@pytest.mark.parametrize(("fps", "as_published_s"), [(25, 1.96), (1, 1.0)])
def test_holding_the_last_frame_gives_sound_to_the_windows_end(
    make_video: MakeVideo,
    fps: int,
    as_published_s: float,
) -> None:
    clip = Clip.open(make_video(fps=fps, seconds=4.0), duration_s=2.0)
    for hold_last, expected_s in ((False, as_published_s), (True, 2.0)):
        counts = [len(clip.view(view(hold_last=hold_last)).rows) for view in (clip_view, sync_view)]
        assert usable_duration_s(8.0, *counts) == expected_s


def test_sync_sees_the_middle_and_clip_the_whole() -> None:
    wide = torch.zeros(3, 300, 900, dtype=torch.uint8)
    wide[:, :, 300:600] = 200
    assert sync_picture(wide)[:, :, 4:-4].float().mean() == 200
    squeezed = clip_picture(wide)
    assert squeezed[0, 100, [0, 192, 383]].tolist() == [0, 200, 0]


def test_values_span_what_the_encoders_take() -> None:
    levels = torch.tensor([0, 255], dtype=torch.uint8)
    assert clip_values(levels).tolist() == [0.0, 1.0]
    assert sync_values(levels).tolist() == [-1.0, 1.0]
    assert clip_values(levels).dtype == torch.float32


def test_overshoot_saturates_and_never_wraps() -> None:
    stripes = torch.from_numpy(np.indices((100, 100))[1] // 7 % 2 * 255).to(torch.uint8).expand(3, -1, -1)
    smooth = torch.nn.functional.interpolate(stripes[None].float(), (384, 384), mode="bicubic", antialias=True)
    assert smooth.min() < -5
    assert smooth.max() > 260
    assert (clip_picture(stripes) - smooth[0].clamp(0, 255)).abs().max() <= 0.51


def test_float_pictures_are_refused() -> None:
    with pytest.raises(TypeError, match=r"uint8, not as torch\.float32"):
        clip_picture(torch.zeros(3, 10, 10))

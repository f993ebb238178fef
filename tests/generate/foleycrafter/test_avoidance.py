"""Tests of FoleyCrafter's avoided spans: time condition, image tokens, frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepsound.errors import InputError
from deepsound.generate.foleycrafter import avoidance
from deepsound.media.clip import Clip
from deepsound.types import Span
from tests.generate.foleycrafter.conftest import FEW, QUIET


def test_avoided_spans_have_no_onset_no_image_tokens_and_no_frame_in_the_mean():

    spans = avoidance.within_window((Span(1.0, 2.0), Span(9.5, 12.0)), Span(1.5, 11.5))
    assert spans == (Span(0.0, 0.5), Span(8.0, 10.0))
    timing = avoidance.without_onsets(torch.ones(1024), spans)
    # 102.4 columns a second, as published: 51.2 and 819.2 to 1024.
    assert (timing == -1).nonzero()[:, 0].tolist() == [*range(52), *range(819, 1024)]
    seen = avoidance.visible_columns(spans)
    # The sound has 100 columns a second.
    assert (seen == 0).nonzero()[:, 0].tolist() == [*range(50), *range(800, 1000)]
    assert avoidance.visible_columns(()) is None
    # 150 frames over 10 s, 15 a second: frame 7 ends at 0.53 s and frame 119 at 8.0 s.
    assert avoidance.rows_outside(range(150), spans, 10.0) == list(range(8, 120))


def test_avoiding_changes_the_sound_and_nothing_to_avoid_does_not(foley, clip, base):
    avoiding = replace(FEW, avoid=(Span(0.2, 0.6),))
    assert foley.avoids_spans
    made = foley.generate(clip, avoiding, QUIET)
    assert not torch.equal(made.waveform, base.waveform)
    assert torch.equal(made.waveform, foley.generate(clip, avoiding, QUIET).waveform)
    assert torch.equal(foley.generate(clip, replace(FEW, avoid=()), QUIET).waveform, base.waveform)


def test_a_picture_that_is_hidden_throughout_does_not_matter(foley, short_video, make_video):

    grey = make_video("grey.mp4", fps=25, seconds=1.2, paint=lambda index: np.full((48, 64, 3), 9, np.uint8))
    hidden = replace(FEW, avoid=(Span(0.0, 1.2),))
    one, other = (foley.generate(Clip.open(path), hidden, QUIET) for path in (short_video, grey))
    assert torch.equal(one.waveform, other.waveform)


@pytest.mark.parametrize("span", [Span(-1.0, 0.5), Span(0.5, 0.5), Span(0.6, 0.2), Span(float("nan"), 1.0)])
def test_spans_that_are_none_are_refused_before_anything_is_loaded(foley, clip, span):
    with pytest.raises(InputError, match="avoid: expected a start from 0"):
        foley.generate(clip, replace(FEW, avoid=(span,)), QUIET)

"""Recorded speech over a storm and impacts, repaired in its spans and as a whole.

The separator is the shipped network without its own gate, so that it touches the whole sound as the published ones do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from deepsound.media.audio import fit_length
from deepsound.repair.plan import voiced_spans
from deepsound.repair.render import gate_stems
from deepsound.runtime.progress import Progress
from deepsound.separate.roformer import RoformerSeparator
from deepsound.train.losses import si_sdr
from deepsound.types import Audio, Span
from tests.rank.impacts import hits

RATE = 44_100
WORD = Span(2.0, 2.9)
SECONDS = 8.0
# Below 16 bit's own noise nothing is heard: windows that are exact count as this many decibels.
CEILING_DB = 96.0


def pasted(bed: Audio, voice: Audio) -> Audio:
    """`bed` with a word at WORD, as loud as the bed."""
    first, last = (round(time_s * RATE) for time_s in (WORD.start_s, WORD.end_s))
    word = voice.waveform[0, : last - first]
    mix = bed.waveform.clone()
    mix[:, first:last] += word * (mix.square().mean().sqrt() / word.square().mean().sqrt())
    return Audio(mix, RATE)


def cut(audio: Audio, start_s: float, end_s: float) -> torch.Tensor:
    return audio.waveform.mean(0)[round(start_s * RATE) : round(end_s * RATE)]


def windows_db(bed: Audio, got: Audio) -> float:
    """The mean over the clip of the signal-to-distortion ratio in half seconds."""
    found = []
    for start_s in np.arange(0.0, SECONDS, 0.5):
        wanted, made = (cut(audio, start_s, start_s + 0.5) for audio in (bed, got))
        error = float((wanted - made).square().sum())
        found.append(min(10 * np.log10(float(wanted.square().sum()) / (error + 1e-20)), CEILING_DB))
    return float(np.mean(found))


def test_speech_over_a_storm_is_taken_out_in_its_spans_and_the_rest_is_exact(
    storm: Audio, speech: Callable[..., Audio]
) -> None:
    compare_scopes(fit_length(storm, round(SECONDS * RATE)), speech)


def test_speech_over_impacts_is_taken_out_in_its_spans_and_the_rest_is_exact(speech: Callable[..., Audio]) -> None:
    compare_scopes(hits(np.arange(0.4, SECONDS, 0.7), SECONDS, bed=0.01), speech)


def compare_scopes(bed: Audio, speech: Callable[..., Audio]) -> None:
    """In its span a word is taken out as well as with the whole clip, outside nothing changes, on average 3 dB more."""
    mix = pasted(bed, speech(RATE))
    stems = RoformerSeparator("bs_roformer_tiny").separate(mix, Progress())
    spans = voiced_spans(mix)
    assert spans and sum(span.duration_s for span in spans) < SECONDS / 3
    repaired = gate_stems(mix, stems, spans).background
    outside = torch.ones(mix.samples, dtype=torch.bool)
    for span in spans:
        outside[round(span.start_s * RATE) : round(span.end_s * RATE)] = False
    assert torch.equal(repaired.waveform[:, outside], mix.waveform[:, outside])
    ratios = [
        float(si_sdr(cut(got, WORD.start_s, WORD.end_s), cut(bed, WORD.start_s, WORD.end_s)))
        for got in (mix, stems.background, repaired)
    ]
    # What is in the span is the same separation; the detector may leave a few milliseconds at its edges.
    assert ratios[2] - ratios[0] > ratios[1] - ratios[0] - 0.1
    assert ratios[2] - ratios[0] > 3.0
    assert windows_db(bed, repaired) > windows_db(bed, stems.background) + 3.0

"""Second opinion of the voice detector: DTLN's estimate of the voice, heard again.

Speech enhancement turns the background down further than the detector's own spectral subtraction. Where it leaves
something that sounds like speech, for long enough and not too faintly, a voice is there. It is asked for only where the
detector has a hint of one and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.media.periodicity import periodicity
from deepsound.runtime.packaged_network import load_packaged

if TYPE_CHECKING:
    import torch

    from deepsound.models.dtln.model import DTLN

WEIGHTS = Path(__file__).parents[1] / "separate" / "weights" / "dtln.safetensors"
# DTLN hears most at this RMS, and its estimate is heard pure and with a tenth of the sound beside it.
LEVEL_RMS, LEAST_RMS = 0.03, 1e-5
_BESIDE = 0.1

# Some probability of a voice without which nothing is asked: half of the voice-free sounds have less.
HINT = 0.05
# A window counts where both estimates are heard as a voice that has at least this share of the power around it.
SURE, LEAST_SHARE, SHARE_WINDOWS = 0.5, 0.025, 5
# What is heard in that many windows of 125 (4 s) or more is a voice; music and machines give 15.
LEAST_WINDOWS, AROUND_WINDOWS = 25, 125
# Gaps between counted windows up to this many are closed, so that syllables make a span.
CLOSED_WINDOWS = 9
# A voice's pitch moves and its consonants have none; sounds as periodic as this on the average are tones. Speech has
# 0.47 to 0.85 (one synthetic voice 0.91), what the detector took for a voice in tones, bells and hums 0.9 to 0.98.
TOO_PERIODIC = 0.87
PITCH_HZ = (70.0, 400.0)

AskDetector = Callable[["torch.Tensor"], "torch.Tensor"]


def is_asked_for(heard: torch.Tensor, combined: torch.Tensor) -> bool:
    """Whether the detector is unsure: a hint in what it `heard` [rows, windows], little in `combined` [windows]."""
    return bool(heard.max() >= HINT and (combined >= SURE).sum() < LEAST_WINDOWS)


def second_opinion(middle: torch.Tensor, ask: AskDetector, repeated: int = 0) -> torch.Tensor:
    """Probabilities [windows] from the sound's mean [1, samples] at 16 kHz; `ask` is the detector, of rows at a level.

    0 wherever no voice is found. The first `repeated` windows come again later: they are not counted twice.
    """
    import torch

    level = middle * (LEVEL_RMS / middle.square().mean().sqrt().clamp_min(LEAST_RMS))
    with torch.no_grad():
        voice = _network()(level)
    again = ask(torch.cat([voice, voice + _BESIDE * level])).amin(dim=0)
    windows = again.shape[0]
    share = _power(voice, windows) / _power(level, windows).clamp_min(1e-12)
    sure = ((again >= SURE) & (share >= LEAST_SHARE)).float()
    sure[:repeated] = 0
    counted = enduring(sure[None])
    return counted * (_mean_around(_periodicity(voice, windows), counted) < TOO_PERIODIC)


def _periodicity(voice: torch.Tensor, windows: int) -> torch.Tensor:
    """How well the sound [1, samples] repeats at some voice's pitch around the middle of each window, [windows]."""
    size = voice.shape[1] // windows
    return periodicity(voice[:, size // 2 :], 2 * size, size, PITCH_HZ)[0, :windows]


def _mean_around(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """The mean of `values` over the counted windows in the neighbourhood of each window, all [windows]."""
    total, number = (_sums(row[None], AROUND_WINDOWS)[0] for row in (values * counted, counted))
    return total / number.clamp_min(1.0)


def enduring(counted: torch.Tensor) -> torch.Tensor:
    """[windows] of `counted` [1, windows] of 0 and 1: those with enough others around, short gaps closed."""
    from torch.nn.functional import max_pool1d

    around = _sums(counted, AROUND_WINDOWS)
    kept = counted * (around >= LEAST_WINDOWS)
    widened = max_pool1d(kept, CLOSED_WINDOWS, 1, CLOSED_WINDOWS // 2)
    return -max_pool1d(-widened, CLOSED_WINDOWS, 1, CLOSED_WINDOWS // 2)[0]


def _power(row: torch.Tensor, windows: int) -> torch.Tensor:
    """The power around each window, [windows]."""
    from torch.nn.functional import avg_pool1d

    each = row.reshape(1, windows, -1).square().mean(dim=2)
    return avg_pool1d(each, SHARE_WINDOWS, 1, SHARE_WINDOWS // 2, count_include_pad=False)[0]


def _sums(counted: torch.Tensor, windows: int) -> torch.Tensor:
    """How many are counted in the neighbourhood of each window, [1, windows]."""
    from torch.nn.functional import avg_pool1d

    return avg_pool1d(counted, windows, 1, windows // 2) * windows


@lru_cache(maxsize=1)
def _network() -> DTLN:
    from deepsound.models.dtln.model import DTLN

    return load_packaged(DTLN, WEIGHTS)

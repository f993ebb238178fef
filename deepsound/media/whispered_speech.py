"""Detection of whispered speech, which voice detectors miss, by a small network.

Trained by this project (`scripts/train_whispered_speech.py`). It counts only where it is sure for long enough.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.media.second_opinion import enduring
from deepsound.runtime.packaged_network import load_packaged

if TYPE_CHECKING:
    from torch import Tensor

    from deepsound.models.whispered_speech import WhisperedSpeechNet

WEIGHTS = Path(__file__).parents[1] / "separate" / "weights" / "whispered_speech.safetensors"
# The network's presence is averaged over this many frames of 16 ms: words, not single consonants.
AVERAGED_FRAMES = 31
SURE = 0.85


def find_whisper(sound: Tensor) -> tuple[Tensor, Tensor]:
    """Gains [B, 40, frames] of whispered speech in sounds [B, samples] at 16 kHz, and its presence 0 to 1, [B, frames].

    A frame is 16 ms; bands are those of `deepsound.models.whispered_speech`.
    """
    import torch
    from torch.nn.functional import avg_pool1d

    from deepsound.models.whispered_speech import LEAST_RMS, LEVEL_RMS, spectrum_of, to_bands

    level = sound * (LEVEL_RMS / sound.square().mean(dim=1, keepdim=True).sqrt().clamp_min(LEAST_RMS))
    with torch.no_grad():
        gains, logits = _network()(to_bands(spectrum_of(level).abs().square()))
    around = AVERAGED_FRAMES // 2
    presence = avg_pool1d(logits[:, :1].sigmoid(), AVERAGED_FRAMES, 1, around, count_include_pad=False)[:, 0]
    return gains, presence


def whispered_windows(middle: Tensor, windows: int) -> Tensor:
    """The probability of a whisper, 0 where it is not sure, in `windows` windows of the mean [1, samples] at 16 kHz."""
    _, presence = find_whisper(middle)
    counted = (presence[:, 1 : 2 * windows : 2] >= SURE).float()
    return enduring(counted)


@lru_cache(maxsize=1)
def _network() -> WhisperedSpeechNet:
    from deepsound.models.whispered_speech import WhisperedSpeechNet

    return load_packaged(WhisperedSpeechNet, WEIGHTS)

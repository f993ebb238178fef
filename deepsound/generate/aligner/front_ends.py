"""ImageBind's inputs for 1 s windows, through which gradients pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.errors import InputError
from deepsound.generate.aligner.windows import SAMPLE_RATE, sample_bounds

MEL_BINS, MEL_FRAMES = 128, 204
PICTURE_SIZE = 224
# Kaldi's analysis frame; a shorter window has no spectrum.
_FRAME_MS = 25
_FEWEST_SAMPLES = SAMPLE_RATE * _FRAME_MS // 1000


def audio_windows(waveform: Tensor, count: int) -> Tensor:
    """Log-mel values [1, count, 128, 204] of a waveform [1, samples] at 16 kHz, neither shifted nor scaled yet.

    As published, the mean of each window is taken off what the one before has left where they overlap. Raises
    InputError for less than 25 ms.
    """
    kaldi = _kaldi()
    if waveform.shape[-1] < _FEWEST_SAMPLES:
        raise InputError(
            f"The sound has {waveform.shape[-1]} samples at 16 kHz; expected {_FEWEST_SAMPLES} (25 ms) or more for "
            "ImageBind; use a longer one."
        )
    left = waveform.clone()
    spectrograms = []
    for start, end in sample_bounds(waveform.shape[-1], count):
        window = left[:, start:end]
        window -= window.mean()
        mel = kaldi.fbank(
            window.clone(),
            htk_compat=True,
            sample_frequency=SAMPLE_RATE,
            use_energy=False,
            window_type="hanning",
            num_mel_bins=MEL_BINS,
            dither=0.0,
            frame_length=_FRAME_MS,
            frame_shift=10,
        )
        spectrograms.append(F.pad(mel.mT, (0, MEL_FRAMES - len(mel))))
    return torch.stack(spectrograms).unsqueeze(0)


def _kaldi() -> Any:
    """torchaudio's Kaldi front end, with a constant through which gradients pass.

    It makes that tensor when it is imported: first imported in a host's inference mode, it is an inference tensor for
    as long as the process lives.
    """
    from torchaudio.compliance import kaldi

    if kaldi.EPSILON.is_inference():
        with torch.inference_mode(False):
            kaldi.EPSILON = kaldi.EPSILON.clone()
    return kaldi


def picture_values(pictures: Tensor) -> Tensor:
    """Pictures [B, 3, height, width] in [0, 1] as [B, 3, 224, 224]: short side to 224, then squashed to a square."""
    height, width = pictures.shape[-2:]
    short = min(height, width)
    size = (height * PICTURE_SIZE // short, width * PICTURE_SIZE // short)
    resized = F.interpolate(pictures, size, mode="bilinear", align_corners=False)
    if size == (PICTURE_SIZE, PICTURE_SIZE):
        return resized
    return F.interpolate(resized, (PICTURE_SIZE, PICTURE_SIZE), mode="bilinear", align_corners=False, antialias=True)


def video_windows(pictures: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Pieces [1, windows, 3, 2, 224, 224] of prepared pictures [B, 3, 224, 224]; `pairs` are their places."""
    return torch.stack([pictures[[first, last]].transpose(0, 1) for first, last in pairs]).unsqueeze(0)

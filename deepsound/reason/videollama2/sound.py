"""Audio preprocessing of VideoLLaMA2: eight 2 s segments as a log-mel filterbank."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.errors import InputError
from deepsound.media.audio import to_mono
from deepsound.runtime.packages import missing_package
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

SAMPLE_RATE = 16000
STRETCHES = 8
STRETCH_SAMPLES = 2 * SAMPLE_RATE
PADDED_SAMPLES = 30 * SAMPLE_RATE
MEL_BINS = 128
FILTERBANK_FRAMES = 2998
_FULL_SCALE = 32768
_BLOCK = 1 << 16
# Other numbers of channels are averaged: FFmpeg mixes by what each of a layout's speakers stands for.
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def segment_bounds(samples: int) -> list[tuple[int, int]]:
    """First and one-past-last sample of each segment that is encoded, of a sound of so many samples.

    They begin at equal distances and overlap in sounds under 16 s. The distance is an eighth of what is left beside
    one stretch, so the end of a sound is never reached: of 10 s, the last one is not encoded. Sounds up to one stretch
    are encoded whole, eight times.
    """
    spare = max(0, samples - STRETCH_SAMPLES)
    starts = [index * spare // STRETCHES for index in range(STRETCHES)]
    return [(start, min(start + STRETCH_SAMPLES, samples)) for start in starts]


def join_segments(waveform: Tensor) -> Tensor:
    """The encoded part of a waveform [samples] at 16 kHz: its segments in a row, zeros up to 30 s."""
    joined = torch.cat([waveform[start:end] for start, end in segment_bounds(len(waveform))])
    return F.pad(joined, (0, PADDED_SAMPLES - len(joined)))


def filterbank(waveform: Tensor) -> Tensor:
    """Log-mel values float32 [1, 2998, 128] of a waveform [samples] in [-1, 1] at 16 kHz, before they are rounded.

    Kaldi's, of samples in 16-bit units: 25 ms windows every 10 ms, natural logarithm of power. Raises MissingPackage
    where torchaudio is not installed.
    """
    try:
        from torchaudio.compliance import kaldi
    except (ImportError, OSError) as error:
        raise missing_package(
            f"VideoLLaMA2 needs torchaudio, which cannot be imported here ({error})", "torchaudio"
        ) from error
    scaled = join_segments(waveform)[None] * _FULL_SCALE
    values: Tensor = kaldi.fbank(
        scaled, num_mel_bins=MEL_BINS, sample_frequency=SAMPLE_RATE, frame_length=25, frame_shift=10
    )
    return values[None]


def mono_16_bit(audio: Audio, progress: Progress = Progress()) -> Tensor:
    """One channel [samples] at 16 kHz, on the steps of 16-bit samples: the model was trained on no finer ones.

    Mixed down and resampled by FFmpeg, as in training: other resamplers differ audibly to the model, near 8 kHz.
    Raises InputError for samples that are not finite.
    """
    if not bool(audio.waveform.isfinite().all()):
        raise InputError(
            "The audio has samples that are not finite (NaN or infinite); nothing can be heard in it. "
            "Generate it again, with another seed or precision."
        )
    layout = _LAYOUTS.get(audio.channels)
    pieces = list(_resample(audio if layout else to_mono(audio), layout or "mono", progress))
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    return torch.from_numpy(samples.astype(np.float32)) / _FULL_SCALE


def _resample(audio: Audio, layout: str, progress: Progress) -> Iterator[np.ndarray]:
    import av

    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    source = audio.numpy()
    for start in progress.track(range(0, audio.samples, _BLOCK), -(-audio.samples // _BLOCK)):
        block = np.ascontiguousarray(source[:, start : start + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = audio.sample_rate, start
        yield from (part.to_ndarray()[0] for part in resampler.resample(frame))
    if audio.samples:
        yield from (part.to_ndarray()[0] for part in resampler.resample(None))


def filterbank_of(audio: Audio, progress: Progress = Progress()) -> Tensor:
    """The filterbank [1, 2998, 128] of a sound of any rate, length and channels, on the steps of bfloat16, as float32.

    Raises InputError for samples that are not finite, and for no samples at all.
    """
    if not audio.samples:
        raise InputError("The audio has no samples; there is nothing to hear.")
    return filterbank(mono_16_bit(audio, progress)).bfloat16().float()

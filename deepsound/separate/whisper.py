"""Whispered voices for `dtln`: the median of three estimates where one is detected.

DTLN takes a voice without a pitch for noise. The network that detects whispers and `bs_roformer_tiny` do not, but each
takes more of the background; the median of the magnitudes follows two that agree. Where that has a pitch it is no
whisper but a bark, a chirp or a hum, and DTLN, which knows those, can only make it less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    from torch import Tensor

# Frames of 16 ms by which a whisper lasts longer than it is sure of on both sides, and over which it fades.
AROUND, FADE = 15, 7
# Chosen on mixtures of other whispers: an estimate as periodic as this within 9 frames holds more than a whisper.
PITCHED_FROM, PITCHED, PITCHED_FRAMES = 0.55, 0.65, 9
PITCH_FRAME, PITCH_HZ = 1024, (70.0, 500.0)


def with_whispers(sound: Tensor, voice: Tensor, progress: Progress) -> tuple[Tensor, Tensor | None]:
    """A better estimate of the voice in `sound` than DTLN's `voice`, all [B, samples] at 16 kHz.

    Beside it how far it is a whisper, 0 to 1, [B, 1, frames]; the same `voice` and None where nobody whispers.
    """
    import torch
    from torch.nn.functional import avg_pool1d, max_pool1d

    from deepsound.media.whispered_speech import SURE, find_whisper
    from deepsound.models.whispered_speech import sound_of, spectrum_of, to_bins

    gains, presence = find_whisper(sound)
    around = max_pool1d((presence >= SURE).float(), 2 * AROUND + 1, 1, AROUND)
    if not bool(around.any()):
        return voice, None
    weight = avg_pool1d(around[:, None], FADE, 1, FADE // 2, count_include_pad=False)
    whole, found = spectrum_of(sound), spectrum_of(voice)
    other = spectrum_of(_other_estimate(sound, around, progress))
    median = _median(found.abs(), whole.abs() * to_bins(gains), other.abs())
    phase = whole / whole.abs().clamp_min(1e-9)
    pitched = _pitched(sound_of(phase * median, sound.shape[1]), weight.shape[2])
    whispered = phase * torch.lerp(median, torch.minimum(median, found.abs()), pitched)
    return sound_of(found + weight * (whispered - found), sound.shape[1]), weight


def _pitched(sound: Tensor, frames: int) -> Tensor:
    """How far each of `frames` frames of [B, samples] is beside one with a pitch, 0 to 1, [B, 1, frames]."""
    from torch.nn.functional import max_pool1d

    from deepsound.media.periodicity import periodicity
    from deepsound.models.whispered_speech import HOP

    most = periodicity(sound, PITCH_FRAME, HOP, PITCH_HZ)[:, None, :frames]
    most = max_pool1d(most, PITCHED_FRAMES, 1, PITCHED_FRAMES // 2)
    return ((most - PITCHED_FROM) / (PITCHED - PITCHED_FROM)).clamp(0, 1)


def _median(first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    import torch

    low, high = torch.minimum(first, second), torch.maximum(first, second)
    return torch.maximum(low, torch.minimum(high, third))


def _other_estimate(sound: Tensor, around: Tensor, progress: Progress) -> Tensor:
    """What `bs_roformer_tiny` finds in `sound` between the first and the last whispered frame, on the processor."""
    import torch

    from deepsound.models.whispered_speech import HOP, SAMPLE_RATE
    from deepsound.runtime.execution import Execution
    from deepsound.separate.roformer import BSRoformerTinySeparator

    frames = around.amax(0).nonzero()[:, 0]
    first, last = max(int(frames[0]) * HOP - SAMPLE_RATE, 0), int(frames[-1]) * HOP + SAMPLE_RATE
    separator = BSRoformerTinySeparator(gated=False)
    separator.configure(Execution("cpu", "fp32"))
    silent = Progress(check=progress.check)
    voice = torch.zeros_like(sound)
    for row, mono in enumerate(sound):
        part = Audio(mono[None, first:last], SAMPLE_RATE)
        voice[row, first : first + part.samples] = separator.separate(part, silent).voice.waveform[0]
    return voice

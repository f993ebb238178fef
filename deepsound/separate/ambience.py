"""Room tone: noise shaped like a sound's voice-free frames, where a voice was removed."""

from __future__ import annotations

import torch

from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import release_pages
from deepsound.types import Audio

_FRAME_S = 0.046
# A frame this far below the loudest one of the voice counts as free of it.
_VOICE_FREE_DB = 40.0
_LEAST_S = 0.3
_CHUNK_S = 30.0
# The mean power of noise over its median power: 1 / ln 2.
_MEAN_OF_MEDIAN = 1.4427
_MOST_FRAMES = 4096
_BLOCK = 1024
# Windows at a quarter hop: independent frames of noise, each windowed once more, add up to a quarter of their power.
_OVERLAP_GAIN = 2.0


def add_room_tone(background: torch.Tensor, mix: Audio, voice: Audio, progress: Progress = Progress()) -> None:
    """Raise `background` [channels, samples], in place, to the room tone of `mix` in the frames that hold `voice`.

    The tone is the median spectrum of the frames without voice; where there is less than 0.3 s of them, nothing is
    added, which a note says. Its noise has a fixed seed: the same input gives the same samples.
    """
    size = 1 << round(_FRAME_S * mix.sample_rate).bit_length()
    hop = size // 4
    voiced = _voiced_frames(voice.waveform, size, hop)
    free = (~voiced).nonzero()[:, 0]
    if free.numel() * hop < _LEAST_S * mix.sample_rate:
        progress.note("The ambience is not kept: no stretch without a voice is long enough to take the room tone from.")
        return
    if not voiced.any():
        return
    tone = _tone(mix.waveform, free, size, hop)
    generator = torch.Generator().manual_seed(0)
    frames = max(1, round(_CHUNK_S * mix.sample_rate) // hop)
    for first in range(0, len(voiced), frames):
        progress.check()
        chunk = voiced[first : first + frames]
        if chunk.any():
            _fill(background[:, first * hop : first * hop + len(chunk) * hop], chunk, tone, size, generator)
        release_pages()


def _voiced_frames(voice: torch.Tensor, size: int, hop: int) -> torch.Tensor:
    """Which frames, one for each `hop` samples, hold the voice, bool [frames]; neighbours within a frame count too."""
    count = max(1, -(-voice.shape[1] // hop))
    power = torch.cat([_powers(voice[:, hop * at : hop * (at + _BLOCK)], hop) for at in range(0, count, _BLOCK)])
    loud = power > power.max() * 10 ** (-_VOICE_FREE_DB / 10)
    wide = torch.nn.functional.max_pool1d(loud[None].float(), 2 * (size // hop) + 1, 1, size // hop)
    return wide[0] > 0


def _powers(voice: torch.Tensor, hop: int) -> torch.Tensor:
    """The mean power of each `hop` samples, float32 [frames]; the last one may be shorter."""
    rest = -voice.shape[1] % hop
    squares = torch.nn.functional.pad(voice, (0, rest)).square().mean(dim=0)
    release_pages()
    return squares.reshape(-1, hop).mean(dim=1)


def _tone(mix: torch.Tensor, free: torch.Tensor, size: int, hop: int) -> torch.Tensor:
    """The mean power of the room tone, float32 [channels, bins], from at most 4096 of the voice-free frames."""
    window = torch.hann_window(size)
    chosen = free[:: max(1, len(free) // _MOST_FRAMES)]
    starts = [int(index) * hop for index in chosen if (index + 1) * hop + size <= mix.shape[1]] or [0]
    spectra = []
    for start in starts:
        frame = mix[:, start : start + size]
        frame = torch.nn.functional.pad(frame, (0, size - frame.shape[1]))
        spectra.append(torch.fft.rfft(frame * window).abs().square())
    release_pages()
    return torch.stack(spectra).median(dim=0).values * _MEAN_OF_MEDIAN


def _fill(
    background: torch.Tensor, voiced: torch.Tensor, tone: torch.Tensor, size: int, generator: torch.Generator
) -> None:
    """Add noise with the power that `background` lacks of the tone, in the frames `voiced` [frames], in place."""
    hop, window = size // 4, torch.hann_window(size)
    samples = background.shape[1]
    if samples < size:
        return
    spectrum = torch.stft(background, size, hop, window=window, return_complex=True)
    power = torch.nn.functional.avg_pool1d(spectrum.abs().square().transpose(1, 2), 9, 1, 4, count_include_pad=False)
    lacking = (tone[:, None] - power).clamp_min(0).transpose(1, 2)
    here = torch.nn.functional.pad(voiced, (0, max(0, lacking.shape[2] - len(voiced))))[: lacking.shape[2]]
    noise = torch.randn(lacking.shape, dtype=torch.complex64, generator=generator) * _OVERLAP_GAIN
    filling = torch.istft(noise * lacking.sqrt() * here, size, hop, window=window, length=samples)
    background += filling

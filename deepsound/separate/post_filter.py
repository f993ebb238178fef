"""Wiener post-filter: removes the residue of a voice from what a separator left of it.

The residue is taken to be a share of the estimated voice's power, which only counts above the background's floor (a
low quantile over time, as in minimum statistics). Where nearly nothing but the voice is there, the share grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PostFilterSettings:
    """`residue` is the usual share of the voice's power, `greatest` that of a voice alone.

    A voice is alone where the rest, above its floor, has less than `alone` times its power (`alone_in_silence` where
    the floor is 40 dB under it), entirely at a third of that. The network does not see below `lowest_hz`: the voice
    there is taken to have `low_share` of its power by bin between 150 and 400 Hz. Of a voice alone that holds up to
    150 Hz and for all of it, and its reverberation falls by `decay_db_per_s`. Lengths in samples.
    """

    window: int = 2048
    hop: int = 512
    residue: float = 0.3
    greatest: float = 30.0
    alone: float = 0.1
    alone_in_silence: float = 0.3
    lowest_hz: float = 90.0
    low_share: float = 0.3
    decay_db_per_s: float = 94.0
    floor_quantile: float = 0.1
    # A tenth of the frames of smoothed noise lie below about two thirds of its mean.
    floor_gain: float = 1.5


def remove_residue(
    mix: Tensor, voice: Tensor, sample_rate: int, settings: PostFilterSettings = PostFilterSettings()
) -> Tensor:
    """A better estimate of the voice in `mix` than `voice`, all [B, samples]; silence stays silence."""
    import torch

    size, hop, window = settings.window, settings.hop, torch.hann_window(settings.window)
    # The ends are padded with zeros, so that any length will do.
    whole, estimate = (
        torch.stft(part, size, hop, window=window, pad_mode="constant", return_complex=True) for part in (mix, voice)
    )
    left = whole - estimate
    share = _residue_share(_power(whole), _power(estimate), _power(left), sample_rate, settings)
    return mix - torch.istft(left * (1 - share), size, hop, window=window, length=mix.shape[-1])


def _residue_share(whole: Tensor, voice: Tensor, left: Tensor, rate: int, settings: PostFilterSettings) -> Tensor:
    """How much of the rest is residue of the voice, 0 to 1, of the powers of all three, [B, bins, frames]."""
    import torch

    hz = torch.linspace(0, rate / 2, whole.shape[1])[:, None]
    voice, left = _smooth(voice), _smooth(left).clamp_min(1e-20)
    floor = settings.floor_gain * torch.quantile(_smooth(whole), settings.floor_quantile, dim=2, keepdim=True)
    over_floor = (left - floor).clamp_min(0).sum((1, 2), keepdim=True)
    total = voice.sum((1, 2), keepdim=True).clamp_min(1e-20)
    floor_db = 10 * (floor.sum(1, keepdim=True) * voice.shape[2] / total).clamp_min(1e-20).log10()
    alone = settings.alone + (settings.alone_in_silence - settings.alone) * ((-30 - floor_db) / 10).clamp(0, 1)
    surplus = alone * total / over_floor.clamp_min(1e-20)
    is_alone = ((surplus - 1) / 2).clamp(0, 1)
    speech = voice[:, (hz[:, 0] >= 150) & (hz[:, 0] < 400)].mean(1, keepdim=True)
    usual = torch.where(hz < settings.lowest_hz, torch.maximum(voice, settings.low_share * speech), voice)
    wide = _reverberant(torch.where(hz < 150, torch.maximum(voice, speech), voice), rate, settings)
    removed = (settings.residue * surplus.square()).clamp(settings.residue, settings.greatest)
    share = (removed * torch.lerp(usual, wide, is_alone) / left).clamp_max(1.0)
    return share * (1 - (floor / left).clamp_max(1.0).sqrt())


def _reverberant(voice: Tensor, sample_rate: int, settings: PostFilterSettings) -> Tensor:
    """The power of a voice that falls no faster than a room lets it, [B, bins, frames]."""
    import torch

    falls = settings.decay_db_per_s / 10 * settings.hop / sample_rate * torch.arange(voice.shape[2])
    return 10 ** (torch.cummax(voice.clamp_min(1e-20).log10() + falls, dim=2).values - falls)


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


def _smooth(power: Tensor) -> Tensor:
    """The mean over three bins and five frames around."""
    from torch.nn.functional import avg_pool2d

    return avg_pool2d(power[:, None], (3, 5), stride=1, padding=(1, 2), count_include_pad=False)[:, 0]

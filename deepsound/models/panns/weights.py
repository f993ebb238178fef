"""Cnn14's checkpoint: sizes read from the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from deepsound.models.panns.config import CNN14_16K, Cnn14Config


def config_of(published: Mapping[str, Tensor]) -> Cnn14Config:
    """The network's sizes; ValueError if these are not the weights of Cnn14.

    Rate and hop are no tensors' sizes: those of the 16 kHz edition are taken, whose window of 512 samples tells it from
    the 32 kHz one, which is refused.
    """
    blocks = sorted({name.split(".")[0] for name in published if name.startswith("conv_block")})
    try:
        n_fft = published["spectrogram_extractor.stft.conv_real.weight"].shape[-1]
        n_mels = published["logmel_extractor.melW"].shape[-1]
        width, _ = published["fc1.weight"].shape
        classes = published["fc_audioset.weight"].shape[0]
        channels = tuple(published[f"{block}.conv1.weight"].shape[0] for block in blocks)
    except KeyError as missing:
        raise ValueError(f"these are not the weights of PANNs' Cnn14: {missing} is missing") from missing
    if n_fft != CNN14_16K.n_fft:
        raise ValueError(
            f"these are the weights of a Cnn14 with a window of {n_fft} samples, not of the edition for "
            f"16 kHz, which has {CNN14_16K.n_fft}"
        )
    return replace(CNN14_16K, n_mels=n_mels, channels=channels, width=width, classes=classes)

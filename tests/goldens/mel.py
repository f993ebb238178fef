"""Golden: the log-mel front end against the original's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from deepsound.models.mel import MelConfig, MelSpectrogram
from tests.goldens import logarithms
from tests.goldens.networks import group, tolerance


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    mel = MelSpectrogram(_config(golden["config"]))
    nats = partial(torch.mul, other=math.log(10) if mel.config.log == "log10" else 1.0)
    waveform = group(tensors, "inputs")["waveform"]
    got = {
        "log_mel": mel(waveform),
        "magnitude_frame0": mel.magnitude(waveform)[..., :2],
        "mel_basis": mel.mel_basis,
        "hann_window": mel.window,
    }
    for name, expected in (group(tensors, "outputs") | group(tensors, "weights")).items():
        if name == "log_mel":
            yield from logarithms.compare(name, got[name], expected, tolerance(expected), nats, dim=-2)
        else:
            yield name, got[name], expected, tolerance(expected)


def _config(config: dict[str, Any]) -> MelConfig:
    if config["win_size"] != config["n_fft"]:
        raise ValueError(f"The window is {config['win_size']} samples, not the transform's {config['n_fft']}.")
    return MelConfig(
        sample_rate=config["sampling_rate"],
        n_fft=config["n_fft"],
        hop=config["hop_size"],
        n_mels=config["num_mels"],
        f_min=config["fmin"],
        f_max=config["fmax"],
        log="log10" if config["log"] == "log10" else "natural",
    )

"""Golden: FoleyCrafter's preprocessing, time conditions and spectrogram images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.generate.foleycrafter.frame_sampling import frame_numbers
from deepsound.generate.foleycrafter.preprocess import onset_picture, onset_values
from deepsound.models.foleycrafter.spectrogram import denormalise, normalise
from deepsound.models.foleycrafter.timing import time_condition
from tests.goldens.networks import group, tolerance


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    given = group(tensors, "inputs")
    for name, output in group(tensors, "outputs").items():
        got = _computed(name, given)
        is_choice = name.startswith(("timecond", "frame_idx"))
        yield name, got, output, 0.0 if is_choice else tolerance(output)


def _computed(name: str, given: dict[str, Tensor]) -> Tensor:
    if found := re.fullmatch(r"timecond_d(.+)", name):
        return time_condition(given["onset_prob"], float(found[1]))
    if found := re.fullmatch(r"frame_idx_n(\d+)", name):
        return torch.tensor(frame_numbers(int(found[1])))
    if found := re.fullmatch(r"denorm(\d+)(?:_power(.+))?", name):
        return denormalise(given[f"image{found[1]}"], float(found[2] or 1))
    if found := re.fullmatch(r"norm(?:_power(.+))?", name):
        return normalise(given["logmel"], float(found[1] or 1))
    if name == "frames_model_input":
        pictures = [onset_picture(picture) for picture in given["frames_uint8"].numpy()]
        return onset_values(torch.stack(pictures))
    return torch.empty(0)  # an output of another name fails by its shape

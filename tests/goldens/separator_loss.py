"""Golden: DeepSound-V1's loss (equation 5) on BS-RoFormer against the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.train.losses import PaperLossSettings, paper_loss
from tests.goldens.networks import group, tolerance
from tests.goldens.roformer import load

Row = tuple[str, Any, Any, float]

# float32 sums in another order; norms are sums of squares over whole parameters.
LOSS = 2e-5
GRADIENT_RELATIVE = 1e-4


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    model = load(golden, tensors).train()
    settings = _settings(golden["config"])
    # The rotary frequencies are parameters that do not learn, in the original too.
    parameters = {name: value for name, value in model.named_parameters() if name in golden["gradient_order"]}
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    for index in range(len(golden["lengths"])):
        model.zero_grad(set_to_none=True)
        stems = model(given[f"wave{index}"].float())
        target = given[f"target{index}"].float()
        shaped = stems[:, 0] if stems.shape[1] == 1 else stems
        loss, waveform, spectral = paper_loss(shaped, target[..., : shaped.shape[-1]], settings)
        loss.backward()
        got: dict[str, Tensor] = {"recon": shaped.detach(), "loss": loss.detach()[None]}
        got |= {"waveform_l1": waveform.detach()[None], "spectral_l1_sum": spectral.detach()[None]}
        for name, tensor in got.items():
            wanted = expected[f"{name}{index}"]
            yield f"{name}{index}", tensor, wanted, tolerance(wanted) if name == "recon" else LOSS
        gradients = [parameters[name].grad for name in golden["gradient_order"]]
        norms = torch.stack([torch.zeros(()) if each is None else each.norm() for each in gradients])
        wanted = expected[f"gradient_norms{index}"]
        yield f"gradient_norms{index}", norms, wanted, GRADIENT_RELATIVE * float(wanted.max())
        total = expected[f"gradient_norm_total{index}"]
        yield f"gradient_norm_total{index}", norms.norm()[None], total, GRADIENT_RELATIVE * float(total)


def _settings(config: dict[str, Any]) -> PaperLossSettings:
    return PaperLossSettings(
        tuple(config["multi_stft_resolutions_window_sizes"]),
        config["stft_n_fft"],
        config["multi_stft_hop_size"],
        config["multi_stft_normalized"],
        config["multi_stft_resolution_loss_weight"],
    )

"""Golden: MMAudio's mel VAE against the original's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.vae.config import VaeConfig
from deepsound.models.vae.model import MelVae
from deepsound.models.vae.weights import normalise_weights
from tests.goldens.networks import group, recorded, tolerance

NORMALISED = "weight_norm_removed."


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    vae = MelVae(_config(golden)).eval()
    vae.load_state_dict(normalise_weights(group(tensors, "weights")), strict=True)
    inputs, expected = group(tensors, "inputs"), group(tensors, "outputs")
    with torch.no_grad():
        with recorded(vae, expected) as got:
            got["mel"] = vae.decode(inputs["z"])
            posterior = vae.encode(inputs["mel_in"])
        got |= {
            "posterior_mean": posterior.mean,
            "posterior_logvar": posterior.log_variance,
            "posterior_std": posterior.std,
            "mel_in_normalized": vae.normalise(inputs["mel_in"]),
            "mel_no_unnormalize": vae.decoder(inputs["z"]),
            "moments_no_normalize": vae.encoder(inputs["mel_in"]),
        }
        got |= {
            name: vae.get_submodule(name.removeprefix(NORMALISED)).weight.detach()
            for name in expected
            if name.startswith(NORMALISED)
        }
    for name, output in expected.items():
        yield name, got.get(name), output, tolerance(output)


def _config(golden: dict[str, Any]) -> VaeConfig:
    config, fixed = golden["config"], golden["fixed"]
    return VaeConfig(
        n_mels=config["data_dim"],
        latent_channels=config["embed_dim"],
        base_channels=config["hidden_dim"],
        multipliers=tuple(fixed["ch_mult"]),
        blocks_per_level=fixed["num_res_blocks"],
        halved_after=tuple(fixed["down_layers"]),
        clamp=fixed["clip_act"],
    )

"""UNet, temporal and semantic adapter, in the published keys, against the original's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepsound.models.foleycrafter import diffusion
from deepsound.models.foleycrafter.adapter import SemanticAdapter, attach
from deepsound.models.foleycrafter.weights import adapter_state, embed_dim_of, strip_module_prefix
from tests.goldens.networks import group, tolerance

Row = tuple[str, Any, Any, float]


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    unet = diffusion.unet(golden["config"])
    _fill(unet, group(tensors, "weights/unet"))
    controlnet = diffusion.controlnet(golden["config"])
    _fill(controlnet, strip_module_prefix(group(tensors, "weights/controlnet")))
    latent, time, text = given["latent"], given["timestep"], given["text"]
    got = {"unet_plain": unet(latent, time, text, return_dict=False)[0]}

    down, middle = controlnet(
        latent,
        time,
        encoder_hidden_states=text,
        controlnet_cond=given["control_image"],
        conditioning_scale=golden["conditioning_scale"],
        return_dict=False,
    )
    got |= {f"control_down{number}": output for number, output in enumerate(down)} | {"control_mid": middle}

    groups = {name: group(tensors, f"weights/ip/{name}") for name in ("image_proj", "ip_adapter")}
    state = adapter_state(groups)
    adapter = SemanticAdapter(unet, embed_dim_of(state))
    _fill(adapter, state)
    attach(adapter, unet)
    _scale(unet, golden["ip_scale"])
    image = {"image_embeds": [given["clip_image_embed"]]}
    got["image_tokens"] = _tokens(unet, given["clip_image_embed"], expected["image_tokens"])
    got["unet_ip"] = unet(latent, time, text, added_cond_kwargs=image, return_dict=False)[0]
    got["unet_ip_control"] = unet(
        latent,
        time,
        text,
        added_cond_kwargs=image,
        down_block_additional_residuals=list(down),
        mid_block_additional_residual=middle,
        return_dict=False,
    )[0]
    for name, output in expected.items():
        yield name, got.get(name), output, tolerance(output)


def _fill(network: nn.Module, state: dict[str, Tensor]) -> None:
    network.load_state_dict(state, strict=True)
    network.eval()


def _scale(unet: Any, scale: float) -> None:
    for processor in unet.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = [scale]


def _tokens(unet: Any, embedding: Tensor, like: Tensor) -> Tensor:
    return unet.encoder_hid_proj([embedding])[0].reshape(like.shape)

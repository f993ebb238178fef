"""IP-Adapter (arXiv 2308.06721) with its published keys, attached to diffusers' UNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepsound.models.lazy_imports import library_class

TOKENS = 4
_EMBEDDINGS = "diffusers.models.embeddings"


class SemanticAdapter(nn.Module):
    """What turns an image embedding of `embed_dim` into four more tokens for `unet`'s cross-attentions."""

    def __init__(self, unet: Any, embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.width = width = unet.config.cross_attention_dim
        self.image_proj = nn.ModuleDict({"proj": nn.Linear(embed_dim, TOKENS * width), "norm": nn.LayerNorm(width)})
        # Keys count all attentions in the UNet's own order; every second one looks at the words.
        self.ip_adapter = nn.ModuleDict(
            {
                str(number): _keys_and_values(width, unet.get_submodule(name.removesuffix(".processor")).inner_dim)
                for number, name in enumerate(unet.attn_processors)
                if _is_cross(name)
            }
        )


def attach(adapter: SemanticAdapter, unet: Any) -> None:
    """Give `unet` the adapter's layers, as diffusers' own loading of an IP-Adapter does, with its scale at 1."""
    unet.set_attn_processor(
        {
            name: _processor(adapter.ip_adapter[str(number)]) if _is_cross(name) else processor
            for number, (name, processor) in enumerate(unet.attn_processors.items())
        }
    )
    unet.encoder_hid_proj = library_class(_EMBEDDINGS, "MultiIPAdapterImageProjection")([_projection(adapter)])
    unet.config.encoder_hid_dim_type = "ip_image_proj"


def _projection(adapter: SemanticAdapter) -> nn.Module:
    kind = library_class(_EMBEDDINGS, "ImageProjection")
    with torch.device("meta"):
        projection = kind(adapter.embed_dim, adapter.width, TOKENS)
    projection.image_embeds, projection.norm = adapter.image_proj["proj"], adapter.image_proj["norm"]
    return projection


def _processor(layers: nn.Module) -> nn.Module:
    kind = library_class("diffusers.models.attention_processor", "IPAdapterAttnProcessor2_0")
    keys, values = layers.get_submodule("to_k_ip"), layers.get_submodule("to_v_ip")
    with torch.device("meta"):
        processor = kind(keys.out_features, keys.in_features, num_tokens=(TOKENS,), scale=1.0)
    processor.to_k_ip, processor.to_v_ip = nn.ModuleList([keys]), nn.ModuleList([values])
    return processor


def _keys_and_values(width: int, inner: int) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(width, inner, bias=False) for name in ("to_k_ip", "to_v_ip")})


def _is_cross(name: str) -> bool:
    return name.endswith("attn2.processor")

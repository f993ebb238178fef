"""CLIP in plain torch, with the parameter names of open_clip's checkpoints.

open_clip itself is not asked for: it brings a dozen packages with demands of their own on torch, torchvision and
huggingface_hub, which a host like ComfyUI has already settled, and of all of it two transformers are needed here. It
would also have to be patched, as the text side is used without its pooling.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.clip.config import DFN5B_VIT_H_14_384, ClipConfig
from deepsound.models.clip.layers import ClipTransformer


class VisionTower(nn.Module):
    """Normalised pictures [B, 3, height, width] -> embeddings [B, embed_dim], not of unit length.

    Pixels beyond the last whole patch at the right and the bottom are not seen.
    """

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        vision = config.vision
        self.conv1 = nn.Conv2d(3, vision.width, vision.patch_size, stride=vision.patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(vision.width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + vision.patches, vision.width))
        self.ln_pre = nn.LayerNorm(vision.width)
        self.transformer = ClipTransformer(
            vision.width, vision.layers, vision.width // vision.head_width, vision.mlp_ratio, config.quick_gelu
        )
        self.ln_post = nn.LayerNorm(vision.width)
        self.proj = nn.Parameter(torch.zeros(vision.width, config.embed_dim))

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.conv1(pictures).flatten(2).transpose(1, 2)
        class_token = self.class_embedding.expand(patches.shape[0], 1, -1)
        tokens = torch.cat((class_token, patches), dim=1) + self.positional_embedding
        tokens = self.transformer(self.ln_pre(tokens), keep=1)
        return self.ln_post(tokens[:, 0]) @ self.proj


class CLIP(nn.Module):
    """Image features for whole frames and text features for every token.

    Without `images` it is the text tower alone. `text_projection` and `logit_scale` are in the published file and
    part of its contract; nothing here uses them.
    """

    def __init__(self, config: ClipConfig = DFN5B_VIT_H_14_384, images: bool = True) -> None:
        super().__init__()
        self.config = config
        text = config.text
        if images:
            self.visual = VisionTower(config)
        self.transformer = ClipTransformer(text.width, text.layers, text.heads, text.mlp_ratio, config.quick_gelu)
        self.token_embedding = nn.Embedding(text.vocab_size, text.width)
        self.positional_embedding = nn.Parameter(torch.zeros(text.context_length, text.width))
        self.ln_final = nn.LayerNorm(text.width)
        self.text_projection = nn.Parameter(torch.zeros(text.width, config.embed_dim))
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def normalize(self, frames: Tensor) -> Tensor:
        """Frames [B, 3, height, width] in [0, 1], as the image tower wants them."""
        mean = torch.tensor(self.config.mean, dtype=frames.dtype, device=frames.device)
        std = torch.tensor(self.config.std, dtype=frames.dtype, device=frames.device)
        return (frames - mean[:, None, None]) / std[:, None, None]

    def encode_image(self, frames: Tensor) -> Tensor:
        """Unit-length features [B, embed_dim] of frames [B, 3, height, width] in [0, 1].

        Height and width hold as many whole patches as `image_size` does; 384 pixels and the trained 378 both give 27.
        """
        return F.normalize(self.visual(self.normalize(frames)), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Unit-length features [B, context_length, width] of each token id, padding included.

        Neither pooled at the end of the text nor projected: the sound network reads all of them.
        """
        embedded = self.token_embedding(tokens) + self.positional_embedding
        return F.normalize(self.ln_final(self.transformer(embedded, causal=True)), dim=-1)

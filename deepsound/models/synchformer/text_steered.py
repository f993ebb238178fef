"""SelVA's video encoder (TextSynch): Synchformer with cross-attention to a text.

arXiv 2512.02650 (CVPR 2026), original project jnwnlee/selva, `TextSynch`. The trunk and the aggregation are
Synchformer's; between them stand cross-attention blocks over the states of a FLAN-T5 encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.synchformer.config import SYNCHFORMER, SynchformerConfig
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.weights import config_of as trunk_config_of

MLP_MULTIPLE = 256
CROSS_BLOCKS = "synch_text_cross_blocks."


@dataclass(frozen=True)
class TextSteeredConfig:
    """Synchformer's sizes, and those of the text branch; the defaults are the published checkpoint's."""

    trunk: SynchformerConfig = field(default=SYNCHFORMER)
    text_width: int = 768
    supplementary_tokens: int = 5
    cross_blocks: int = 1
    cross_norm_eps: float = 1e-5

    @property
    def mlp_width(self) -> int:
        """Inner width of the gated networks: two thirds of four widths, rounded up to a multiple of 256."""
        return -(-int(2 * 4 * self.trunk.width / 3) // MLP_MULTIPLE) * MLP_MULTIPLE


class TextTokens(NamedTuple):
    """Projected text tokens [B, length, width], and a mask [B, length] that is true at real ones."""

    tokens: Tensor
    mask: Tensor


class SwiGluMlp(nn.Module):
    """SwiGLU: w2(silu(w1 x) * w3 x), without biases."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(tokens)) * self.w3(tokens))


class CrossAttention(nn.Module):
    """Video tokens attend to text tokens; keys and values lie interleaved in the published projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.kv_proj = nn.Linear(width, 2 * width)
        # No eps, as in MMAudio: the machine epsilon of the dtype.
        self.q_norm = nn.RMSNorm(width // heads)
        self.k_norm = nn.RMSNorm(width // heads)

    def forward(self, video: Tensor, text: TextTokens) -> Tensor:
        """[B, queries, width] for video tokens [B, queries, width]."""
        query = self.q_norm(self.q_proj(video).unflatten(-1, (self.heads, -1))).transpose(1, 2)
        key, value = self.kv_proj(text.tokens).unflatten(-1, (self.heads, -1, 2)).transpose(1, 2).unbind(-1)
        mask = text.mask[:, None, None, :]
        attended = F.scaled_dot_product_attention(query, self.k_norm(key), value, attn_mask=mask)
        return attended.transpose(1, 2).flatten(2)


class CrossBlock(nn.Module):
    """Cross attention, then a gated network; the first LayerNorm stands after the projection, as published."""

    def __init__(self, config: TextSteeredConfig) -> None:
        super().__init__()
        width = config.trunk.width
        self.norm1 = nn.LayerNorm(width, eps=config.cross_norm_eps)
        self.attn = CrossAttention(width, config.trunk.heads)
        self.linear1 = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=config.cross_norm_eps)
        self.ffn = SwiGluMlp(width, config.mlp_width)

    def forward(self, video: Tensor, text: TextTokens) -> Tensor:
        video = video + self.norm1(self.linear1(self.attn(video, text)))
        return video + self.ffn(self.norm2(video))


class TextSteeredSynchformer(Synchformer):
    """Synchformer's visual encoder under SelVA's published names, steered by a text.

    `tokens` is the costly part (90 % of the operations) and does not depend on the text: keep it, and another text
    costs `steer` alone.
    """

    def __init__(self, config: TextSteeredConfig = TextSteeredConfig()) -> None:
        super().__init__(config.trunk)
        self.text_config = config
        width = config.trunk.width
        self.sup_text_feat = (
            nn.Parameter(torch.zeros(config.supplementary_tokens, config.text_width))
            if config.supplementary_tokens
            else None
        )
        # Stands for "no text" when conditions are dropped in training; an empty prompt is really encoded.
        self.empty_string_feat = nn.Parameter(torch.zeros(1, config.text_width))
        self.text_proj = nn.Sequential(
            nn.Linear(config.text_width, width), nn.SiLU(), SwiGluMlp(width, config.mlp_width)
        )
        self.synch_text_cross_blocks = nn.ModuleList(CrossBlock(config) for _ in range(config.cross_blocks))

    def with_supplement(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder states [B, length, text_width] and mask [B, length], the learnt tokens put in front of both."""
        if self.sup_text_feat is None:
            return states, mask.bool()
        supplement = self.sup_text_feat.expand(len(states), -1, -1)
        ones = mask.new_ones(len(mask), supplement.shape[1])
        return torch.cat((supplement.to(states), states), dim=1), torch.cat((ones, mask), dim=1).bool()

    def project_text(self, states: Tensor, mask: Tensor) -> TextTokens:
        """The text as the cross blocks take it; once per text, whatever the number of segments."""
        states, mask = self.with_supplement(states, mask)
        return TextTokens(self.text_proj(states), mask)

    def tokens(self, segments: Tensor) -> Tensor:
        """Trunk tokens [B, segments, time_steps * patches, width] of embedded segments, as `segments` gives them."""
        return self.vfeat_extractor.tokens(segments.flatten(0, 1)).unflatten(0, segments.shape[:2])

    def steer(self, tokens: Tensor, text: TextTokens) -> Tensor:
        """Features [B, segments * time_steps, width] of trunk tokens; segments attend to the text each for itself."""
        batch, segments = tokens.shape[:2]
        repeated = TextTokens(*(part.repeat_interleave(segments, dim=0) for part in text))
        video = tokens.flatten(0, 1)
        for block in self.synch_text_cross_blocks:
            video = block(video, repeated)
        return self.vfeat_extractor.aggregate(video).unflatten(0, (batch, segments)).flatten(1, 2)

    def forward(self, video: Tensor, states: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Features [B, segments * time_steps, width] of a video [B, frames, 3, size, size] in [-1, 1]."""
        return self.steer(self.tokens(self.segments(video)), self.project_text(states, mask))


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `TextSteeredSynchformer.load_state_dict` takes, strictly; other prefixes are left out."""
    known = ("vfeat_extractor.", "text_proj.", CROSS_BLOCKS, "sup_text_feat", "empty_string_feat")
    return {name: tensor for name, tensor in published.items() if name.startswith(known)}


def config_of(published: Mapping[str, Tensor]) -> TextSteeredConfig:
    """The sizes, read from the tensors; ValueError if these are not the weights of SelVA's video encoder."""
    trunk = trunk_config_of(published)
    if "text_proj.0.weight" not in published:
        raise ValueError("these are not the weights of SelVA's video encoder: text_proj.0.weight is missing")
    supplement = published.get("sup_text_feat")
    return TextSteeredConfig(
        trunk=trunk,
        text_width=int(published["text_proj.0.weight"].shape[1]),
        supplementary_tokens=0 if supplement is None else len(supplement),
        cross_blocks=len({name.split(".")[1] for name in published if name.startswith(CROSS_BLOCKS)}),
    )

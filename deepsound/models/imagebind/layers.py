"""Transformer layers of ImageBind's encoders (arXiv 2305.05665)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.mlp import Mlp
from deepsound.models.packed_attention import PackedAttention


class LearntKeyAttention(PackedAttention):
    """Attention over one key and value more than there are tokens: learnt ones, the same for every input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.bias_k = nn.Parameter(torch.zeros(1, 1, width))
        self.bias_v = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, queries: Tensor, context: Tensor, causal: bool = False) -> Tensor:
        """[B, Q, width] over [B, K, width]; there is no causal order here, and `causal` is refused."""
        if causal:
            raise ValueError("tokens with a learnt key beside them have no order")
        width = queries.shape[-1]
        query = F.linear(queries, self.in_proj_weight[:width], self.in_proj_bias[:width])
        key, value = F.linear(context, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(2, dim=-1)
        key, value = (
            torch.cat((tokens, learnt.expand(len(tokens), -1, -1)), dim=1)
            for tokens, learnt in ((key, self.bias_k), (value, self.bias_v))
        )
        attended = F.scaled_dot_product_attention(self._by_head(query), self._by_head(key), self._by_head(value))
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class ImageBindBlock(nn.Module):
    """Pre-norm transformer block; `learnt_key` adds a learnt key and value to the attention (the audio tower's)."""

    def __init__(self, width: int, heads: int, mlp_width: int, norm_eps: float, learnt_key: bool) -> None:
        super().__init__()
        self.attn = LearntKeyAttention(width, heads) if learnt_key else PackedAttention(width, heads)
        self.norm_1 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, mlp_width)
        self.norm_2 = nn.LayerNorm(width, eps=norm_eps)

    def forward(self, tokens: Tensor, keep: int | None = None, causal: bool = False) -> Tensor:
        """[B, tokens, width]; with `keep` only the first so many tokens come out, and only they are computed."""
        context = self.norm_1(tokens)
        tokens = tokens[:, :keep] + self.attn(context[:, :keep], context, causal)
        return tokens + self.mlp(self.norm_2(tokens))


class Trunk(nn.Module):
    """The blocks; the vision tower's tokens are normalised before the first, the audio tower's are not."""

    def __init__(
        self, width: int, depth: int, heads: int, mlp_width: int, norm_eps: float, first_norm: bool, learnt_key: bool
    ) -> None:
        super().__init__()
        self.pre_transformer_layer = nn.Sequential(nn.LayerNorm(width, eps=norm_eps) if first_norm else nn.Identity())
        self.blocks = nn.ModuleList(ImageBindBlock(width, heads, mlp_width, norm_eps, learnt_key) for _ in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        """The first token [B, 1, width] of [B, tokens, width]: nothing else is read after the last block."""
        tokens = self.pre_transformer_layer(tokens)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, keep=1 if index == last else None)
        return tokens


class CausalTrunk(nn.Module):
    """The text tower's blocks: every token sees itself and what is before it; nothing is normalised first."""

    def __init__(self, width: int, depth: int, heads: int, mlp_width: int, norm_eps: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ImageBindBlock(width, heads, mlp_width, norm_eps, False) for _ in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, tokens, width], all of them: which one is read depends on the text."""
        for block in self.blocks:
            tokens = block(tokens, causal=True)
        return tokens


class LearntPositions(nn.Module):
    """Learnt position embeddings [1, tokens, width]."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))


class Stem(nn.Module):
    """Patches by a convolution, flattened to tokens [B, patches, width]; `norm` is None where there is none."""

    def __init__(self, proj: nn.Module, norm: nn.LayerNorm | None = None) -> None:
        super().__init__()
        self.proj = proj
        self.norm_layer = norm

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.proj(x).flatten(2).mT
        return tokens if self.norm_layer is None else self.norm_layer(tokens)


class Preprocessor(nn.Module):
    """Input -> tokens with their positions, a class token first: [B, 1 + patches, width]."""

    def __init__(self, stem: Stem, patches: int, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.rgbt_stem = stem
        self.pos_embedding_helper = LearntPositions(1 + patches, width)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.rgbt_stem(x)
        tokens = torch.cat((self.cls_token.expand(len(patches), -1, -1), patches), dim=1)
        return tokens + self.pos_embedding_helper.pos_embed


class TextPreprocessor(nn.Module):
    """Ids -> tokens with their positions [B, tokens, width].

    `mask` is the causal mask of the published file; attention computes it by itself.
    """

    mask: Tensor

    def __init__(self, vocab_size: int, context_length: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, context_length, width))
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.register_buffer("mask", torch.full((context_length, context_length), float("-inf")).triu(1))

    def forward(self, ids: Tensor) -> Tensor:
        return self.token_embedding(ids) + self.pos_embed


class TextHead(nn.Module):
    """The token at the first place of the highest id, which is the end mark, normalised and projected."""

    def __init__(self, width: int, embed_dim: int, norm_eps: float) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.LayerNorm(width, eps=norm_eps), nn.Linear(width, embed_dim, bias=False))

    def forward(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """[B, embed_dim] of tokens [B, tokens, width] and their ids [B, tokens]."""
        ends = ids.argmax(dim=-1)
        return self.proj(tokens[torch.arange(len(tokens), device=tokens.device), ends])


class LogitScale(nn.Module):
    """Unit length times a published factor, never above 100."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_logit_scale", torch.zeros(()))

    log_logit_scale: Tensor

    def forward(self, embeddings: Tensor) -> Tensor:
        return embeddings * self.log_logit_scale.exp().clamp(max=100.0)

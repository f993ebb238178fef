"""Joint blocks (latents, CLIP tokens and text in one attention), fused blocks (latents alone) and the last layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepsound.models.mmaudio.attention import HeadProjection, attention
from deepsound.models.mmaudio.config import FlowConfig
from deepsound.models.mmaudio.convolution import ChannelLastConv1d
from deepsound.models.mmaudio.layers import modulate
from deepsound.models.mmaudio.linear import Linear
from deepsound.models.mmaudio.mlp import GatedConvMlp, GatedMlp


class Streams(NamedTuple):
    """The three sequences of a joint block, [B, length, width] each."""

    latent: Tensor
    clip: Tensor
    text: Tensor


class Guide(NamedTuple):
    """What modulates a stream: distinct `vectors` [R, width], and `rows` [B, length], the vector at each position.

    Timed conditions are up-sampled by repetition, so modulation, a large linear map, has fewer vectors to do than
    there are positions. `rows` [B, 1] is one vector for a whole sequence.
    """

    vectors: Tensor
    rows: Tensor


class Modulation(nn.Sequential):
    """`parts` shifts, scales and gates from a guide, each [B, length or 1, width]."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__(nn.SiLU(), Linear(width, parts * width))
        self.parts = parts

    def forward(self, guide: Guide) -> tuple[Tensor, ...]:
        return super().forward(guide.vectors)[guide.rows].chunk(self.parts, dim=-1)


class Stream(nn.Module):
    """One sequence's share of a block: `convolved` along its length, or each token by itself.

    One that `ends` is attended to a last time and is not computed further.
    """

    def __init__(self, config: FlowConfig, convolved: bool = True, ends: bool = False) -> None:
        super().__init__()
        width = config.hidden_dim
        self.attn = HeadProjection(width, config.num_heads)
        self.adaLN_modulation = Modulation(width, parts=2 if ends else 6)
        if not ends:
            self.linear1 = ChannelLastConv1d(width, width, kernel_size=3) if convolved else Linear(width, width)
            self.ffn = GatedConvMlp(width, config.mlp_dim) if convolved else GatedMlp(width, config.mlp_dim)

    def finish(self, sequence: Tensor, attended: Tensor, modulation: Sequence[Tensor]) -> Tensor:
        """`sequence` [B, length, width] with what it attended to, and its MLP, added."""
        _, _, gate, mlp_shift, mlp_scale, mlp_gate = modulation
        sequence = torch.addcmul(sequence, self.linear1(attended), gate)
        return torch.addcmul(sequence, self.ffn(modulate(sequence, mlp_shift, mlp_scale)), mlp_gate)


class JointBlock(nn.Module):
    """One attention over all three streams; in the `last` block only the latents attend, and the others pass as is."""

    def __init__(self, config: FlowConfig, last: bool) -> None:
        super().__init__()
        self.last = last
        self.latent_block = Stream(config)
        self.clip_block = Stream(config, ends=last)
        self.text_block = Stream(config, convolved=False, ends=last)

    def forward(self, streams: Streams, guides: Sequence[Guide], positions: Sequence[Tensor | None]) -> Streams:
        blocks = (self.latent_block, self.clip_block, self.text_block)
        modulations = [block.adaLN_modulation(guide) for block, guide in zip(blocks, guides, strict=True)]
        projected = [
            block.attn(modulate(stream, *modulation[:2]), at)
            for block, stream, modulation, at in zip(blocks, streams, modulations, positions, strict=True)
        ]
        attending = streams[:1] if self.last else streams
        attended = attention(
            torch.cat([heads.query for heads in projected[: len(attending)]], dim=2),
            torch.cat([heads.key for heads in projected], dim=2),
            torch.cat([heads.value for heads in projected], dim=2),
        )
        shares = attended.split([stream.shape[1] for stream in attending], dim=1)
        # Ends with the shortest: streams that do not attend have no share.
        finished = [block.finish(*share) for block, *share in zip(blocks, streams, shares, modulations, strict=False)]
        return Streams(*finished, *streams[len(attending) :])


class MMDitSingleBlock(Stream):
    """Latents attending to themselves."""

    def forward(self, latent: Tensor, guide: Guide, positions: Tensor) -> Tensor:
        modulation = self.adaLN_modulation(guide)
        heads = self.attn(modulate(latent, *modulation[:2]), positions)
        return self.finish(latent, attention(*heads), modulation)


class FinalLayer(nn.Module):
    """From the last block to velocities [B, length, latent_dim]."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.adaLN_modulation = Modulation(config.hidden_dim, parts=2)
        self.conv = ChannelLastConv1d(config.hidden_dim, config.latent_dim, kernel_size=7)

    def forward(self, latent: Tensor, guide: Guide) -> Tensor:
        return self.conv(modulate(latent, *self.adaLN_modulation(guide)))

"""MMDiT blocks: joint attention over three modalities, single blocks, final AdaLN block.

Original: hkchengrex/MMAudio, `transformer_layers.py` (JointBlock, MMDitSingleBlock, FinalBlock).
"""

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


class ModalityStreams(NamedTuple):
    """The three sequences of a joint block, [B, length, width] each."""

    latent: Tensor
    clip: Tensor
    text: Tensor


class ModulationVectors(NamedTuple):
    """AdaLN conditioning: distinct `vectors` [R, width], and `rows` [B, length], the vector of each position.

    The original's `global_c` (`rows` [B, 1]) and `extended_c`. The latter is up-sampled by repetition, so the
    modulation, a large linear map, is computed once per distinct vector.
    """

    vectors: Tensor
    rows: Tensor


class Modulation(nn.Sequential):
    """`parts` shifts, scales and gates of adaptive layer norm (AdaLN), each [B, length or 1, width]."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__(nn.SiLU(), Linear(width, parts * width))
        self.parts = parts

    def forward(self, vectors: ModulationVectors) -> tuple[Tensor, ...]:
        return super().forward(vectors.vectors)[vectors.rows].chunk(self.parts, dim=-1)


class ModalityBlock(nn.Module):
    """One modality's half of an MMDiT block; with `convolved` its linear maps are convolutions along time.

    One that `ends` (the original's `pre_only`) is attended to a last time and is not computed further.
    """

    def __init__(self, config: FlowConfig, linear_as_convolution: bool = True, ends: bool = False) -> None:
        super().__init__()
        width = config.hidden_dim
        self.attn = HeadProjection(width, config.num_heads)
        self.adaLN_modulation = Modulation(width, parts=2 if ends else 6)
        if not ends:
            self.linear1 = (
                ChannelLastConv1d(width, width, kernel_size=3) if linear_as_convolution else Linear(width, width)
            )
            self.ffn = GatedConvMlp(width, config.mlp_dim) if linear_as_convolution else GatedMlp(width, config.mlp_dim)

    def post_attention(self, sequence: Tensor, attention_output: Tensor, modulation: Sequence[Tensor]) -> Tensor:
        """`sequence` [B, length, width] with the gated attention output and the gated MLP added."""
        _, _, gate, mlp_shift, mlp_scale, mlp_gate = modulation
        sequence = torch.addcmul(sequence, self.linear1(attention_output), gate)
        return torch.addcmul(sequence, self.ffn(modulate(sequence, mlp_shift, mlp_scale)), mlp_gate)


class JointBlock(nn.Module):
    """One attention over all three streams; in the `last` block only the latents attend, and the others pass as is."""

    def __init__(self, config: FlowConfig, last: bool) -> None:
        super().__init__()
        self.last = last
        self.latent_block = ModalityBlock(config)
        self.clip_block = ModalityBlock(config, ends=last)
        self.text_block = ModalityBlock(config, linear_as_convolution=False, ends=last)

    def forward(
        self,
        streams: ModalityStreams,
        modulation_vectors: Sequence[ModulationVectors],
        rotations: Sequence[Tensor | None],
    ) -> ModalityStreams:
        blocks = (self.latent_block, self.clip_block, self.text_block)
        modulations = [
            block.adaLN_modulation(vectors) for block, vectors in zip(blocks, modulation_vectors, strict=True)
        ]
        inputs = [
            block.attn(modulate(stream, *modulation[:2]), at)
            for block, stream, modulation, at in zip(blocks, streams, modulations, rotations, strict=True)
        ]
        attending = streams[:1] if self.last else streams
        attention_output = attention(
            torch.cat([heads.query for heads in inputs[: len(attending)]], dim=2),
            torch.cat([heads.key for heads in inputs], dim=2),
            torch.cat([heads.value for heads in inputs], dim=2),
        )
        shares = attention_output.split([stream.shape[1] for stream in attending], dim=1)
        # Ends with the shortest: streams that do not attend have no share.
        outputs = [
            block.post_attention(*share) for block, *share in zip(blocks, streams, shares, modulations, strict=False)
        ]
        return ModalityStreams(*outputs, *streams[len(attending) :])


class MMDitSingleBlock(ModalityBlock):
    """Latents attending to themselves."""

    def forward(self, latent: Tensor, vectors: ModulationVectors, rotations: Tensor) -> Tensor:
        modulation = self.adaLN_modulation(vectors)
        heads = self.attn(modulate(latent, *modulation[:2]), rotations)
        return self.post_attention(latent, attention(*heads), modulation)


class FinalBlock(nn.Module):
    """From the last block to velocities [B, length, latent_dim]."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.adaLN_modulation = Modulation(config.hidden_dim, parts=2)
        self.conv = ChannelLastConv1d(config.hidden_dim, config.latent_dim, kernel_size=7)

    def forward(self, latent: Tensor, vectors: ModulationVectors) -> Tensor:
        return self.conv(modulate(latent, *self.adaLN_modulation(vectors)))

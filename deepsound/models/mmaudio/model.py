"""MMAudio's flow-matching transformer (MMDiT): predicts the velocity of the latents.

arXiv 2412.15322, section 3; original: hkchengrex/MMAudio, `networks.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from deepsound.models.mmaudio.attention import compute_rope_rotations
from deepsound.models.mmaudio.blocks import FinalBlock, JointBlock, MMDitSingleBlock, ModalityStreams, ModulationVectors
from deepsound.models.mmaudio.conditions import PreprocessedConditions, distinct_empty_rows, nearest_exact_indices
from deepsound.models.mmaudio.config import FlowConfig
from deepsound.models.mmaudio.convolution import ChannelLastConv1d
from deepsound.models.mmaudio.layers import TimestepEmbedder
from deepsound.models.mmaudio.lengths import FEATURES_PER_SEGMENT, SequenceLengths
from deepsound.models.mmaudio.masking import ConditionMask
from deepsound.models.mmaudio.mlp import GatedConvMlp, GatedMlp
from deepsound.models.mmaudio.tensor_cache import DerivedTensorCache


class MMAudio(nn.Module):
    """MMAudio's flow network. `preprocess_conditions` once per sound, then `forward` once per step.

    It knows no lengths of its own: every call takes those of its inputs.
    """

    empty_string_feat: Tensor
    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self._derived = DerivedTensorCache()
        self._add_learned_inputs()
        self._add_projections()
        width = config.hidden_dim
        self.t_embed = TimestepEmbedder(config.time_features, config.time_scale, width)
        self.joint_blocks = nn.ModuleList(
            JointBlock(config, last=index == config.joint_depth - 1) for index in range(config.joint_depth)
        )
        self.fused_blocks = nn.ModuleList(MMDitSingleBlock(config) for _ in range(config.fused_depth))
        self.final_layer = FinalBlock(config)

    def _add_learned_inputs(self) -> None:
        config = self.config
        self.sync_pos_emb = nn.Parameter(torch.zeros(1, 1, FEATURES_PER_SEGMENT, config.sync_dim))
        self.empty_clip_feat = nn.Parameter(torch.zeros(1, config.clip_dim))
        self.empty_sync_feat = nn.Parameter(torch.zeros(1, config.sync_dim))
        self.register_buffer("empty_string_feat", torch.zeros(config.text_seq_len, config.text_dim))
        # Not a number until loaded: zeros would pass for statistics.
        self.register_buffer("latent_mean", torch.full((1, 1, config.latent_dim), float("nan")))
        self.register_buffer("latent_std", torch.full((1, 1, config.latent_dim), float("nan")))

    def _add_projections(self) -> None:
        config, width, inner = self.config, self.config.hidden_dim, self.config.mlp_dim
        activation = nn.SiLU if config.v2 else nn.SELU
        between = [nn.SiLU()] if config.v2 else []
        self.audio_input_proj = nn.Sequential(
            ChannelLastConv1d(config.latent_dim, width, kernel_size=7),
            activation(),
            GatedConvMlp(width, inner, kernel_size=7),
        )
        self.clip_input_proj = nn.Sequential(nn.Linear(config.clip_dim, width), *between, GatedConvMlp(width, inner))
        self.sync_input_proj = nn.Sequential(
            ChannelLastConv1d(config.sync_dim, width, kernel_size=7), activation(), GatedConvMlp(width, inner)
        )
        self.text_input_proj = nn.Sequential(nn.Linear(config.text_dim, width), *between, GatedMlp(width, inner))
        self.clip_cond_proj = nn.Linear(width, width)
        self.text_cond_proj = nn.Linear(width, width)
        self.global_cond_mlp = GatedMlp(width, inner)

    def preprocess_conditions(
        self,
        lengths: SequenceLengths,
        clip: Tensor | None = None,
        sync: Tensor | None = None,
        text: Tensor | None = None,
        batch: int = 1,
        masked: ConditionMask | None = None,
    ) -> PreprocessedConditions:
        """Project what is known of `batch` sounds; the learned empty features stand for what is None.

        `clip` [batch, lengths.clip, clip_dim], `sync` [batch, lengths.sync, sync_dim], `text` [batch, text_seq_len,
        text_dim]; rows that `masked` names become the learned empty ones. ValueError where a shape is another.
        """
        config = self.config
        visible_tokens: slice | Tensor = slice(None)
        if masked is not None and not masked.is_empty:
            clip, sync = self._mask_features(clip, masked.clip, "clip"), self._mask_features(sync, masked.sync, "sync")
            # The summary averages what is still seen: a face that is masked must not lead through it.
            visible_tokens = slice(None) if masked.clip.all() else ~masked.clip
        distinct, place = lengths.sync, torch.arange(lengths.sync, device="cpu")
        if sync is None:
            distinct, place = distinct_empty_rows(lengths.sync)
        clip = self._project("clip", clip, (batch, lengths.clip, config.clip_dim))
        text = self._project("text", text, (batch, config.text_seq_len, config.text_dim))
        timing = self._project("sync", sync, (batch, distinct, config.sync_dim))
        summary = self.global_cond_mlp(
            self.clip_cond_proj(clip[:, visible_tokens].mean(dim=1)) + self.text_cond_proj(text.mean(dim=1))
        )
        entries = torch.arange(batch, device=timing.device)
        rows = place[nearest_exact_indices(lengths.sync, lengths.latent)].to(timing.device)
        return PreprocessedConditions(
            clip,
            text,
            summary,
            timing.flatten(0, 1),
            entry=entries.repeat_interleave(distinct),
            rows=rows + entries[:, None] * distinct,
        )

    def _mask_features(self, features: Tensor | None, rows: Tensor, kind: str) -> Tensor | None:
        """`features` with masked rows replaced by the learned empty feature; None if nothing is left."""
        if features is None or bool(rows.all()):
            return None
        if rows.shape != features.shape[1:2]:
            raise ValueError(f"a {kind} mask of {len(rows)} rows where the features have {features.shape[1]}")
        empty: Tensor = getattr(self, f"empty_{kind}_feat")
        return torch.where(rows.to(features.device)[None, :, None], empty.to(features.dtype), features)

    def _project(self, kind: str, features: Tensor | None, shape: tuple[int, int, int]) -> Tensor:
        """Projected `features` of `shape`, or the learned empty ones for None; those are computed once per length."""
        batch, length, _ = shape
        project: nn.Module = getattr(self, f"{kind}_input_proj")
        if features is not None:
            _require_shape(kind, features, shape)
            return project(self._add_sync_positions(features) if kind == "sync" else features)
        learned: Tensor = self.empty_string_feat if kind == "text" else getattr(self, f"empty_{kind}_feat")

        def compute() -> Tensor:
            empty = learned.expand(1, length, -1)
            return project(self._add_sync_positions(empty) if kind == "sync" else empty)

        sources = (learned, self.sync_pos_emb, *project.parameters())
        return self._derived.get((kind, length), sources, compute).expand(batch, -1, -1)

    def _add_sync_positions(self, sync: Tensor) -> Tensor:
        """`sync` features plus their position embedding within a segment."""
        return (sync.unflatten(1, (-1, FEATURES_PER_SEGMENT)) + self.sync_pos_emb).flatten(1, 2)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> MMAudio:
        self._derived.clear()
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self._derived.clear()
        super()._load_from_state_dict(*arguments)

    def forward(self, latent: Tensor, time: Tensor, conditions: PreprocessedConditions) -> Tensor:
        """Velocity [conditions.batch, L, latent_dim] of `latent` [B, L, latent_dim] at `time` [] or [B] from 0 to 1.

        With conditions for a multiple of B, as guidance has them, the latents serve each B of them in turn.
        ValueError where they do not fit each other.
        """
        batch = latent.shape[0]
        if conditions.batch % batch or latent.shape[1] != conditions.latents:
            raise ValueError(
                f"{batch} x {latent.shape[1]} latents do not fit conditions for "
                f"{conditions.batch} x {conditions.latents}"
            )
        copies = conditions.batch // batch
        time_embedding = self.t_embed(time.to(latent.dtype).expand(batch)).repeat(copies, 1)
        vectors = time_embedding + conditions.summary
        global_c = ModulationVectors(vectors, torch.arange(conditions.batch, device=vectors.device)[:, None])
        extended_c = ModulationVectors(vectors[conditions.entry] + conditions.timing, conditions.rows)
        hidden = self._blocks(self.audio_input_proj(latent).repeat(copies, 1, 1), conditions, extended_c, global_c)
        # The last layer was trained without the timed condition.
        return self.final_layer(hidden, global_c)

    def _blocks(
        self,
        latent: Tensor,
        conditions: PreprocessedConditions,
        extended_c: ModulationVectors,
        global_c: ModulationVectors,
    ) -> Tensor:
        length, tokens, head_dim = latent.shape[1], conditions.clip.shape[1], self.config.head_dim
        latent_rotations = compute_rope_rotations(length, head_dim, 1.0, latent.device)
        # CLIP tokens are farther apart in time than latents, by this ratio.
        clip_rotations = compute_rope_rotations(tokens, head_dim, length / tokens, latent.device)
        streams = ModalityStreams(latent, conditions.clip, conditions.text)
        for block in self.joint_blocks:
            streams = block(streams, (extended_c, global_c, global_c), (latent_rotations, clip_rotations, None))
        latent = streams.latent
        for block in self.fused_blocks:
            latent = block(latent, extended_c, latent_rotations)
        return latent

    def normalise(self, latent: Tensor) -> Tensor:
        """The autoencoder's latents [B, L, latent_dim] in the space the flow runs in."""
        return (latent - self.latent_mean) / self.latent_std

    def unnormalise(self, latent: Tensor) -> Tensor:
        """The flow's latents [B, L, latent_dim] as the autoencoder takes them."""
        return latent * self.latent_std + self.latent_mean


def _require_shape(name: str, features: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(features.shape) != shape:
        raise ValueError(f"{name} features of shape {tuple(features.shape)} where {shape} is needed")

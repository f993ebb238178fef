"""MMAudio's checkpoint: keys to load, size and version detected from the tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from deepsound.models.mmaudio.config import FlowConfig

# Computed from lengths and sizes; files may hold those of the lengths they were saved with.
_DERIVED = frozenset({"t_embed.freqs", "latent_rot", "clip_rot"})


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `MMAudio.load_state_dict` takes, all of them and strictly."""
    return {name: tensor for name, tensor in published.items() if name not in _DERIVED}


def config_of(published: Mapping[str, Tensor]) -> FlowConfig:
    """The network's sizes and version, read from its tensors and not by a file name; ValueError if it is none.

    Fine-tuned networks come under many names, and their tensors say what they are.
    """
    try:
        hidden_dim, latent_dim, _ = published["audio_input_proj.0.weight"].shape
        head_dim = published["joint_blocks.0.latent_block.attn.q_norm.weight"].shape[0]
        text_seq_len, text_dim = published["empty_string_feat"].shape
        clip_dim, sync_dim = published["empty_clip_feat"].shape[1], published["empty_sync_feat"].shape[1]
    except KeyError as missing:
        raise ValueError(f"these are not the weights of an MMAudio flow network: {missing} is missing") from missing
    fused_depth = _blocks(published, "fused_blocks")
    return FlowConfig(
        latent_dim=latent_dim,
        hidden_dim=hidden_dim,
        num_heads=hidden_dim // head_dim,
        depth=_blocks(published, "joint_blocks") + fused_depth,
        fused_depth=fused_depth,
        clip_dim=clip_dim,
        sync_dim=sync_dim,
        text_dim=text_dim,
        text_seq_len=text_seq_len,
        v2="clip_input_proj.2.w1.weight" in published,
    )


def _blocks(published: Mapping[str, Tensor], kind: str) -> int:
    return len({name.split(".")[1] for name in published if name.startswith(f"{kind}.")})

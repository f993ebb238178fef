"""MMAudio's networks here and in the original's checkout, on equal weights and inputs.

Every parameter is drawn from N(0, 0.02²). The original's weights reach ours through this project's own loader.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from deepsound.models.bigvgan import weights as bigvgan_weights
from deepsound.models.bigvgan.chunks import decode
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.mmaudio import weights as flow_weights
from deepsound.models.mmaudio.config import VARIANTS
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance
from deepsound.models.mmaudio.lengths import sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.vae import weights as vae_weights
from deepsound.models.vae.config import VAE_16K, VAE_44K
from deepsound.models.vae.model import MelVae
from deepsound.weights.load import load_into_meta

STRENGTH = 4.5


@dataclass(frozen=True)
class Pair:
    """The same work here and in the original, if there is one to compare with."""

    ours: Callable[[], Tensor]
    original: Callable[[], Tensor] | None


def use_reference(folder: Path) -> None:
    """Let the original be imported from its checkout. Raises SystemExit where it, or what it needs, is missing."""
    sys.path.insert(0, str(folder.resolve()))
    try:
        import mmaudio.ext.autoencoder
        import mmaudio.ext.bigvgan_v2.bigvgan
        import mmaudio.model.networks  # noqa: F401
    except ImportError as error:
        raise SystemExit(
            f"{folder} is no checkout of MMAudio that can be imported here: {error}. It needs einops, "
            "librosa, omegaconf and torchdiffeq, which PYTHONPATH may point to."
        ) from error


def with_random_weights(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.normal_(0.0, 0.02, generator=generator)
    return network.eval().requires_grad_(False)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def guided_pair(variant: str, compare: bool, dtype: torch.dtype = torch.float32) -> Pair:
    """One guided evaluation of a flow network for 8 s."""
    config, rate = VARIANTS[variant].flow, VARIANTS[variant].latents
    lengths, time = sequence_lengths(8.0, rate), torch.tensor(0.5)
    sizes = (
        (lengths.latent, config.latent_dim),
        (lengths.clip, config.clip_dim),
        (lengths.sync, config.sync_dim),
        (config.text_seq_len, config.text_dim),
    )
    latent, clip, sync, text = (noise(1, *size).to(dtype) for size in sizes)
    original = None
    if not compare:
        state_dict = with_random_weights(MMAudio(config)).state_dict()
    else:
        from mmaudio.model.networks import get_my_mmaudio

        reference: Any = with_random_weights(get_my_mmaudio(variant))
        state_dict = reference.state_dict()
        reference = reference.to(dtype)
        reference.update_seq_lengths(lengths.latent, lengths.clip, lengths.sync)
        known, empty = reference.preprocess_conditions(clip, sync, text), reference.get_empty_conditions(1)

        def original() -> Tensor:
            return reference.ode_wrapper(time, latent, known, empty, STRENGTH)

    state = flow_weights.state_dict(state_dict)
    network = load_into_meta(lambda: MMAudio(config), state, dtype, "random weights")
    field = classifier_free_guidance(
        network,
        network.preprocess_conditions(lengths, clip, sync, text),
        network.preprocess_conditions(lengths),
        STRENGTH,
    )
    return Pair(lambda: field(latent, time), original)


def vocoder(name: str, frames: int, compare: bool, dtype: torch.dtype = torch.float32) -> Pair:
    """A vocoder's waveform of so many mel frames; ours in parts and with its output exact, as it is used.

    Its weights are those it is built with: with larger ones its sines amplify whatever was rounded, in either project
    and precision, and an error would say nothing.
    """
    config = BIGVGAN_16K if name == "16k" else BIGVGAN_V2_44K
    mel, original = noise(1, config.num_mels, frames).to(dtype), None
    torch.manual_seed(0)
    if not compare:
        folded = bigvgan_weights.fold_weight_norm(BigVgan(config).state_dict())
    else:
        reference = _original_vocoder(name, config).eval().requires_grad_(False)
        folded = bigvgan_weights.fold_weight_norm(reference.state_dict())
        reference = reference.to(dtype)

        def original() -> Tensor:
            return reference(mel)

    network = load_into_meta(lambda: BigVgan(config), folded, torch.float32, "random weights")
    network.round_inner_convolutions(dtype)
    return Pair(lambda: decode(network, mel), original)


def _original_vocoder(name: str, config: Any) -> Any:
    from mmaudio.ext.bigvgan.models import BigVGANVocoder
    from mmaudio.ext.bigvgan_v2.bigvgan import BigVGAN
    from mmaudio.ext.bigvgan_v2.env import AttrDict

    settings = asdict(config) | {"resblock": "1", "activation": "snakebeta", "snake_logscale": True}
    if name == "16k":
        network = BigVGANVocoder(SimpleNamespace(**settings))
    else:
        network = BigVGAN(AttrDict(settings), use_cuda_kernel=False)
    network.remove_weight_norm()
    return network


def autoencoder(name: str, compare: bool, dtype: torch.dtype = torch.float32) -> Pair:
    """The spectrogram of 8 s of latents."""
    config, frames = (VAE_16K, 250) if name == "16k" else (VAE_44K, 345)
    latents, original = noise(1, config.latent_channels, frames).to(dtype), None
    if not compare:
        published = with_random_weights(MelVae(config)).state_dict()
    else:
        from mmaudio.ext.autoencoder.vae import get_my_vae

        reference: Any = with_random_weights(get_my_vae(name))
        published = {key: tensor.clone() for key, tensor in reference.state_dict().items()}
        reference.remove_weight_norm()
        reference = reference.to(dtype)

        def original() -> Tensor:
            return reference.decode(latents)

    state = vae_weights.normalise_weights(vae_weights.without_encoder(published))
    network = load_into_meta(lambda: MelVae(config, with_encoder=False), state, dtype, "random weights")
    return Pair(lambda: network.decode(latents), original)

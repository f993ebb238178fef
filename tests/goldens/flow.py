"""Golden: MMAudio's flow network against the original."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.models.mmaudio.attention import AttentionInputs, compute_rope_rotations
from deepsound.models.mmaudio.blocks import ModalityStreams
from deepsound.models.mmaudio.conditions import PreprocessedConditions
from deepsound.models.mmaudio.config import FlowConfig
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance
from deepsound.models.mmaudio.lengths import SequenceLengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.mmaudio.weights import state_dict
from tests.goldens.networks import group, tolerance

Named = dict[str, Tensor]
Row = tuple[str, Any, Any, float]

# What the stored files call the parts of a tuple.
PARTS = {ModalityStreams: ("latent", "clip_f", "text_f"), AttentionInputs: ("q", "k", "v")}


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    network, given = load(golden, tensors), group(tensors, "inputs")
    lengths, second = lengths_of(golden["config"]), SequenceLengths(*golden["second_lengths"])
    got = _velocities(network, lengths, given) | _other_lengths(network, second, given)
    got |= _tables(network, lengths, second, given["t"])
    got |= {"normalize": network.normalise(given["latent"]), "unnormalize": network.unnormalise(given["latent"])}
    yield from rows(got, group(tensors, "outputs"))


def load(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> MMAudio:
    sizes = {
        name: value
        for name, value in golden["config"].items()
        if name not in ("latent_seq_len", "clip_seq_len", "sync_seq_len")
    }
    network = MMAudio(FlowConfig(**sizes)).eval()
    network.load_state_dict(state_dict(group(tensors, "weights")), strict=True)
    return network


def lengths_of(config: dict[str, Any]) -> SequenceLengths:
    return SequenceLengths(config["latent_seq_len"], config["clip_seq_len"], config["sync_seq_len"])


def rows(got: Named, expected: Named) -> Iterator[Row]:
    for name, tensor in expected.items():
        yield name, got[name].float() if name in got else None, tensor, tolerance(tensor)


def _velocities(network: MMAudio, lengths: SequenceLengths, given: Named) -> Named:
    latent, time, batch = given["latent"], given["t"], given["latent"].shape[0]
    with _recorded(network) as inner:
        wanted = network.preprocess_conditions(lengths, given["clip_f"], given["sync_f"], given["text_f"], batch)
        got = {"flow": network(latent, time, wanted)}
        got |= _condition_seams("cond", wanted, inner) | {f"flow.{name}": tensor for name, tensor in inner.items()}
    got["forward"] = got["flow"]  # the original's way to do both in one call
    with _recorded(network) as inner:
        empty = network.preprocess_conditions(lengths, batch=batch)
        got |= {name: tensor[:1] for name, tensor in _condition_seams("empty", empty, inner).items()}
    with _recorded(network) as inner:
        negative = network.preprocess_conditions(lengths, text=given["negative_text_f"], batch=batch)
        got |= _condition_seams("negative", negative, inner)
    got |= {"flow_empty": network(latent, time, empty), "flow_negative": network(latent, time, negative)}
    now = given["t_scalar"][0]
    for strength in (4.5, 1.0, 0.5):
        got[f"ode_wrapper_cfg_{strength}"] = classifier_free_guidance(network, wanted, empty, strength)(latent, now)
    return got | {"ode_wrapper_negative_cfg_4.5": classifier_free_guidance(network, wanted, negative, 4.5)(latent, now)}


def _condition_seams(name: str, conditions: PreprocessedConditions, inner: Named) -> Named:
    return {
        f"{name}.clip_f": conditions.clip,
        f"{name}.text_f": conditions.text,
        f"{name}.sync_f": conditions.timing[conditions.rows],
        f"{name}.clip_f_c": inner["clip_cond_proj"],
        f"{name}.text_f_c": inner["text_cond_proj"],
    }


def _other_lengths(network: MMAudio, lengths: SequenceLengths, given: Named) -> Named:
    latent, batch = given["second.latent"], given["second.latent"].shape[0]
    full = network.preprocess_conditions(
        lengths, given["second.clip_f"], given["second.sync_f"], given["text_f"], batch
    )
    text_only = network.preprocess_conditions(lengths, text=given["text_f"], batch=batch)
    return {
        "second.flow": network(latent, given["t"], full),
        "second.flow_text_only": network(latent, given["t"], text_only),
    }


def _tables(network: MMAudio, lengths: SequenceLengths, second: SequenceLengths, time: Tensor) -> Named:
    rounded = time.to(torch.bfloat16)
    return {
        "latent_rot": _matrices(network, lengths.latent, 1.0),
        "clip_rot": _matrices(network, lengths.clip, lengths.latent / lengths.clip),
        "second.latent_rot_shape": torch.tensor(_matrices(network, second.latent, 1.0).shape),
        "second.clip_rot_last": _matrices(network, second.clip, second.latent / second.clip)[:, -1],
        "t_embed.freqs": network.t_embed.frequencies(time),
        "t_embed.sinusoid": network.t_embed.sinusoid(time),
        "bf16.t_embed.freqs": network.t_embed.frequencies(rounded),
        "bf16.t_embed.sinusoid": network.t_embed.sinusoid(rounded),
    }


def _matrices(network: MMAudio, length: int, scale: float) -> Tensor:
    """The rotary table as the original keeps it: a 2 x 2 matrix per position and pair."""
    turn = compute_rope_rotations(length, network.config.head_dim, scale, torch.device("cpu"))
    return torch.stack((turn.real, -turn.imag, turn.imag, turn.real), dim=-1).unflatten(-1, (2, 2))[None]


@contextmanager
def _recorded(network: MMAudio) -> Iterator[Named]:
    """Outputs of all submodules as they run; parts of tuples under the stored files' names."""
    outputs: Named = {}

    def keep(name: str):
        def hook(_module, _inputs, output):
            if isinstance(output, Tensor):
                outputs[name] = output.clone()
            for part, tensor in zip(PARTS.get(type(output), ()), output, strict=False):
                outputs[f"{name.removesuffix('.attn')}.{part}"] = tensor.clone()

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in network.named_modules()]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()

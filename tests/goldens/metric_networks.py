"""Golden: VGGish's front end and Synchformer's offset head at full size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.synchformer.config import OFFSET, OffsetConfig
from deepsound.models.synchformer.offset import SynchformerOffset
from deepsound.models.vggish.config import VggishMelConfig
from deepsound.models.vggish.frontend import examples
from tests.goldens.formula import formula_weights
from tests.goldens.networks import group, recorded, tolerance

# float64 throughout, rounded to float32 at the end: half a unit in the last place of values below 8, twice.
FRONTEND = 5e-7
# The grid's 21 offsets, rounded to float32.
OFFSET_S = 1e-6


def compare_vggish(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    waveform = group(tensors, "inputs")["wave16k"]
    expected = group(tensors, "outputs")["examples"]
    yield "examples", examples(waveform, _mel_config(golden["settings"])), expected, FRONTEND


def _mel_config(settings: dict[str, Any]) -> VggishMelConfig:
    rate = 16000
    return VggishMelConfig(
        rate,
        round(settings["window_s"] * rate),
        round(settings["hop_s"] * rate),
        settings["fft"],
        settings["mel_bins"],
        settings["fmin"],
        settings["fmax"],
        settings["log_offset"],
        settings["example_frames"],
        settings["example_hop"],
    )


@torch.no_grad()
def compare_offset(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    given, expected = (group(tensors, kind) for kind in ("inputs", "outputs"))
    video, audio = given["video"].float(), given["audio"].float()
    model = SynchformerOffset(_offset_config(video, audio, expected)).eval()
    weights = formula_weights(model, golden["seed"])
    model.load_state_dict(weights, strict=True)
    blocks = [f"transformer.blocks.{index}" for index in range(model.config.depth)]
    with recorded(model, blocks) as inner:
        logits = model(video, audio)
    got = {"logits": logits, "offset_seconds": torch.from_numpy(signed_offsets_s(logits.numpy()))}
    got |= {f"block{index}_first4": inner[name][:, :4] for index, name in enumerate(blocks)}
    for name, output in expected.items():
        yield name, got.get(name), output, OFFSET_S if name == "offset_seconds" else tolerance(output)


def _offset_config(video: torch.Tensor, audio: torch.Tensor, expected: dict[str, torch.Tensor]) -> OffsetConfig:
    depth = len([name for name in expected if re.fullmatch(r"block\d+_first4", name)]) or OFFSET.depth
    _, segments, video_tokens, width = video.shape
    return OffsetConfig(
        width=width,
        depth=depth,
        heads=max(1, width // (OFFSET.width // OFFSET.heads)),
        mlp_width=4 * width,
        segments=segments,
        video_tokens=video_tokens,
        audio_tokens=audio.shape[2],
        classes=expected["logits"].shape[-1],
    )


def signed_offsets_s(logits: np.ndarray) -> np.ndarray:
    """The likeliest offset in seconds."""
    return np.linspace(-2.0, 2.0, logits.shape[-1])[logits.argmax(axis=-1)]

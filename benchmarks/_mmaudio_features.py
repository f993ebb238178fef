"""MMAudio's feature encoders here and in the original's libraries, on equal weights.

CLIP is open_clip's, which the original uses; Synchformer is in the original's checkout. CLIP's text tower is left out:
a prompt passes it once.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._mmaudio_pairs import Pair, noise, with_random_weights
from deepsound.models.clip.config import DFN5B_VIT_H_14_384
from deepsound.models.clip.model import VisionTower
from deepsound.models.synchformer import weights as sync_weights
from deepsound.models.synchformer.config import SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.weights.load import load_into_meta

OPEN_CLIP_NAME = "ViT-H-14-378-quickgelu"


def clip_picture(compare: bool, dtype: torch.dtype) -> Pair:
    """CLIP's features of a picture of the trained 378 pixels (at 384 as many patches are seen)."""
    picture, original = noise(1, 3, 378, 378).to(dtype), None
    reference: Any = with_random_weights(_open_clip_tower() if compare else VisionTower(DFN5B_VIT_H_14_384))
    state = {name: tensor.detach() for name, tensor in reference.state_dict().items()}
    if compare:
        reference = reference.to(dtype)

        def original() -> Tensor:
            return F.normalize(reference(picture), dim=-1)

    network = load_into_meta(lambda: VisionTower(DFN5B_VIT_H_14_384), state, dtype, "random weights")
    return Pair(lambda: F.normalize(network(picture), dim=-1), original)


def _open_clip_tower() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise SystemExit(f"open_clip cannot be imported: {error}. It is open-clip-torch on PyPI.") from error
    return open_clip.create_model(OPEN_CLIP_NAME, pretrained=None).visual


def sync_segment(compare: bool, dtype: torch.dtype) -> Pair:
    """Synchformer's features of one segment of 16 frames."""
    video, original = noise(1, SYNCHFORMER.segment_frames, 3, 224, 224).tanh().to(dtype), None
    if not compare:
        state = with_random_weights(Synchformer(SYNCHFORMER)).state_dict()
    else:
        from mmaudio.ext.synchformer import Synchformer as Original

        reference: Any = with_random_weights(Original())
        state = {name: tensor.detach() for name, tensor in reference.state_dict().items()}
        reference = reference.to(dtype)

        def original() -> Tensor:
            return reference(video[None])[0]

    wanted = sync_weights.state_dict(state)
    network = load_into_meta(lambda: Synchformer(SYNCHFORMER), wanted, dtype, "random weights")
    return Pair(lambda: network(video), original)

"""ImageBind distances (1 - cosine) by pairs of modalities (arXiv 2402.17723)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor

Pair = tuple[str, str]

AUDIO, VIDEO, TEXT = "audio", "video", "text"
# Equations 15, 14 and 16 of the paper.
VIDEO_TO_AUDIO: tuple[Pair, ...] = ((TEXT, AUDIO), (VIDEO, AUDIO))
AUDIO_TO_VIDEO: tuple[Pair, ...] = ((AUDIO, VIDEO), (TEXT, VIDEO))
TRIANGLE: tuple[Pair, ...] = ((TEXT, VIDEO), (VIDEO, AUDIO), (TEXT, AUDIO))


def distance(one: Tensor, other: Tensor) -> Tensor:
    """1 - cosine of embeddings [B, width], the mean of the batch."""
    return (1 - F.cosine_similarity(one, other, dim=-1)).mean()


def distances(embeddings: Mapping[str, Tensor], pairs: Sequence[Pair]) -> dict[str, Tensor]:
    """The distance of each pair, by the names `text-audio` and the like."""
    return {f"{one}-{other}": distance(embeddings[one], embeddings[other]) for one, other in pairs}

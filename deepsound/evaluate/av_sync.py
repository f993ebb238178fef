"""Audio-visual metrics: IB-score (ImageBind, meaning) and DeSync (Synchformer, time)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepsound.errors import InputError

if TYPE_CHECKING:
    import numpy as np

# Synchformer's head tells offsets from -2 to 2 s in steps of 0.2 s.
OFFSETS = 21
GREATEST_OFFSET_S = 2.0


def ib_scores(video: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """The cosine between paired ImageBind embeddings [clips, width], one a clip; the IB-score is their mean.

    Published tables show it times 100. Raises InputError for no clips or unlike shapes.
    """
    import numpy as np

    if video.shape != audio.shape or video.ndim != 2 or not len(video):
        raise InputError(f"expected paired embeddings [clips, width], got {list(video.shape)} and {list(audio.shape)}.")
    pair = [side.astype(np.float64) for side in (video, audio)]
    unit = [side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in pair]
    scores: np.ndarray = (unit[0] * unit[1]).sum(axis=1)
    return scores


def offsets_s(logits: np.ndarray) -> np.ndarray:
    """How far the sound is off, in seconds without sign, by offset logits [..., 21]: the likeliest, no expectation."""
    import numpy as np

    if logits.shape[-1] != OFFSETS:
        raise InputError(f"expected offset logits of {OFFSETS} classes, got {logits.shape[-1]}.")
    grid = np.linspace(-GREATEST_OFFSET_S, GREATEST_OFFSET_S, OFFSETS)
    result: np.ndarray = np.abs(grid[logits.argmax(axis=-1)])
    return result


def desync_s(logits: np.ndarray) -> np.ndarray:
    """DeSync of each clip in seconds from logits [clips, 2, 21]: its first and its last 4.8 s, averaged.

    The published score is the plain mean over clips; 2 is the greatest.
    """
    if logits.ndim != 3 or logits.shape[1] != 2:
        raise InputError(f"expected logits of two windows a clip, [clips, 2, {OFFSETS}], got {list(logits.shape)}.")
    result: np.ndarray = offsets_s(logits).mean(axis=1)
    return result

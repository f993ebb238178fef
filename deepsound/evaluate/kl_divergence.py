"""KL divergence and inception score (IS) of a tagger's logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.errors import InputError

if TYPE_CHECKING:
    import numpy as np

SPLITS = 10
_SHUFFLE_SEED = 2020


@dataclass(frozen=True)
class Divergence:
    """KL(reference || predicted) in nats per clip; only the softmax form is reported by published tables."""

    softmax: float
    sigmoid: float


@dataclass(frozen=True)
class InceptionScore:
    """Mean and population standard deviation over the splits."""

    mean: float
    std: float


def kl_divergence(predicted: np.ndarray, reference: np.ndarray) -> Divergence:
    """The mean divergence between paired logits [clips, classes]; row i of both is the same clip.

    The sigmoid form has the positive term alone, no full Bernoulli divergence: so av-benchmark computes it. Raises
    InputError for no clips or unlike shapes.
    """
    return Divergence(
        *(float(_divergences(predicted, reference, log_of).mean()) for log_of in (_log_softmax, _log_sigmoid))
    )


def kl_divergences(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The reported form, softmax, of each clip, [clips]; see `kl_divergence`."""
    return _divergences(predicted, reference, _log_softmax)


def _divergences(
    predicted: np.ndarray,
    reference: np.ndarray,
    log_of: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    import numpy as np

    if predicted.shape != reference.shape or predicted.ndim != 2 or not len(predicted):
        raise InputError(
            f"expected paired logits [clips, classes], got {list(predicted.shape)} and {list(reference.shape)}."
        )
    log_predicted, log_reference = (log_of(side.astype(np.float64)) for side in (predicted, reference))
    result: np.ndarray = (np.exp(log_reference) * (log_reference - log_predicted)).sum(axis=1)
    return result


def inception_score(logits: np.ndarray, splits: int = SPLITS, shuffle: bool = True) -> InceptionScore | None:
    """exp(mean KL(p(class | clip) || p(class))) of logits [clips, classes] in shuffled splits; 1 is the least.

    None for fewer clips than splits: one split would be empty, and the original gives NaN. As many clips as splits
    always give 1.
    """
    import numpy as np
    from scipy.special import logsumexp

    count = len(logits)
    if count < splits:
        return None
    rows = logits.astype(np.float64)
    if shuffle:
        rows = rows[shuffle_order(count)]
    log_p = _log_softmax(rows)
    scores = []
    for split in range(splits):
        part = log_p[split * count // splits : (split + 1) * count // splits]
        # Not the logarithm of a mean: of a class that no clip has, that would be minus infinity.
        log_mean = logsumexp(part, axis=0) - np.log(len(part))
        scores.append(np.exp((np.exp(part) * (part - log_mean)).sum(axis=1).mean()))
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)))


def shuffle_order(count: int) -> np.ndarray:
    """The order in which rows fall into the score's splits, the same for the same number of clips."""
    import numpy as np

    return np.random.RandomState(_SHUFFLE_SEED).permutation(count)


def _log_softmax(rows: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    result: np.ndarray = log_softmax(rows, axis=1)
    return result


def _log_sigmoid(rows: np.ndarray) -> np.ndarray:
    from scipy.special import log_expit

    result: np.ndarray = log_expit(rows)
    return result

"""Fréchet distance (FD) and kernel distance (KID) between two sets of embeddings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.errors import InputError

if TYPE_CHECKING:
    import numpy as np

# Both as in the published benchmark.
_REGULARISER = 1e-6
_MOST_IMAGINARY = 1e-3
_KERNEL_SEED = 2020
SUBSET_SIZE = 1000


@dataclass(frozen=True)
class KernelDistance:
    """Mean and population standard deviation over random subsets."""

    mean: float
    std: float


def frechet_distance(predicted: np.ndarray, reference: np.ndarray) -> float:
    """FD between the Gaussians that fit two sets of embeddings [samples, width]; 0 for the same set.

    ||mu_p - mu_r||^2 + tr(S_p) + tr(S_r) - 2 tr(sqrtm(S_p S_r)) with unbiased covariances in float64, as measured of
    av-benchmark (the metrics of MMAudio's and DeepSound-V1's tables). Raises InputError for fewer than two samples a
    side, other widths, samples that are not finite, or a root that does not come out real: the original scores that -1.
    """
    import numpy as np

    _require_alike(predicted, reference)
    covariances = [np.atleast_2d(np.cov(side, rowvar=False)) for side in (predicted, reference)]
    between = predicted.mean(axis=0) - reference.mean(axis=0)
    root_trace = _root_trace(*covariances)
    return float(between @ between + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * root_trace)


def kernel_distance(
    predicted: np.ndarray,
    reference: np.ndarray,
    subsets: int = 100,
    subset_size: int = SUBSET_SIZE,
) -> KernelDistance:
    """KID: the unbiased squared distance under the kernel (x.y / width + 1)^3, over random subsets of both sets.

    Unlike FD it does not grow when clips are few. Subsets are no larger than the smaller set. Raises InputError as
    `frechet_distance` does. The published benchmark's code has it and does not report it.
    """
    import numpy as np

    _require_alike(predicted, reference)
    generator = np.random.RandomState(_KERNEL_SEED)
    size = min(subset_size, len(predicted), len(reference))
    distances = []
    for _ in range(subsets):
        chosen = predicted[generator.choice(len(predicted), size, replace=False)].astype(np.float64)
        others = reference[generator.choice(len(reference), size, replace=False)].astype(np.float64)
        within = sum(_off_diagonal_mean(_kernel(side, side)) for side in (chosen, others))
        distances.append(within - 2 * _kernel(chosen, others).mean())
    return KernelDistance(float(np.mean(distances)), float(np.std(distances)))


def _root_trace(first: np.ndarray, second: np.ndarray) -> float:
    import numpy as np

    root = _root(first @ second)
    if not np.isfinite(root).all():
        offset = np.eye(len(first)) * _REGULARISER
        root = _root((first + offset) @ (second + offset))
    # With fewer samples than dimensions the product is singular, and rounding gives its root an imaginary part.
    imaginary = float(np.abs(np.diagonal(root).imag).max())
    if not np.isfinite(root).all() or imaginary > _MOST_IMAGINARY:
        raise InputError(
            f"The Fréchet distance cannot be computed: the root of the covariances has an imaginary part "
            f"of {imaginary:.2g}; there are too few samples for their width ({len(first)})."
        )
    return float(np.trace(root).real)


def _root(product: np.ndarray) -> np.ndarray:
    import numpy as np
    from scipy.linalg import LinAlgWarning, sqrtm

    with warnings.catch_warnings():
        # A singular product shows in its root.
        warnings.simplefilter("ignore", LinAlgWarning)
        return np.asarray(sqrtm(product))


def _kernel(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    result: np.ndarray = (rows @ columns.T / rows.shape[1] + 1) ** 3
    return result


def _off_diagonal_mean(square: np.ndarray) -> float:
    size = len(square)
    return float((square.sum() - square.trace()) / (size * (size - 1)))


def _require_alike(predicted: np.ndarray, reference: np.ndarray) -> None:
    import numpy as np

    if predicted.ndim != 2 or reference.ndim != 2 or predicted.shape[1] != reference.shape[1]:
        raise InputError(
            f"expected two sets of embeddings [samples, width] of one width, got {list(predicted.shape)} and "
            f"{list(reference.shape)}."
        )
    if min(len(predicted), len(reference)) < 2:
        raise InputError(
            f"expected two samples or more on either side of a distance between sets, got {len(predicted)} and "
            f"{len(reference)}; name folders with more clips."
        )
    if not (np.isfinite(predicted).all() and np.isfinite(reference).all()):
        raise InputError("expected finite embeddings, got NaN or infinite ones; fetch the extractor's weights again.")

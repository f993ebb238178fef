"""Memory estimates by precision from the parameter counts in the catalogue."""

from __future__ import annotations

from collections.abc import Callable

from deepsound.weights.catalogue import Weights

# What alone is quantised: embeddings, head, projectors and towers stay in 16 bit.
QUANTISED = "language model layers"
# 4 bits a parameter, and the doubly quantised scales of its blocks: 8 bits per 64, and 32 bits per 64 * 256.
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)

# Another precision is one line here.
BYTES: dict[str, Callable[[Weights], float | None]] = {
    "fp32": lambda weights: _plain(weights, 4.0),
    "bf16": lambda weights: _plain(weights, 2.0),
    "int8": lambda weights: _quantised_bytes(weights, 1.0),
    "nf4": lambda weights: _quantised_bytes(weights, _NF4_BYTES),
}


def footprint(weights: Weights) -> dict[str, int | None]:
    """Bytes of the weights alone by precision; None where the count is not stated or nothing is quantised."""
    return {precision: None if (size := count(weights)) is None else round(size) for precision, count in BYTES.items()}


def _plain(weights: Weights, each: float) -> float | None:
    return None if weights.parameters is None else weights.parameters * each


def _quantised_bytes(weights: Weights, each: float) -> float | None:
    if QUANTISED not in weights.parts:
        return None
    layers = weights.parts[QUANTISED]
    return layers * each + (sum(weights.parts.values()) - layers) * 2.0

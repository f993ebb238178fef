"""KV cache of the language model, in buffers that are allocated once."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor

from deepsound.models.videollama2.config import LanguageConfig


class KeyValueCache:
    """Keys and values of all layers, for up to `capacity` tokens of one sequence; `length` tokens are in it.

    Going back to fewer tokens moves nothing: what lies beyond `length` is written over. A `fixed` cache hands out whole
    buffers and the mask that goes with them, so that every step has the same shapes and can be compiled.
    """

    def __init__(
        self, config: LanguageConfig, capacity: int, dtype: torch.dtype, device: torch.device, fixed: bool = False
    ) -> None:
        self.capacity = capacity
        self.fixed = fixed
        self.position = torch.zeros(1, dtype=torch.long, device=device)
        self._length = 0
        shape = (config.layers, 2, 1, config.key_value_heads, capacity, config.head_width)
        self._buffers = torch.zeros(shape, dtype=dtype, device=device)
        self._columns = torch.arange(capacity, device=device)
        if fixed and device.type == "cuda":
            # CUDA graphs are only made of steps whose inputs are written to if these never move.
            mark_static_address = import_module("torch._dynamo").mark_static_address
            mark_static_address(self._buffers)
            mark_static_address(self.position)

    @property
    def length(self) -> int:
        return self._length

    @property
    def bytes(self) -> int:
        return self._buffers.numel() * self._buffers.element_size()

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens. Raises ValueError for more than there are."""
        if not 0 <= length <= self._length:
            raise ValueError(f"the cache holds {self._length} tokens and cannot be set back to {length}")
        self._move_to(length)

    def advance(self, tokens: int) -> None:
        """Keep the `tokens` that were written last."""
        self._move_to(self._length + tokens)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put the keys and values [1, heads, tokens, head width] of new tokens behind those that are there.

        Returns what the new tokens see: everything written so far, or the whole buffers of a fixed cache's step.
        """
        tokens = keys.shape[2]
        stored_keys, stored_values = self._buffers[layer]
        if self.is_step(tokens):
            stored_keys.index_copy_(2, self.position, keys)
            stored_values.index_copy_(2, self.position, values)
            return stored_keys, stored_values
        end = self._length + tokens
        stored_keys[:, :, self._length : end] = keys
        stored_values[:, :, self._length : end] = values
        return stored_keys[:, :, :end], stored_values[:, :, :end]

    def is_step(self, tokens: int) -> bool:
        """Whether so many new tokens are a step of fixed shape."""
        return self.fixed and tokens == 1

    def positions(self, tokens: int) -> Tensor:
        """The places [1, tokens] of new tokens in the sequence. Raises ValueError where they do not fit."""
        if self._length + tokens > self.capacity:
            raise ValueError(f"{self._length} and {tokens} tokens do not fit into a cache of {self.capacity}")
        if self.is_step(tokens):
            return self.position[None]
        return self._columns[self._length : self._length + tokens][None]

    def mask(self, tokens: int) -> Tensor | None:
        """Which of the tokens that `write` returns each new one may see; None where causality says it all."""
        if self.is_step(tokens):
            return (self._columns <= self.position)[None]
        if tokens == 1 or self._length == 0:
            return None
        seen = self._columns[: self._length + tokens]
        return seen[None] <= self._columns[self._length : self._length + tokens, None]

    def _move_to(self, length: int) -> None:
        self._length = length
        self.position.fill_(length)

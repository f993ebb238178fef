"""Prompt-prefix KV cache of a loaded multimodal model, by transformers' own cache classes.

Of a prompt that begins like the one before, with the same pictures or sound, only the rest is read. Whether a family
can go on behind a prefix is measured once for each loaded model: its logits must be those of the whole prompt.
"""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from deepsound.reason.omni.checkpoint import transformers
from deepsound.runtime.memory import is_out_of_memory

# Largest difference of two logits, in standard deviations of all: rounding alone in 32 bit, and in 16 or fewer.
_MOST_DIFFERENCE = {torch.float32: 0.01}
_MOST_DIFFERENCE_IN_HALF = 0.25
# What crop and forward raise for a cache that cannot be cut, or a family that cannot go on behind one.
_CANNOT = (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Media:
    """One kind of media in a prompt: the id at its places, the name of its tensor, the digest of its content."""

    place: int
    tensor: str
    digest: str


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt's token ids, int64 [tokens] on the CPU, and its media."""

    ids: Tensor
    media: tuple[Media, ...]

    def shared_with(self, other: Prompt) -> int:
        """How many first tokens both have in common, with their media in whole; at least one is left to read."""
        most = min(len(self.ids) - 1, len(other.ids))
        differ = (self.ids[:most] != other.ids[:most]).nonzero()
        length = int(differ[0]) if len(differ) else most
        for own, others in zip(self.media, other.media, strict=True):
            places = (self.ids == own.place).nonzero().flatten().tolist()
            if places and (own.digest != others.digest or places[0] < length <= places[-1]):
                length = min(length, places[0])
        return length

    def read_within(self, length: int) -> set[str]:
        """The names of the media tensors that the first `length` tokens have wholly."""
        return {media.tensor for media in self.media if media.place not in self.ids[length:].tolist()}


def prompt_of(processor: Any, ids: Tensor, pictures: Sequence[np.ndarray], sound: np.ndarray | None) -> Prompt | None:
    """The prompt of input ids [1, tokens]; None where the processor does not say where its media are."""
    hearing = getattr(processor, "feature_extractor", None) or getattr(processor, "audio_processor", None)
    media = []
    for content, kind, part in (
        (tuple(pictures), "image", getattr(processor, "image_processor", None)),
        (() if sound is None else (sound,), "audio", hearing),
    ):
        if content:
            token, names = getattr(processor, f"{kind}_token", None), getattr(part, "model_input_names", None)
            if not isinstance(token, str) or not names:
                return None
            media.append(Media(processor.tokenizer.convert_tokens_to_ids(token), names[0], _digest(content)))
        else:
            media.append(Media(-1, "", ""))
    return Prompt(ids[0].cpu(), tuple(media))


def _digest(arrays: Sequence[np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class DynamicPrefixCache:
    """The last prompt of a model as keys and values; `reused` counts the tokens that were not read again."""

    def __init__(self) -> None:
        self.reused = 0
        self._lock = threading.Lock()
        self._kept: tuple[Prompt, Any, int] | None = None
        self._goes_on: bool | None = None

    def inputs(self, model: Any, prompt: Prompt, inputs: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """The keywords of `generate`: what is still to be read of `inputs`, the cache, and how much that has read.

        The cache is the caller's alone until it is kept again; one that is of no use is let go of here.
        """
        with self._lock:
            kept, self._kept = self._kept, None
        _forget_positions(model)
        if kept is not None and self._goes_on is not False:
            length = prompt.shared_with(kept[0])
            rest = _behind(prompt, inputs, kept[1], length) if length >= max(kept[2], 1) else None
            if rest is not None and self._is_equal(model, inputs, rest, length):
                self.reused += length
                return rest, length
        return {**inputs, _keyword(): _new_cache(model)}, 0

    def keep(self, prompt: Prompt, given: dict[str, Any], length: int) -> None:
        """Keep a prompt, read with the keywords `given` behind a prefix of `length` tokens."""
        cache = given[_keyword()]
        # A sliding window has lost what lay before it: such a cache is cut no further than it was.
        least = length if any(getattr(cache, "is_sliding", ())) else 0
        with self._lock:
            self._kept = prompt, cache, least

    def _is_equal(self, model: Any, inputs: dict[str, Any], rest: dict[str, Any], length: int) -> bool:
        """Whether the model goes on behind a prefix as it should, by the logits of its next token."""
        if self._goes_on is None:
            try:
                whole, behind = _logits(model, inputs), _logits(model, rest)
                self._goes_on = _is_close(whole, behind, model.dtype) and _cut(rest[_keyword()], length)
            except _CANNOT as error:
                if is_out_of_memory(error):
                    raise
                self._goes_on = False
            _forget_positions(model)
        return self._goes_on


def _behind(prompt: Prompt, inputs: dict[str, Any], cache: Any, length: int) -> dict[str, Any] | None:
    """`inputs` without the media that the cache's first `length` tokens have; None where it cannot be cut there."""
    if not _cut(cache, length):
        return None
    read = prompt.read_within(length)
    return {**{name: value for name, value in inputs.items() if name not in read}, _keyword(): cache}


def _cut(cache: Any, length: int) -> bool:
    """Cut the cache to its first `length` tokens; False where it cannot be."""
    try:
        more = cache.get_seq_length() - length
        if more < 0 or not getattr(cache, "is_croppable", True):
            return False
        if more:
            cache.crop(-more)
        return bool(cache.get_seq_length() == length)
    except _CANNOT:
        return False


def _new_cache(model: Any) -> Any:
    cache = transformers().DynamicCache(config=model.config.get_text_config(decoder=True))
    # So that a layer with a sliding window can be cut, too.
    if hasattr(cache, "activate_past_recording"):
        cache.activate_past_recording()
    return cache


def _keyword() -> str:
    """What this version of transformers calls a cache."""
    parameters = inspect.signature(transformers().GenerationMixin.prepare_inputs_for_generation).parameters
    return "cache" if "cache" in parameters else "past_key_values"


def _logits(model: Any, given: dict[str, Any]) -> Tensor:
    _forget_positions(model)
    made = model.generate(**given, max_new_tokens=1, do_sample=False, output_logits=True, return_dict_in_generate=True)
    logits: Tensor = made.logits[0].float()
    return logits


def _is_close(whole: Tensor, behind: Tensor, dtype: torch.dtype) -> bool:
    most = _MOST_DIFFERENCE.get(dtype, _MOST_DIFFERENCE_IN_HALF) * float(whole.std())
    return bool((whole - behind).abs().max() <= most)


def _forget_positions(model: nn.Module) -> None:
    """Positions in space and time are those of this prompt, not of the one that was read before it."""
    for module in model.modules():
        if getattr(module, "rope_deltas", None) is not None:
            module.rope_deltas = None  # type: ignore[assignment]


_of: WeakKeyDictionary[nn.Module, DynamicPrefixCache] = WeakKeyDictionary()
_lock = threading.Lock()


def prefix_cache_of(model: nn.Module) -> DynamicPrefixCache:
    """The prefix cache of this loaded model; another copy of it, or the same one loaded again, has none."""
    with _lock:
        return _of.setdefault(model, DynamicPrefixCache())

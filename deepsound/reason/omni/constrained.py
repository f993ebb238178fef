"""Constrained decoding: a JSON answer with four sections, whose conclusion is A or B.

A token automaton for transformers' `prefix_allowed_tokens_fn`: fixed text is forced, free text has no quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_FIELDS = ("summary", "caption", "reasoning")
_FORBIDDEN = frozenset('"\\') | {chr(code) for code in range(32)}
MOST_TOKENS_A_FIELD = 160


class JsonAnswer:
    """Which tokens may follow what was written since `prompt_length`; of no use for a second answer."""

    def __init__(self, tokenizer: Any, prompt_length: int, with_thought: bool = True) -> None:
        self._prompt_length = prompt_length
        self._free = _free_tokens(tokenizer)
        self._end = tokenizer.eos_token_id
        names = _FIELDS if with_thought else ()
        opened = ['{"' + names[0] + '": "', *(f'", "{name}": "' for name in names[1:])] if names else []
        before_letter = '", "conclusion": "' if names else '{"conclusion": "'
        self._fixed = [_encode(tokenizer, text) for text in [*opened, before_letter]]
        self._letters = [_encode(tokenizer, letter)[0] for letter in "AB"]
        self._closing = _encode(tokenizer, '"}')

    def __call__(self, batch: int, ids: Any) -> list[int]:
        """The ids that may come next, by the automaton's state after those written so far."""
        return self.allowed(ids[self._prompt_length :].tolist())

    def allowed(self, written: Sequence[int]) -> list[int]:
        """The ids that may follow `written`."""
        at = 0
        for number, text in enumerate(self._fixed):
            for token in text:
                if at == len(written):
                    return [token]
                at += 1
            if number + 1 == len(self._fixed):
                break
            # Free text, up to the first token of the next fixed one.
            close, count = self._fixed[number + 1][0], 0
            while at < len(written) and written[at] != close:
                at, count = at + 1, count + 1
            if at == len(written):
                return [close] if count >= MOST_TOKENS_A_FIELD else [*self._free, close]
        rest = [self._letters, *([token] for token in self._closing)]
        left = len(written) - at
        return rest[left] if left < len(rest) else [self._end]


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


@lru_cache(maxsize=4)
def _free_tokens(tokenizer: Any) -> tuple[int, ...]:
    """The ids whose text has nothing that ends a JSON string; no special ones."""
    special = set(tokenizer.all_special_ids)
    ids = [index for index in range(len(tokenizer)) if index not in special]
    texts = tokenizer.batch_decode([[index] for index in ids])
    return tuple(index for index, text in zip(ids, texts, strict=True) if text and not _FORBIDDEN & set(text))

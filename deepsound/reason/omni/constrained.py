"""Constrained decoding: a JSON answer of sections and spans, concluded by A or B.

A token automaton for transformers' `prefix_allowed_tokens_fn`: fixed text is forced, free text has no quotes, spans are
pairs of seconds. Its states are finite, so that every answer ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

_FIELDS = ("summary", "caption", "reasoning")
_FORBIDDEN = frozenset('"\\') | {chr(code) for code in range(32)}
_OF_SPANS = frozenset("0123456789.,[] ")
MOST_TOKENS_A_FIELD = 160
MOST_SPANS = 12
# 9999.99 s: longer than any window that is judged at once.
_MOST_WHOLE_DIGITS, _MOST_DECIMALS = 4, 2


class _Part(Protocol):
    def read(self, written: Sequence[int], at: int) -> tuple[int, list[int]]:
        """Where the part that begins at `at` ends, and the ids that may continue it; no ids where it has ended."""


class JsonAnswer:
    """Which tokens may follow what was written since `prompt_length`; of no use for a second answer."""

    def __init__(self, tokenizer: Any, prompt_length: int, with_thought: bool = True) -> None:
        self._prompt_length = prompt_length
        self._end = tokenizer.eos_token_id
        conclusion = _Fixed(_encode(tokenizer, ', "conclusion": "' if with_thought else '{"conclusion": "'))
        self._parts: list[_Part] = [conclusion, _Letter(tokenizer), _Fixed(_encode(tokenizer, '"}'))]
        if with_thought:
            self._parts = [*_thought(tokenizer), *self._parts]

    def __call__(self, batch: int, ids: Any) -> list[int]:
        """The ids that may come next, by the automaton's state after those written so far."""
        return self.allowed(ids[self._prompt_length :].tolist())

    def allowed(self, written: Sequence[int]) -> list[int]:
        """The ids that may follow `written`."""
        at = 0
        for part in self._parts:
            at, ids = part.read(written, at)
            if ids:
                return ids
        return [self._end]


def _thought(tokenizer: Any) -> list[_Part]:
    """The sections, each up to the first token of what follows it, and the spans."""
    opened = ['{"summary": "', *(f'", "{name}": "' for name in _FIELDS[1:]), '", "voice_spans": ']
    fixed = [_Fixed(_encode(tokenizer, text)) for text in opened]
    free = [_Free(_free_tokens(tokenizer), following.ids[0]) for following in fixed[1:]]
    sections = [part for pair in zip(fixed, free, strict=False) for part in pair]
    return [*sections, fixed[-1], _Spans(tokenizer)]


class _Fixed:
    """Text that is forced."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids

    def read(self, written: Sequence[int], at: int) -> tuple[int, list[int]]:
        done = min(len(written) - at, len(self.ids))
        return at + done, self.ids[done : done + 1]


class _Letter:
    """A or B."""

    def __init__(self, tokenizer: Any) -> None:
        self._ids = [_encode(tokenizer, letter)[0] for letter in "AB"]

    def read(self, written: Sequence[int], at: int) -> tuple[int, list[int]]:
        return (at, self._ids) if at == len(written) else (at + 1, [])


class _Free:
    """Text without quotes, up to the token `close`, which belongs to the next part."""

    def __init__(self, tokens: tuple[int, ...], close: int) -> None:
        self._tokens, self._close = tokens, close

    def read(self, written: Sequence[int], at: int) -> tuple[int, list[int]]:
        first = at
        while at < len(written) and written[at] != self._close:
            at += 1
        if at < len(written):
            return at, []
        return at, [self._close] if at - first >= MOST_TOKENS_A_FIELD else [*self._tokens, self._close]


class _Spans:
    """A list of pairs of numbers, as in [[0.5, 2.0], [3, 4.25]]."""

    def __init__(self, tokenizer: Any) -> None:
        self._texts = dict(_span_tokens(tokenizer))
        self._allowed: dict[_Place, list[int]] = {}

    def read(self, written: Sequence[int], at: int) -> tuple[int, list[int]]:
        place: _Place | None = _Place()
        while at < len(written) and place is not None and place.next != "end":
            place = _after(place, self._texts.get(written[at], ""))
            at += 1
        if place is None or place.next == "end":
            return at, []
        if place not in self._allowed:
            self._allowed[place] = [token for token, text in self._texts.items() if _after(place, text) is not None]
        return at, self._allowed[place]


class _Place(NamedTuple):
    """A place in a list of pairs: what comes `next`, the number's digits, which of the pair it is, pairs before."""

    next: str = "list"
    digits: int = 0
    is_second: bool = False
    pairs: int = 0


def _after(place: _Place, text: str) -> _Place | None:
    """Where the list is after `text`; None where `text` cannot stand there."""
    for char in text:
        following = _after_char(place, char)
        if following is None:
            return None
        place = following
    return place if text else None


def _after_char(place: _Place, char: str) -> _Place | None:
    if place.next in ("whole", "fraction"):
        return _in_number(place, char)
    pair = _Place("whole", pairs=place.pairs)
    following: dict[tuple[str, str], _Place] = {
        ("list", "["): _Place("first"),
        ("first", "["): pair,
        ("first", "]"): _Place("end"),
        ("space", " "): pair._replace(is_second=True),
        ("pair", "]"): _Place("end"),
        ("another", " "): _Place("open", pairs=place.pairs),
        ("open", "["): pair,
    }
    if place.pairs < MOST_SPANS:
        following["pair", ","] = _Place("another", pairs=place.pairs)
    return following.get((place.next, char))


def _in_number(place: _Place, char: str) -> _Place | None:
    is_whole = place.next == "whole"
    if char in "0123456789":
        if place.digits >= (_MOST_WHOLE_DIGITS if is_whole else _MOST_DECIMALS):
            return None
        # JSON has no number such as 01.
        is_leading_zero = is_whole and char == "0" and place.digits == 0
        return place._replace(digits=_MOST_WHOLE_DIGITS if is_leading_zero else place.digits + 1)
    if place.digits == 0:
        return None
    if char == "." and is_whole:
        return place._replace(next="fraction", digits=0)
    if char == "," and not place.is_second:
        return _Place("space", pairs=place.pairs)
    return _Place("pair", pairs=place.pairs + 1) if char == "]" and place.is_second else None


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


@lru_cache(maxsize=4)
def _texts(tokenizer: Any) -> tuple[tuple[int, str], ...]:
    """Every id that is not special, and its text."""
    special = set(tokenizer.all_special_ids)
    ids = [index for index in range(len(tokenizer)) if index not in special]
    return tuple(zip(ids, tokenizer.batch_decode([[index] for index in ids]), strict=True))


@lru_cache(maxsize=4)
def _free_tokens(tokenizer: Any) -> tuple[int, ...]:
    """The ids whose text has nothing that ends a JSON string; no special ones."""
    return tuple(index for index, text in _texts(tokenizer) if text and not _FORBIDDEN & set(text))


@lru_cache(maxsize=4)
def _span_tokens(tokenizer: Any) -> tuple[tuple[int, str], ...]:
    """The ids whose text may stand in a list of numbers, with what they add behind another token.

    Some tokenizers leave out the space that a text's first token begins with.
    """
    before = _encode(tokenizer, "1")
    length = len(tokenizer.decode(before))
    found = []
    for index, alone in _texts(tokenizer):
        if set(alone) <= _OF_SPANS:
            text = tokenizer.decode([*before, index])[length:]
            if text and set(text) <= _OF_SPANS:
                found.append((index, text))
    return tuple(found)

"""Prompt lookup: drafts for speculative decoding, from expected and past answers.

Prompt lookup decoding (github.com/apoorvumang/prompt-lookup-decoding) on texts that the model is known to write. The
decoder verifies a draft in one pass (speculative decoding, arXiv 2211.17192) and keeps no more of it than the model
would have written, so a draft only saves time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

_KEPT = 16
# How many tokens have to have been written before for what followed them to be guessed, surest first; with one skipped,
# the last token is taken for another word in the place of the one that was there.
_CONTEXTS = ((12, 0), (6, 0), (3, 0), (6, 1), (3, 1), (2, 0))


class PromptLookup:
    """Token sequences to guess from: fixed `templates`, and the last answers, the newest first."""

    def __init__(self, templates: Iterable[Sequence[int]] = ()) -> None:
        self._templates = [tuple(template) for template in templates]
        self._answers: OrderedDict[tuple[int, ...], None] = OrderedDict()

    def learn(self, answer: Sequence[int]) -> None:
        """Remember an answer; of many the oldest is forgotten."""
        key = tuple(answer)
        self._answers.pop(key, None)
        self._answers[key] = None
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)

    def propose(self, written: Sequence[int], at_most: int) -> list[int]:
        """What may follow `written`, at most so many tokens; nothing where nothing known fits."""
        known = [*reversed(self._answers), *self._templates]
        if at_most < 1:
            return []
        if not written:
            return list(known[0][:at_most]) if known else []
        beginning = tuple(written)
        for sequence in known:
            if len(sequence) > len(beginning) and sequence[: len(beginning)] == beginning:
                return list(sequence[len(beginning) : len(beginning) + at_most])
        for size, skipped in _CONTEXTS:
            context = beginning[-size - skipped : len(beginning) - skipped]
            for sequence in known if len(context) == size else ():
                following = _after(sequence, context)[skipped:]
                if following:
                    return list(following[:at_most])
        return []


def _after(sequence: tuple[int, ...], context: tuple[int, ...]) -> tuple[int, ...]:
    """What follows the first place of `context` in `sequence`, if anything does."""
    size = len(context)
    for end in range(size, len(sequence)):
        if sequence[end - 1] == context[-1] and sequence[end - size : end] == context:
            return sequence[end:]
    return ()

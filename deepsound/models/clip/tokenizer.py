"""CLIP's byte-pair-encoding (BPE) tokenizer.

The table of merges is data and comes from outside, in the order of its lines: 48894 pairs, the first rank first.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise

import torch
from torch import Tensor

MERGES = 48894
WORD_END = "</w>"
# How open_clip writes the marks; OpenAI's CLIP, and ImageBind with it, writes them in the second form.
START, END = "<start_of_text>", "<end_of_text>"
OPENAI_MARKS = ("<|startoftext|>", "<|endoftext|>")
# The first letter of Unicode's category tells letters and digits.
LETTER, DIGIT, SPACE, OTHER = "L", "N", " ", "?"

_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_QUOTES = str.maketrans(
    dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'") | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]")
_COMPATIBLE = re.compile("[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06\u3000\uff01-\uffef]+")


def fix_text(text: str) -> str:
    """Text with its entities resolved, quotes straight, ligatures and wide forms plain, and accents composed.

    What ftfy, the original's cleaner, does to text that is readable; unlike it, this does not guess at text that was
    decoded wrongly.
    """
    text = _CONTROLS.sub("", html.unescape(text))
    text = _COMPATIBLE.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text)
    return unicodedata.normalize("NFC", text.translate(_QUOTES))


class ClipTokenizer:
    """Ids for texts; `repair` is what is done to a text before entities, spaces and case are evened out.

    `marks` are the start and the end as they may be written in a text.
    """

    def __init__(
        self,
        merges: Sequence[tuple[str, str]],
        context_length: int = 77,
        repair: Callable[[str], str] = fix_text,
        marks: tuple[str, str] = (START, END),
    ) -> None:
        letters = list(_byte_letters().values())
        vocabulary = [*letters, *(letter + WORD_END for letter in letters), *map("".join, merges), *marks]
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._letters = _byte_letters()
        self._context_length = context_length
        self._repair = repair
        self._marks = marks
        self._fixed = re.compile("|".join([*map(re.escape, marks), _CONTRACTIONS]), re.IGNORECASE)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Ids int64 [texts, context_length]: start, text, end, then zeros; a long text is cut before its end."""
        ids = torch.zeros(len(texts), self._context_length, dtype=torch.int64)
        for row, text in zip(ids, texts, strict=True):
            text_ids = islice(self.encode(text), self._context_length - 2)
            start, end = self._marks
            framed = [self._ids[start], *text_ids, self._ids[end]]
            row[: len(framed)] = torch.tensor(framed)
        return ids

    def encode(self, text: str) -> Iterator[int]:
        """The ids of a text alone, however many."""
        clean = " ".join(html.unescape(html.unescape(self._repair(text))).split()).lower()
        return (self._ids[piece] for word in _words(clean, self._fixed) for piece in self._pieces(word))

    def _pieces(self, word: str) -> list[str]:
        if word in self._marks:
            return [word]
        pieces = [self._letters[byte] for byte in word.encode()]
        pieces[-1] += WORD_END
        while len(pieces) > 1:
            best = min(pairwise(pieces), key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            pieces = _merge(pieces, best)
        return pieces


def _merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    at = 0
    while at < len(pieces):
        width = 2 if tuple(pieces[at : at + 2]) == pair else 1
        merged.append("".join(pieces[at : at + width]))
        at += width
    return merged


def _words(text: str, fixed_words: re.Pattern[str]) -> Iterator[str]:
    """Splits into contractions' ends, runs of letters, single digits, and runs of everything else but spaces."""
    kinds = [_kind(character) for character in text]
    at = 0
    while at < len(text):
        fixed = fixed_words.match(text, at)
        end = fixed.end() if fixed else _end_of_run(kinds, at)
        if kinds[at] != SPACE:
            yield text[at:end]
        at = end


def _end_of_run(kinds: list[str], at: int) -> int:
    end = at + 1
    while kinds[at] != DIGIT and end < len(kinds) and kinds[end] == kinds[at]:
        end += 1
    return end


def _kind(character: str) -> str:
    if character.isspace():
        return SPACE
    category = unicodedata.category(character)[0]
    return category if category in (LETTER, DIGIT) else OTHER


def _byte_letters() -> dict[int, str]:
    """A visible letter for each byte, those that have one first: this order numbers the vocabulary."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}

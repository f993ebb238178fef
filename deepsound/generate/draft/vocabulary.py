"""Vocabulary of the draft: English and Chinese words by what is made for them.

Each row of `vocabulary.csv` has a category (after AudioSet's ontology, Gemmeke et al. 2017), words of both languages
and the name of a recording, material, bed or layer; `nearest` marks rows whose own sound the draft does not have, and
`with` names a recording that belongs to it, as rain to a thunderstorm.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

TABLE = Path(__file__).parent / "vocabulary.csv"
VOICE = "(voice)"
BACKGROUND = "(background)"
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class VocabularyEntry:
    """What a word leads to: the name of a sound, whether that is only the nearest one, and what sounds with it."""

    sound: str
    nearest: bool = False
    along: str = ""


@lru_cache(maxsize=1)
def vocabulary() -> Mapping[str, VocabularyEntry]:
    """Every word of the table, lower case."""
    found: dict[str, VocabularyEntry] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for word in (*row["english"].split("|"), *row["chinese"].split("|")):
                found.setdefault(word, VocabularyEntry(row["sound"], bool(row["nearest"]), row["with"] or ""))
    return MappingProxyType(found)


def entry_of(word: str) -> VocabularyEntry | None:
    """A word's entry; plurals count as their singular, forms on -ing as the verb."""
    table = vocabulary()
    for form in (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ing")):
        if form in table:
            return table[form]
    return None


def split_words(text: str, own: frozenset[str] = frozenset()) -> list[str]:
    """The words of a text in any script, lower case, without digits.

    A run of Chinese characters is cut at the longest words that are known (or in `own`), others stay together.
    """
    words: list[str] = []
    for run in _WORD.findall(text.lower()):
        begin = 0
        for han in _HAN.finditer(run):
            words += [run[begin : han.start()]] * (han.start() > begin)
            words += _cut_chinese(han.group(), own)
            begin = han.end()
        words += [run[begin:]] * (len(run) > begin)
    return words


def _cut_chinese(run: str, own: frozenset[str]) -> list[str]:
    known = vocabulary().keys() | own
    longest = max(map(len, known))
    words, rest, at = [], "", 0
    while at < len(run):
        length = next((size for size in range(min(longest, len(run) - at), 0, -1) if run[at : at + size] in known), 0)
        if length and rest:
            words.append(rest)
            rest = ""
        words += [run[at : at + length]] * bool(length)
        rest += "" if length else run[at]
        at += length or 1
    return words + [rest] * bool(rest)


def nearest_word(word: str) -> str | None:
    """The known word that is written most like an unknown one; None where none is."""
    close = difflib.get_close_matches(word, vocabulary(), n=1, cutoff=0.75)
    return close[0] if close else None

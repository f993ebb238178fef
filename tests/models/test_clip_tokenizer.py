"""CLIP's tokenizer on a table made here: words, merges, and what comes before them."""

from __future__ import annotations

import pytest

from deepsound.models.clip.tokenizer import END, START, ClipTokenizer, fix_text

MERGES = [("r", "a"), ("i", "n</w>"), ("ra", "in</w>"), ("a", "i")]
FIRST_MERGE = 512
START_ID, END_ID = FIRST_MERGE + len(MERGES), FIRST_MERGE + len(MERGES) + 1
# Where the visible bytes' letters begin: "!" is 0 inside a word and 256 at its end.
BANG = ord("!")


def ids(text: str) -> list[int]:
    return list(ClipTokenizer(MERGES).encode(text))


def inside(letters: str) -> list[int]:
    return [ord(letter) - BANG for letter in letters]


def at_end(letter: str) -> int:
    return 256 + ord(letter) - BANG


def test_the_lowest_rank_is_merged_first() -> None:
    assert ids("rain") == [FIRST_MERGE + 2]
    # "ra" ranks before "ai", which could also be merged.
    assert ids("raid") == [FIRST_MERGE, *inside("i"), at_end("d")]


def test_a_pair_is_merged_wherever_it_stands() -> None:
    assert ids("rarax") == [FIRST_MERGE, FIRST_MERGE, at_end("x")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("it's 3 o'clock", ["it", "'s", "3", "o", "'", "clock"]),
        ("we'll they'RE", ["we", "'ll", "they", "'re"]),
        ("2024: 50%!!", ["2", "0", "2", "4", ":", "5", "0", "%!!"]),
        ("  Waves \n\t splash ", ["waves", "splash"]),
        ("''s", ["''", "s"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert ids(text) == [number for word in words for number in [*inside(word[:-1]), at_end(word[-1])]]


def test_other_scripts_go_byte_by_byte() -> None:
    # U+96E8 is E9 9B A8: the second byte is not visible and is numbered behind those that are.
    assert ids("雨") == [0xE9 - 0xAE + 94 + 12, 188 + 33 + (0x9B - 0x7F), 256 + 0xA8 - 0xA1 + 94]


def test_rows_are_framed_padded_and_cut() -> None:
    short, long = ClipTokenizer(MERGES, context_length=6)(["rain", "rain " * 9]).tolist()
    assert short == [START_ID, FIRST_MERGE + 2, END_ID, 0, 0, 0]
    assert long == [START_ID, *[FIRST_MERGE + 2] * 4, END_ID]


def test_marks_in_a_text_are_their_tokens_only_between_words() -> None:
    assert ids(f"rain {END}") == [FIRST_MERGE + 2, END_ID]
    assert ids(START.upper()) == [START_ID]
    assert END_ID not in ids(f"!!{END}")


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("it’s “rain”", 'it\'s "rain"'),
        ("&lt;rain&gt; &amp; ﬁre", "<rain> & fire"),
        ("ｒａｉｎ\u3000１", "rain 1"),
        ("cafe\u0301", "caf\u00e9"),
        ("ra\x00in\ufeff", "rain"),
    ],
)
def test_text_is_made_well_formed(text: str, readable: str) -> None:
    assert fix_text(text) == readable

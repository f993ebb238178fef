"""Parts of a training answer that DeepSound-V1's losses weigh (arXiv 2503.22208, eq. 8).

L = L_format + L_keyword: the format parts are the plan and the four sections, the keyword parts are what decides the
verdict in caption, reasoning and conclusion. The paper names the parts and gives no formula for any of them; the split
by characters is this project's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMAT_PARTS = ("plan", "summary", "caption", "reasoning", "conclusion")
KEYWORD_PARTS = ("caption_keywords", "reasoning_keywords", "conclusion_keywords")
# Answers of another kind, as to the question whether the audio is silent: eq. 8 does not know them.
OTHER = "other"
PARTS = (*FORMAT_PARTS, *KEYWORD_PARTS, OTHER)

_END = re.compile(
    r"<(SUMMARY|CAPTION|REASONING|CONCLUSION)>.*?(?:</\1>|(?=<(?:SUMMARY|CAPTION|REASONING|CONCLUSION)>)|$)", re.S
)
_STEP = re.compile(r"\s*step\s*\d\s*[:.)-]", re.IGNORECASE)
_LETTER_ALONE = re.compile(r"\s*[AB](?:\.?\s*(?:Yes|No))?\.?\s*")
_SENTENCES = (
    r"there are (?:no )?people in the video",
    r"there is (?:the|no) sound of people in the audio",
    r"I detect that the audio (?:contains|does not contain) a voice-over",
)
_KEYWORDS = {
    "caption": re.compile("|".join(_SENTENCES), re.IGNORECASE),
    "reasoning": re.compile("|".join(_SENTENCES), re.IGNORECASE),
    "conclusion": re.compile(r"(?<=[>\s])[AB](?:\.\s*(?:Yes|No))?(?=[\s<.]|$)"),
}


@dataclass(frozen=True)
class PartSpan:
    """Characters `start` to before `end` of an answer that belong to one part."""

    start: int
    end: int
    part: str


@dataclass(frozen=True)
class AnswerParts:
    """An answer's format parts, which cover it without a gap, and the keywords in them."""

    formats: tuple[PartSpan, ...]
    keywords: tuple[PartSpan, ...]

    def of_token(self, text: str, start: int, end: int) -> str:
        """The part of the token at characters `start` to `end`; one that reaches beyond a keyword is format.

        Blanks around a token count for nothing: byte-level tokens begin with the blank before a word.
        """
        covered = text[start:end] if text[start:end].strip() else "-" * (end - start)
        inner_start = start + len(covered) - len(covered.lstrip())
        inner_end = end - (len(covered) - len(covered.rstrip()))
        for span in self.keywords:
            if span.start <= inner_start < inner_end <= span.end:
                return span.part
        at = min(max(inner_start, start), end)
        return next((span.part for span in self.formats if at < span.end), self.formats[-1].part)

    @property
    def closing(self) -> str:
        """The part of what ends the answer, `<|im_end|>` and the newline behind it."""
        return self.formats[-1].part


def split_answer(text: str) -> AnswerParts:
    """The parts of an answer: a plan, a chain of thought, a letter, or anything else.

    A section's part begins where the one before it ends, so that headings and separators belong to a part too.
    """
    sections = list(_END.finditer(text))
    if not sections:
        return AnswerParts((PartSpan(0, len(text), _part_of_plain(text)),), _keywords_of_letter(text))
    formats, keywords, begin = [], [], 0
    for number, section in enumerate(sections):
        name = section.group(1).lower()
        end = len(text) if number == len(sections) - 1 else section.end()
        formats.append(PartSpan(begin, end, name))
        if name in _KEYWORDS:
            found = _KEYWORDS[name].finditer(text, section.start(), section.end())
            keywords += [PartSpan(match.start(), match.end(), f"{name}_keywords") for match in found]
        begin = end
    return AnswerParts(tuple(formats), tuple(keywords))


def _part_of_plain(text: str) -> str:
    if _STEP.match(text):
        return "plan"
    return "conclusion" if _LETTER_ALONE.fullmatch(text) else OTHER


def _keywords_of_letter(text: str) -> tuple[PartSpan, ...]:
    """The letter of an answer that is one, as the letter-only model gives it."""
    match = _LETTER_ALONE.fullmatch(text)
    if match is None:
        return ()
    stripped = text.strip().rstrip(".")
    start = text.index(stripped)
    return (PartSpan(start, start + len(stripped), "conclusion_keywords"),)

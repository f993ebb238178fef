"""Parser of step 2's answers: sections and verdict from untrusted model output.

An answer may be led by words in the picture: it is data, whatever it says.

The published rule takes one character at a fixed place; this one survives missing tags, other separators, lower case,
"A." and "A. Yes", and answers that were cut off. What cannot be read is undecided, never a guess.
"""

from __future__ import annotations

import re

from deepsound.reason.cot import TABLE, Category
from deepsound.types import ChainOfThought, Verdict

MOST_READ = 20_000
_SECTIONS = ("SUMMARY", "CAPTION", "REASONING", "CONCLUSION")
_TAG = re.compile(rf"<[ \t]?(/?)[ \t]?({'|'.join(_SECTIONS)})[ \t]?>", re.IGNORECASE)
_HEADING = re.compile(rf"\n[#*\s]*(?:{'|'.join(_SECTIONS)})[*:\s]*$", re.IGNORECASE)
_UNTAGGED = re.compile(r"\bconclusion\b\W{0,8}", re.IGNORECASE)
# Of the letters, "a" is also a word: it only counts where it stands alone.
_ALONE = r"([ab])(?=\s*$|[.,:;)\]*!]|\s*<|\s+(?:yes|no)\b|\s*\n)"
_LETTER = re.compile(rf"\W*{_ALONE}", re.IGNORECASE)
_STATED = re.compile(rf"\b(?:answer|option|choice)(?: is)?\W{{0,4}}{_ALONE}", re.IGNORECASE)
_WORD = re.compile(
    r"\W*(?:(?:the )?(?:final )?answer(?: is)?\W{0,4})?(?:(yes)\b|no(?=\W*$|\s*[.,;:!)<\n]|\s+voice))", re.IGNORECASE
)
_READ = re.compile(r"<CONCLUSION>\s*[AB](?:\s*<|\s*\n|[.)]?\s*(?:Yes|No)\b\W)")
_CONTAINS = re.compile(r"\baudio (contains|does not contain|doesn't contain) (?:a |any )?voice-?\s?over", re.IGNORECASE)
# A model that declines the task; not one that cannot see a person or hear a voice.
_REFUSAL = re.compile(
    r"\b(?:I(?:['’]m| am) (?:sorry|unable|not able)|as an AI|I (?:cannot|can['’]t|can not|will not|won['’]t) (?:help|"
    r"assist|answer|determine|judge|say|tell|decide|provide|comply|process|analy[sz]e|access|view|watch|listen|fulfil))",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT_ANSWER = 40


def plain(text: str) -> str:
    """The text without what a terminal or a page would obey, and without halves of characters, which UTF-8 lacks.

    Obeyed are control characters and changes of writing direction.
    """
    return _CONTROL.sub("", text)


def read_thought(answer: str) -> ChainOfThought:
    """The four sections of an answer, the last filled one of each name; empty where they are not there.

    A section without its end reaches to the next tag, or to where the answer was cut off.
    """
    pieces = _TAG.split(plain(answer[:MOST_READ]))
    sections = dict.fromkeys(_SECTIONS, "")
    for slash, name, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        text = _HEADING.sub("", text).strip()
        if not slash and text:
            sections[name.upper()] = text
    return ChainOfThought(*(sections[name] for name in _SECTIONS))


def read_verdict(answer: str) -> Verdict:
    """Whether the answer says that there is voice-over: by its conclusion, else by what its reasoning detects."""
    answer = plain(answer[:MOST_READ])
    thought = read_thought(answer)
    if not thought.conclusion and _REFUSAL.search(answer):
        return Verdict.UNDECIDED
    for text in (thought.conclusion, _untagged_conclusion(answer)):
        verdict = _of_conclusion(text)
        if verdict is not None:
            return verdict
    for text in (thought.conclusion, thought.reasoning, answer):
        found = {match.group(1).lower() == "contains" for match in _CONTAINS.finditer(text)}
        if len(found) == 1:
            return Verdict.YES if found.pop() else Verdict.NO
    return Verdict.UNDECIDED


def conclusion_is_read(answer: str) -> bool:
    """Whether an answer that is still being written has come to its verdict: nothing that follows can change it."""
    return bool(_READ.search(answer))


def category_of(thought: ChainOfThought, verdict: Verdict) -> str:
    """Figure 4's case, by whom the thought sees and hears; empty where it does not say, or where it does not follow."""
    said = f"{thought.caption} {thought.reasoning}".lower()
    person = _either(said, "there are people in the video", "there are no people in the video")
    voice = _either(said, "there is the sound of people", "there is no sound of people")
    if person is None or voice is None:
        return ""
    category = TABLE[person, voice]
    follows = Verdict.YES if category is Category.YES else Verdict.NO
    return category.value if follows is verdict else ""


def published_letter(answer: str) -> str | None:
    """The character that the original reads in a chain of thought; None where it has none to read and crashes."""
    after = answer.rpartition("<CONCLUSION>")[2] if "<CONCLUSION>" in answer else answer
    return after[1] if len(after) > 1 else None


def published_verdict(answer: str, is_chain: bool) -> Verdict:
    """The verdict by the original's rules: that letter is `A`, or where no chain is asked for, the whole answer is."""
    letter = published_letter(answer) if is_chain else answer.strip()
    if letter is None:
        return Verdict.UNDECIDED
    return Verdict.YES if letter == "A" else Verdict.NO


def _untagged_conclusion(answer: str) -> str:
    """What stands behind the last word `conclusion`, or the whole of an answer that is about as short as a letter."""
    untagged = _TAG.sub(" ", answer)
    ends = [match.end() for match in _UNTAGGED.finditer(untagged)]
    if ends:
        return untagged[ends[-1] :]
    return answer if len(answer.strip()) <= _SHORT_ANSWER else ""


def _of_conclusion(text: str) -> Verdict | None:
    """What a conclusion says by its letter and its words; undecided where they disagree, None where it has neither."""
    said = {match.group(1).lower() == "a" for match in _STATED.finditer(text)}
    letter = _LETTER.match(text)
    if letter:
        said.add(letter.group(1).lower() == "a")
    word = _WORD.match(text, letter.end() if letter else 0)
    if word:
        said.add(bool(word.group(1)))
    if not said:
        return None
    if len(said) > 1:
        return Verdict.UNDECIDED
    return Verdict.YES if said.pop() else Verdict.NO


def _either(text: str, yes: str, no: str) -> bool | None:
    said = {answer for answer, words in ((True, yes), (False, no)) if words in text}
    return said.pop() if len(said) == 1 else None

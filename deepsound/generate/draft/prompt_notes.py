"""How the draft reads a prompt, word by word, said before the work."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.generate.draft.prompt_parser import (
    FAR,
    FILLER,
    KNOWN_WORDS_COMMAND,
    LAYERS,
    NO_SOUNDS,
    TABLE_WORDS,
    Own,
    names_of,
    palette_for,
    sounds_in_order,
    without_negations,
    words_of,
)
from deepsound.generate.draft.vocabulary import VOICE, entry_of, nearest_word

_MOST_LISTED = 8


@dataclass(frozen=True)
class PromptReading:
    """How a prompt was read, word by word: what is followed, what was left out of it, and what is not known.

    `nearest` are words with the sound that takes their place, `voices` those that ask for what the draft never makes,
    `refused` those whose sounds the negative prompt names, `negated` those that the prompt itself does not want.
    """

    used: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    nearest: tuple[tuple[str, str], ...] = ()
    voices: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    negated: tuple[str, ...] = ()


def read_prompt(prompt: str, negative_prompt: str = "", own: Own = NO_SOUNDS) -> PromptReading:
    """How `palette_for` reads the prompt; known words beyond what a palette holds are left out."""
    palette = palette_for(prompt, negative_prompt, own)
    wanted, negated = without_negations(prompt, own)
    unwanted = {name for word in (*words_of(negative_prompt, own), *negated) for name in _meanings(word, own)}
    followed = {*palette.materials, *palette.beds, *palette.sounds, *LAYERS.values()} - unwanted
    used: list[str] = []
    left_out: list[str] = []
    refused: list[str] = []
    unknown: list[str] = []
    voices: list[str] = []
    nearest: list[tuple[str, str]] = []
    for word in dict.fromkeys(wanted):
        names = _meanings(word, own)
        entry = None if word in own or word in TABLE_WORDS else entry_of(word)
        if entry is not None and entry.nearest and entry.sound in followed and names == {entry.sound}:
            nearest.append((word, entry.sound))
        elif names:
            (used if names & followed else refused if names & unwanted else left_out).append(word)
        elif entry is not None and entry.sound == VOICE:
            voices.append(word)
        elif word in FAR:
            used.append(word)
        elif word not in FILLER.split():
            unknown.append(word)
    unmade = tuple(dict.fromkeys(word for word in negated if _meanings(word, own)))
    return PromptReading(
        tuple(used), tuple(left_out), tuple(unknown), tuple(nearest), tuple(voices), tuple(refused), unmade
    )


def _meanings(word: str, own: Own) -> set[str]:
    return names_of(word) | set(sounds_in_order([word], own))


def prompt_notes(prompt: str, negative_prompt: str = "", own: Own = NO_SOUNDS) -> tuple[str, ...]:
    """What `draft` follows in the two prompts and what it does not know, in at most two sentences."""
    reading = read_prompt(prompt, negative_prompt, own)
    parts = [
        f"{what}: {_quote_list(words)}"
        for what, words in (
            ("used", reading.used),
            ("took the nearest it has for", tuple(f"{word} ({name})" for word, name in reading.nearest)),
            ("left out (two materials, two backgrounds and four recordings at most)", reading.left_out),
            ("left out for the negative prompt", reading.refused),
            ("makes none of what the prompt negates", reading.negated),
            ("makes no voices", reading.voices),
            ("did not know", tuple(map(_with_nearest, reading.unknown))),
        )
        if words
    ]
    notes = [f"draft {'; '.join(parts)}."] if parts else []
    ignored = read_prompt(negative_prompt, own=own).unknown
    if ignored:
        notes.append(f"In the negative prompt, draft did not know: {_quote_list(tuple(map(_with_nearest, ignored)))}.")
    if reading.unknown or ignored:
        notes[-1] += f" Known words: `{KNOWN_WORDS_COMMAND}`, or the help page of Generate Audio in ComfyUI."
    return tuple(notes)


def _with_nearest(word: str) -> str:
    near = nearest_word(word)
    return word if near is None else f"{word} (nearest: {near})"


def _quote_list(words: tuple[str, ...]) -> str:
    more = len(words) - _MOST_LISTED
    shown = ", ".join(word[:60] for word in words[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown

"""Prompt parser of the draft: words to materials, background beds and layers.

A word that is not in the tables changes nothing, which `prompt_notes` says, and no word leads to a voice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NEUTRAL_MATERIAL = "neutral"

_MATERIAL_WORDS = {
    "wood": "wood wooden timber plank log oak bamboo table desk door floor chair crate drumstick stick branch marimba",
    "metal": "metal metallic steel iron copper brass bronze tin aluminium aluminum chain key coin anvil hammer bell "
    "gong cymbal sword blade pan pipe wrench nail",
    "glass": "glass bottle window crystal vase marble",
    "ceramic": "ceramic porcelain cup mug plate dish tile pottery bowl china",
    "stone": "stone rock concrete brick pebble boulder pavement asphalt wall",
    "gravel": "gravel sand dirt soil snow grit leaf leaves grass straw footstep footsteps step walk walking",
    "plastic": "plastic bucket keyboard keys typing button toy lego box cardboard carton",
    "rubber": "rubber ball basketball tennis tyre tire bounce bouncing balloon",
    "water": "splash splashing puddle drip dripping droplet dive diving",
    "drum": "drum drums drumming tom snare bongo conga timpani",
    "cloth": "cloth fabric cushion pillow carpet curtain towel paper blanket clothes",
    "soft": "soft flesh punch boxing slap clap clapping hand fist body meat mud kick",
}
_BED_WORDS = {
    "wind": "wind windy storm stormy tornado hurricane gale breeze gust air blizzard",
    "rain": "rain raining rainy rainfall downpour shower drizzle",
    "stream": "water stream river brook creek fountain waterfall tap",
    "sea": "sea ocean wave waves surf beach shore coast lake",
    "fire": "fire flame flames burning campfire fireplace bonfire",
    "engine": "engine motor car truck vehicle motorcycle motorbike tractor lorry bus boat ship plane aircraft "
    "helicopter",
    "machine": "machine machinery factory fan ventilator fridge refrigerator drill washer vacuum generator "
    "computer server",
    "city": "city street traffic urban road town highway",
    "forest": "forest bird birds birdsong woodland jungle garden park woods nature tree trees",
    "night": "night cricket crickets cicada insect insects summer",
    "room": "room indoor indoors kitchen office house hall crowd people audience restaurant cafe",
}
_LAYER_WORDS = {
    "impacts": "impact impacts hit hits hitting bang bangs knock knocks percussion thud thuds",
    "whooshes": "whoosh whooshes swoosh swish swishes",
    "scrapes": "scrape scraping scrapes scratch scratching scratches drag dragging slide sliding rub rubbing sweeping "
    "sanding brushing friction",
    "beds": "background ambience ambient ambiance atmosphere bed",
}


# Words that carry no sound: an unknown one among them is not worth a note.
_FILLER = (
    "a an the and or of on in at with by to from for over under into onto as is are be it its no not without sound "
    "sounds noise audio video very some far near high quality"
)
# What the draft never makes, so that ruling it out needs no word in the tables.
_NEVER_MADE = "human voice voices speech speaking talk talking man woman child people narrator narration vocals singing"
_MOST_LISTED = 8
KNOWN_WORDS_COMMAND = "deepsound engines draft"


def known_words() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every word that changes what `draft` makes: by kind (materials, beds, layers) and by name of what it leads to."""
    tables = {"materials": _MATERIAL_WORDS, "beds": _BED_WORDS, "layers": _LAYER_WORDS}
    return {kind: {name: tuple(words.split()) for name, words in table.items()} for kind, table in tables.items()}


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words.split()}


_MATERIALS, _BEDS, _LAYERS = _by_word(_MATERIAL_WORDS), _by_word(_BED_WORDS), _by_word(_LAYER_WORDS)


@dataclass(frozen=True)
class Palette:
    """What to make sound from: names of materials (the first leads) and of beds, and which layers are wanted.

    Without beds and with `may_add_bed`, steady motion brings its own. `scrapes_named` tells that the prompt asks for
    scrapes, which otherwise stay faint.
    """

    materials: tuple[str, ...] = (NEUTRAL_MATERIAL,)
    beds: tuple[str, ...] = ()
    impacts: bool = True
    whooshes: bool = True
    scrapes: bool = True
    scrapes_named: bool = False
    may_add_bed: bool = True


def palette_for(prompt: str, negative_prompt: str = "") -> Palette:
    """The palette that a prompt asks for, less what the negative prompt names: at most two materials and beds."""
    requested, excluded = _words(prompt), _words(negative_prompt)
    refused_layers = set(_names_in_order(excluded, _LAYERS))
    refused_materials, refused_beds = set(_names_in_order(excluded, _MATERIALS)), set(_names_in_order(excluded, _BEDS))
    materials = [name for name in _names_in_order(requested, _MATERIALS) if name not in refused_materials]
    beds = [name for name in _names_in_order(requested, _BEDS) if name not in refused_beds]
    no_beds = "beds" in refused_layers
    return Palette(
        materials=tuple(materials[:2]) or (NEUTRAL_MATERIAL,),
        beds=() if no_beds else tuple(beds[:2]),
        impacts="impacts" not in refused_layers,
        whooshes="whooshes" not in refused_layers,
        scrapes="scrapes" not in refused_layers,
        scrapes_named="scrapes" in _names_in_order(requested, _LAYERS),
        may_add_bed=not no_beds and "wind" not in refused_beds,
    )


@dataclass(frozen=True)
class PromptReading:
    """How a prompt was read, word by word: what is followed, what was left out of it, and what is not known."""

    used: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def read_prompt(prompt: str, negative_prompt: str = "") -> PromptReading:
    """How `palette_for` reads the prompt; known words beyond two of a kind, or ruled out, are left out."""
    palette = palette_for(prompt, negative_prompt)
    followed = {*palette.materials, *palette.beds, *_LAYERS.values()}
    used: list[str] = []
    left_out: list[str] = []
    unknown: list[str] = []
    for word in dict.fromkeys(_words(prompt)):
        names = _names_of(word, (_MATERIALS, _BEDS, _LAYERS))
        if names:
            (used if names & followed else left_out).append(word)
        elif word not in _FILLER.split():
            unknown.append(word)
    return PromptReading(tuple(used), tuple(left_out), tuple(unknown))


def prompt_notes(prompt: str, negative_prompt: str = "") -> tuple[str, ...]:
    """What `draft` follows in the two prompts and what it does not know, in at most two sentences."""
    reading = read_prompt(prompt, negative_prompt)
    parts = [
        f"{what}: {_quote_list(words)}"
        for what, words in (
            ("used", reading.used),
            ("left out (two materials and two backgrounds at most)", reading.left_out),
            ("did not know", reading.unknown),
        )
        if words
    ]
    notes = [f"draft {'; '.join(parts)}."] if parts else []
    ignored = read_prompt(negative_prompt).unknown
    ignored = tuple(word for word in ignored if word not in _NEVER_MADE.split())
    if ignored:
        notes.append(f"In the negative prompt, draft did not know: {_quote_list(ignored)}.")
    if reading.unknown or ignored:
        notes[-1] += f" Known words: `{KNOWN_WORDS_COMMAND}`."
    return tuple(notes)


def _quote_list(words: tuple[str, ...]) -> str:
    more = len(words) - _MOST_LISTED
    shown = ", ".join(word[:40] for word in words[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def _words(text: str) -> list[str]:
    """The words of a text in any script, without digits; scripts without spaces give one word a run."""
    return re.findall(r"[^\W\d_]+", text.lower())


def _names_of(word: str, tables: tuple[dict[str, str], ...]) -> set[str]:
    """What a word stands for in any of the tables; plurals count as their singular."""
    forms = (word, word.removesuffix("s"), word.removesuffix("es"))
    return {table[form] for table in tables for form in forms if form in table}


def _names_in_order(words: list[str], table: dict[str, str]) -> list[str]:
    """The names that the words stand for, in the prompt's order, each once; plurals count as their singular."""
    found = (
        table.get(word) or table.get(word.removesuffix("s")) or table.get(word.removesuffix("es")) for word in words
    )
    return list(dict.fromkeys(name for name in found if name is not None))

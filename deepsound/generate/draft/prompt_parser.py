"""Prompt parser of the draft: words to recordings, materials, background beds and layers.

A word that is not in the tables changes nothing, which `prompt_notes` says, and no word leads to a voice. The words of
`vocabulary` join the tables here; a user's own sounds (`own`) come before all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deepsound.generate.draft.recordings import NAMES, Recording
from deepsound.generate.draft.vocabulary import BACKGROUND, entry_of, split_words, vocabulary

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
FILLER = (
    "a an the and or of on in at with by to from for over under into onto as is are be it its no not without sound "
    "sounds noise audio video very some near high quality 的 和 在 与 声 声音 了 着 一 个 只"
)
# Words of distance, for recordings.
FAR = frozenset(["far", "distant", "distance", "faraway", "remote", "远", "远处", "远方", "遥远"])
# The one of a single character is also part of other words, such as 永远, always.
_FAR_CHINESE = frozenset(word for word in FAR if not word.isascii() and len(word) > 1)
_MOST_SOUNDS = 4
_CLAUSE_END = re.compile(r"[,.;:!?\n()\uff0c\u3002\uff1b\uff1a\uff01\uff1f\u3001\uff08\uff09]")
_NEGATIONS = frozenset(["no", "without"])
_CHINESE_NEGATIONS = ("没有", "不要")
_OR = frozenset(["or", "nor", "或", "或者"])
KNOWN_WORDS_COMMAND = "deepsound engines draft"


def known_words() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every word that changes what `draft` makes: by kind (materials, beds, layers) and by name of what it leads to."""
    tables = {"materials": _MATERIAL_WORDS, "beds": _BED_WORDS, "layers": _LAYER_WORDS}
    known = {kind: {name: tuple(words.split()) for name, words in table.items()} for kind, table in tables.items()}
    found: dict[str, tuple[str, ...]] = {}
    for word, entry in vocabulary().items():
        if not entry.nearest and entry.sound in NAMES:
            found[entry.sound] = (*found.get(entry.sound, ()), word)
    return {"recordings": found, **known}


def _by_word(table: dict[str, str]) -> dict[str, str]:
    """Names by word: those of the vocabulary too, where the table has the name and not the word."""
    own = {word: name for name, words in table.items() for word in words.split()}
    return {word: entry.sound for word, entry in vocabulary().items() if entry.sound in table} | own


_MATERIALS, _BEDS, LAYERS = _by_word(_MATERIAL_WORDS), _by_word(_BED_WORDS), _by_word(_LAYER_WORDS)
LAYERS |= {word: "beds" for word, entry in vocabulary().items() if entry.sound == BACKGROUND}
_TABLES = (_MATERIALS, _BEDS, LAYERS)
# Words of these tables mean what they stand for, whatever the vocabulary has for the nearest.
TABLE_WORDS = {
    word for table in (_MATERIAL_WORDS, _BED_WORDS, _LAYER_WORDS) for words in table.values() for word in words.split()
}
Own = Mapping[str, Recording]
NO_SOUNDS: Own = {}


@dataclass(frozen=True)
class Palette:
    """What to make sound from: names of materials (the first leads), beds and recordings, and the layers wanted.

    Without beds and with `may_add_bed`, steady motion brings its own. `scrapes_named` tells that the prompt asks for
    scrapes, which otherwise stay faint, `impacts_named` and `whooshes_named` for those, `distant` that recordings sound
    from afar.
    """

    materials: tuple[str, ...] = (NEUTRAL_MATERIAL,)
    beds: tuple[str, ...] = ()
    impacts: bool = True
    whooshes: bool = True
    scrapes: bool = True
    scrapes_named: bool = False
    may_add_bed: bool = True
    sounds: tuple[str, ...] = ()
    distant: bool = False
    impacts_named: bool = False
    whooshes_named: bool = False


def palette_for(prompt: str, negative_prompt: str = "", own: Own = NO_SOUNDS) -> Palette:
    """The palette that a prompt asks for, less what the negative prompt names, or it itself by a "no" or "without".

    At most two materials, two beds and four recordings, of the package and of the user's `own` by their tags.
    """
    requested, negated = without_negations(prompt, own)
    excluded = [*words_of(negative_prompt, own), *negated]
    refused_layers = set(_names_in_order(excluded, LAYERS))
    refused_materials, refused_beds = set(_names_in_order(excluded, _MATERIALS)), set(_names_in_order(excluded, _BEDS))
    materials = [name for name in _names_in_order(requested, _MATERIALS) if name not in refused_materials]
    beds = [name for name in _names_in_order(requested, _BEDS) if name not in refused_beds]
    no_beds = "beds" in refused_layers
    refused_sounds = set(sounds_in_order(excluded, own))
    sounds = [name for name in sounds_in_order(requested, own) if name not in refused_sounds]
    return Palette(
        materials=tuple(materials[:2]) or (NEUTRAL_MATERIAL,),
        beds=() if no_beds else tuple(beds[:2]),
        impacts="impacts" not in refused_layers,
        whooshes="whooshes" not in refused_layers,
        scrapes="scrapes" not in refused_layers,
        scrapes_named="scrapes" in _names_in_order(requested, LAYERS),
        may_add_bed=not no_beds and "wind" not in refused_beds,
        sounds=tuple(sounds[:_MOST_SOUNDS]),
        distant=bool(FAR & set(requested)),
        impacts_named="impacts" in _names_in_order(requested, LAYERS),
        whooshes_named="whooshes" in _names_in_order(requested, LAYERS),
    )


def sounds_in_order(words: list[str], own: Own) -> list[str]:
    """Recordings that the words stand for, each once: the user's by their tags, else the package's."""
    found = []
    for word in words:
        tag = next((form for form in _forms(word) if form in own), None)
        entry = entry_of(word)
        if tag is not None:
            found.append(tag)
        elif entry is not None and entry.sound in NAMES:
            found += [entry.sound, entry.along] if entry.along else [entry.sound]
    return list(dict.fromkeys(found))


def words_of(text: str, own: Own = NO_SOUNDS) -> list[str]:
    """The words of a text in any script, without digits; Chinese is cut into known words."""
    return split_words(text, _FAR_CHINESE.union(own))


def without_negations(prompt: str, own: Own = NO_SOUNDS) -> tuple[list[str], list[str]]:
    """The words of a prompt, and apart from them those that it does not want, such as `music` in "no loud music".

    A negation reaches in its clause up to the first known word, and over `or` to the next one.
    """
    wanted: list[str] = []
    negated: list[str] = []
    for clause in _CLAUSE_END.split(prompt):
        is_open, was_known = False, False
        for word in words_of(clause, own):
            if word in _NEGATIONS or word.endswith(_CHINESE_NEGATIONS):
                is_open, was_known = True, False
                continue
            if was_known:
                is_open, was_known = word in _OR, False
                if is_open:
                    continue
            (negated if is_open else wanted).append(word)
            was_known = is_open and (word in own or bool(names_of(word)) or entry_of(word) is not None)
    return wanted, negated


def _forms(word: str) -> tuple[str, str, str]:
    return word, word.removesuffix("s"), word.removesuffix("es")


def names_of(word: str) -> set[str]:
    """What a word stands for in any of the tables; plurals count as their singular."""
    return {table[form] for table in _TABLES for form in _forms(word) if form in table}


def _names_in_order(words: list[str], table: dict[str, str]) -> list[str]:
    """The names that the words stand for, in the prompt's order, each once; plurals count as their singular."""
    found = (next((table[form] for form in _forms(word) if form in table), None) for word in words)
    return list(dict.fromkeys(name for name in found if name is not None))

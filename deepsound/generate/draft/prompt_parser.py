"""From prompt words to what things are made of and what is heard behind them.

A word that is not in the tables changes nothing, and no word leads to a voice.
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
    wanted, unwanted = _words(prompt), _words(negative_prompt)
    refused_layers = set(_named(unwanted, _LAYERS))
    refused_materials, refused_beds = set(_named(unwanted, _MATERIALS)), set(_named(unwanted, _BEDS))
    materials = [name for name in _named(wanted, _MATERIALS) if name not in refused_materials]
    beds = [name for name in _named(wanted, _BEDS) if name not in refused_beds]
    no_beds = "beds" in refused_layers
    return Palette(
        materials=tuple(materials[:2]) or (NEUTRAL_MATERIAL,),
        beds=() if no_beds else tuple(beds[:2]),
        impacts="impacts" not in refused_layers,
        whooshes="whooshes" not in refused_layers,
        scrapes="scrapes" not in refused_layers,
        scrapes_named="scrapes" in _named(wanted, _LAYERS),
        may_add_bed=not no_beds and "wind" not in refused_beds,
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _named(words: list[str], table: dict[str, str]) -> list[str]:
    """The names that the words stand for, in the prompt's order, each once; plurals count as their singular."""
    found = (
        table.get(word) or table.get(word.removesuffix("s")) or table.get(word.removesuffix("es")) for word in words
    )
    return list(dict.fromkeys(name for name in found if name is not None))

"""Prompt presets by category: words that the embedded draft and the published models know."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.choices import Option, names_of, option

NO_PRESET = "none"
# What MMAudio's and FoleyCrafter's users keep out of effects; `draft` makes neither.
NEGATIVE = "human voice, speech, music"


@dataclass(frozen=True)
class PromptPreset(Option):
    """A prompt, its `category`, and what should not be heard with it; `help` is the prompt itself."""

    category: str = ""
    negative_prompt: str = NEGATIVE

    @property
    def prompt(self) -> str:
        """The words for a generator."""
        return self.help


def _presets(category: str, **prompts: str) -> tuple[PromptPreset, ...]:
    return tuple(
        PromptPreset(name, f"{category}: {name.replace('_', ' ')}", prompt, category)
        for name, prompt in prompts.items()
    )


PROMPT_PRESETS = (
    *_presets(
        "footsteps",
        steps_gravel="footsteps on gravel",
        steps_wood="footsteps on a wooden floor",
        steps_snow="footsteps in snow",
    ),
    *_presets(
        "impacts",
        wood_hit="hitting wood, knock",
        metal_hit="hammer hitting metal",
        glass_break="glass bottle, crash",
        drums="drum, drumming",
        water_splash="splash, water",
        cloth="cloth, fabric, rubbing",
        door="wooden door, creak",
        keyboard="typing, keyboard, click",
        explosion="distant explosion",
    ),
    *_presets(
        "weather",
        rain="rain, downpour",
        thunderstorm="thunder, rain, wind",
        wind="wind, gust",
    ),
    *_presets(
        "water",
        sea="sea, waves, beach",
        river="river, stream",
        bubbles="bubbles, water",
    ),
    *_presets(
        "nature",
        forest="forest, birds",
        night="crickets, night",
        campfire="campfire, burning wood",
        dog="dog",
        horse="horse gallop",
    ),
    *_presets(
        "traffic",
        car_passes="car passing",
        engine="engine, car",
        train="train",
        helicopter="helicopter",
        city="city, traffic",
    ),
    *_presets(
        "rooms",
        room="room, indoor ambience",
        factory="machine, factory",
        applause="applause, crowd",
    ),
)
PROMPT_PRESET_NAMES = names_of(PROMPT_PRESETS)


def prompt_preset(name: str) -> PromptPreset:
    """The preset of that name. Raises InputError, which lists the names, for one that is not in the table."""
    return option("prompt_preset", name, PROMPT_PRESETS)


def join_prompt(preset: str, prompt: str) -> str:
    """A preset's words before one's own; `prompt` alone for "" and "none". Raises InputError for an unknown preset.

    Where `prompt` has lines with times, the preset is a line of its own, which holds for all of the sound.
    """
    if preset in ("", NO_PRESET):
        return prompt
    words, own = prompt_preset(preset).prompt, prompt.strip()
    return words if not own else f"{words}\n{own}" if "\n" in own else f"{words}, {own}"

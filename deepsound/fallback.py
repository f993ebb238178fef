"""Table of step 4's fallback modes, read by pipeline, nodes, command line and page.

A new mode is one row here, its translations in `locales/` and, where it needs a branch of its own in a drawn graph, a
line in `scripts/workflows`; `tests/nodes/test_choices.py` names whichever of them is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.choices import Option, names_of, option

if TYPE_CHECKING:
    from deepsound.types import Audio

# What the original project asks the generator to avoid when it generates again.
NEG_PROMPT = "human voice"


@dataclass(frozen=True)
class FinalSound:
    """The sound a run ends with (None: no sound) and where it is from: coarse, background, regenerated or removed."""

    audio: Audio | None
    source: str


@dataclass(frozen=True)
class FallbackMode(Option):
    """What becomes final when silence is left: `rule` gets the coarse audio and a way to generate again.

    `regenerates` says that the rule makes use of the latter; `masks` that what is generated again is the voiced spans
    alone, without the picture and with the rest of the sound held; `keeps_voice` that the voice stays.
    """

    rule: Callable[[Audio, Callable[[], Audio]], FinalSound] = lambda coarse, regenerate: FinalSound(coarse, "coarse")
    regenerates: bool = False
    masks: bool = False
    keeps_voice: bool = False


FALLBACKS = (
    FallbackMode(
        "neg",
        "generate again, avoiding voices",
        f"generate again with '{NEG_PROMPT}' as negative prompt",
        lambda coarse, regenerate: FinalSound(regenerate(), "regenerated"),
        regenerates=True,
    ),
    FallbackMode(
        "rep",
        "keep the coarse sound",
        "keep the coarse sound, voice and all",
        lambda coarse, regenerate: FinalSound(coarse, "coarse"),
        keeps_voice=True,
    ),
    FallbackMode(
        "rm",
        "no sound",
        "drop the sound",
        lambda coarse, regenerate: FinalSound(None, "removed"),
    ),
    FallbackMode(
        "mask",
        "generate only the voiced spans again, without the picture",
        "generate the voiced spans again with the picture hidden and the rest of the sound held",
        lambda coarse, regenerate: FinalSound(regenerate(), "regenerated"),
        regenerates=True,
        masks=True,
    ),
)
FALLBACK_NAMES = names_of(FALLBACKS)
DEFAULT_FALLBACK = FALLBACKS[0].name


def fallback_mode(name: str, what: str = "fallback") -> FallbackMode:
    """The row of that name, which the error calls `what`. Raises InputError for one that is not in the table."""
    return option(what, name, FALLBACKS)


def without_voice(negative_prompt: str, replaced: bool = False) -> str:
    """The negative prompt of the mode `neg`: beside the user's own, or `replaced` by it as in the original."""
    if replaced:
        return NEG_PROMPT
    return ", ".join(part for part in (negative_prompt.strip(), NEG_PROMPT) if part)

"""The systems of the paper's Tables 1 and 2, each a rule over what one clip's steps made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepsound.types import Audio, Judgement, Silence, Stems


@dataclass(frozen=True)
class ClipSounds:
    """What the steps made of one clip: every system's sound follows from these.

    `negative` is generated with the published negative prompt in place of the user's; where `avoids_voices` is false,
    by another generator, and only for a clip that falls back (else None), since this one would make the same sound
    again. `stems` and `silence` exist where the coarse sound is judged voice-over.
    """

    coarse: Audio
    negative: Audio | None
    judgement: Judgement
    is_voice_over: bool
    stems: Stems | None = None
    silence: Silence | None = None
    avoids_voices: bool = True

    @property
    def without_voice(self) -> Audio:
        """Step 3's sound: the background where a voice-over was found, else the coarse sound."""
        return self.stems.background if self.stems is not None else self.coarse

    @property
    def falls_back(self) -> bool:
        """Whether step 4 finds only silence after removal."""
        return self.silence is not None and self.silence.is_silent


@dataclass(frozen=True)
class System:
    """A row of the tables: its folder's name, the paper's name, and which of a clip's sounds it ends with.

    `source` gives one of coarse, negative, background or "" (no sound, so that the clip is not in the set).
    """

    name: str
    label: str
    source: Callable[[ClipSounds], str]


def _after_removal(otherwise: str) -> Callable[[ClipSounds], str]:
    def source(sounds: ClipSounds) -> str:
        if not sounds.is_voice_over:
            return "coarse"
        return otherwise if sounds.falls_back and otherwise != "background" else "background"

    return source


def _without_voice_over(sounds: ClipSounds) -> str:
    source = _after_removal("removed")(sounds)
    return "" if source == "removed" else source


SYSTEMS = (
    System("direct", "Direct", lambda sounds: "coarse"),
    System("direct_neg", "Direct-neg", lambda sounds: "negative" if sounds.avoids_voices else ""),
    System("s3", "Ours-s3", _after_removal("background")),
    System("s4_rm", "Ours-s4-rm", _without_voice_over),
    System("s4_rep", "Ours-s4-rep", _after_removal("coarse")),
    System("s4_neg", "Ours-s4-neg", _after_removal("negative")),
)

# The row of SYSTEMS that the published Table 1 calls "Our best".
OUR_BEST = "s3"


def sound_of(sounds: ClipSounds, source: str) -> Audio | None:
    """The sound of that name; None for no sound."""
    return {
        "coarse": sounds.coarse,
        "negative": sounds.negative,
        "background": sounds.without_voice,
        "": None,
    }[source]

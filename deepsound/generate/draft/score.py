"""What is to be heard and when: the one thing motion analysis and synthesis have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepsound.generate.draft.motion import Movement


@dataclass(frozen=True)
class Impact:
    """Something hits something at `time_s`: `strength` from 0 to 1, `x` from 0 (left) to 1 (right), `size` the share
    of the picture that moved, 0 to 1, and `speed` before the hit in long sides of the picture per second."""

    time_s: float
    strength: float
    x: float = 0.5
    size: float = 0.05
    speed: float = 1.0


@dataclass(frozen=True)
class Score:
    """A clip as its sound is made from it: `duration_s` seconds with impacts and the movement between them."""

    duration_s: float
    impacts: tuple[Impact, ...] = ()
    movements: tuple[Movement, ...] = ()

"""The foley score: impacts, movements and cuts, from motion analysis to synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepsound.generate.draft.motion import Movement


# In long sides of the picture per second, above what a codec's noise makes of a still picture.
_LEAST_ENERGY = 0.0003
_LEAST_CAMERA_SPEED = 0.003


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
class FoleyScore:
    """A clip as its sound is made from it: `duration_s` seconds with impacts, the movement between them, and cuts."""

    duration_s: float
    impacts: tuple[Impact, ...] = ()
    movements: tuple[Movement, ...] = ()
    cuts_s: tuple[float, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether anything in the picture moves, the camera and the cutting included; a still picture does not."""
        return bool(self.impacts or self.cuts_s) or any(
            movement.energy > _LEAST_ENERGY or movement.camera_speed > _LEAST_CAMERA_SPEED
            for movement in self.movements
        )

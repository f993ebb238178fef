"""The foley score: impacts, movements and cuts, from motion analysis to synthesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepsound.types import Span

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


def without_spans(score: FoleyScore, spans: Sequence[Span]) -> FoleyScore:
    """The score as if the picture stood still within `spans`: no impacts, no cuts, no movement there."""
    if not spans:
        return score

    def is_within(time_s: float) -> bool:
        return any(span.start_s <= time_s < span.end_s for span in spans)

    return replace(
        score,
        impacts=tuple(impact for impact in score.impacts if not is_within(impact.time_s)),
        movements=tuple(_at_rest(each) if is_within(each.time_s) else each for each in score.movements),
        cuts_s=tuple(time_s for time_s in score.cuts_s if not is_within(time_s)),
    )


def _at_rest(movement: Movement) -> Movement:
    return replace(
        movement, energy=0.0, top_speed=0.0, area=0.0, drift_x=0.0, drift_y=0.0, steady=1.0, camera_speed=0.0
    )

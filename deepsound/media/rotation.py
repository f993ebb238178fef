"""Display-matrix rotation: turns frames upright that phones store sideways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import av


@dataclass(frozen=True)
class Orientation:
    """How a stored picture becomes the displayed one: transposed first, then flipped."""

    transposed: bool = False
    flipped_left_right: bool = False
    flipped_up_down: bool = False

    @property
    def degrees(self) -> int:
        """The turn in degrees, clockwise, in {0, 90, 180, 270}; mirroring is not counted."""
        if self.transposed:
            return 90 if self.flipped_left_right else 270
        return 180 if self.flipped_up_down else 0

    def displayed_size(self, width: int, height: int) -> tuple[int, int]:
        return (height, width) if self.transposed else (width, height)

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Turn a picture [height, width, ...] upright; contiguous, and the same array where nothing is to be done."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        if self.flipped_left_right:
            picture = picture[:, ::-1]
        if self.flipped_up_down:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The orientation a frame's display matrix asks for, to the nearest right angle."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    # [x', y'] = [a x + c y, b x + d y], 16.16 fixed point, three numbers a row (ISO/IEC 14496-12, section 6.2.2).
    a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(bytes(matrix), dtype=np.int32))
    if abs(b) > abs(a):
        return Orientation(True, flipped_left_right=c < 0, flipped_up_down=b < 0)
    return Orientation(False, flipped_left_right=a < 0, flipped_up_down=d < 0)

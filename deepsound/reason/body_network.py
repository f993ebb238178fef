"""BlazePose, person detector (arXiv 2006.10204), weights in the package."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.reason.detector import is_seen_in_every, load_detector
from deepsound.reason.letterbox import SMALLEST_PIXELS, cut_out, letterbox, windows

if TYPE_CHECKING:
    import torch

    from deepsound.models.blazepose.model import BlazePoseDetector

Circle = tuple[float, float, float]

WEIGHTS = Path(__file__).parent / "weights" / "blazepose_detector.safetensors"
# How much of the picture around a body is shown at the second look, in radii of the circle around it.
_CUT_OUTS = (1.1, 1.5)
_MOST_LOOKED_AT = 6


class BodyNetwork:
    """Looks at a whole picture and at overlapping squares of it, and again at each body it finds."""

    def __init__(self, first: float, again: float) -> None:
        self._first, self._again = first, again
        self._network = _network()

    def look(self, picture: torch.Tensor) -> Iterator[tuple[Circle, float]]:
        """The bodies in a picture float [3, height, width] from 0 to 255 as circles (x, y, radius), the surest first.

        A circle's middle is between the hips; it goes around the whole body, seen or not.
        """
        if min(picture.shape[1:]) < SMALLEST_PIXELS:
            return
        found = sorted(self._candidates(picture), key=lambda body: -body[1])
        looked_at: list[Circle] = []
        for circle, score in found:
            if any(_is_same(circle, other) for other in looked_at):
                continue
            if len(looked_at) == _MOST_LOOKED_AT:
                return
            looked_at.append(circle)
            if self._is_seen_again(picture, circle):
                yield circle, score

    def _candidates(self, picture: torch.Tensor) -> list[tuple[Circle, float]]:
        import torch

        from deepsound.models.blazepose.model import SIZE, people

        places = windows(*picture.shape[1:])
        fitted = [letterbox(picture[:, top : top + high, left : left + wide], SIZE) for top, left, high, wide in places]
        with torch.inference_mode():
            scores, boxes = self._network(torch.stack([each.square for each in fitted]))
        found = []
        for (top, left, *_), fit, rows in zip(places, fitted, people(scores, boxes, self._first), strict=True):
            for across, down, radius, score in rows.tolist():
                centre = ((across * SIZE - fit.x) / fit.scale + left, (down * SIZE - fit.y) / fit.scale + top)
                found.append(((*centre, radius * SIZE / fit.scale), score))
        return found

    def _is_seen_again(self, picture: torch.Tensor, circle: Circle) -> bool:
        """Whether the network still sees a body there when it fills the picture, in two sizes."""
        from deepsound.models.blazepose.model import SIZE

        x, y, radius = circle
        parts = [cut_out(picture, x, y, radius * share) for share in _CUT_OUTS]
        return is_seen_in_every(self._network, parts, SIZE, self._again)


@lru_cache(maxsize=1)
def _network() -> BlazePoseDetector:
    from deepsound.models.blazepose.model import BlazePoseDetector

    return load_detector(BlazePoseDetector, WEIGHTS)


def _is_same(one: Circle, other: Circle) -> bool:
    """Whether the middle of one body is within half the radius of the other's."""
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 < (other[2] / 2) ** 2

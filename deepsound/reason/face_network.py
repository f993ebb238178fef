"""BlazeFace, full-range face detector (arXiv 1907.05047), weights in the package."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.reason.detector import is_seen_in_every, load_detector
from deepsound.reason.letterbox import SMALLEST_PIXELS, cut_out, letterbox, windows

if TYPE_CHECKING:
    import torch

    from deepsound.models.blazeface.model import BlazeFace

Box = tuple[int, int, int, int]

WEIGHTS = Path(__file__).parent / "weights" / "blazeface_full_range.safetensors"
# How much of the picture around a face is shown at the second look, in faces.
_CUT_OUTS = (2.2, 3.5)


class FaceNetwork:
    """Looks at a whole picture and at overlapping squares of it, and again at each face it finds."""

    def __init__(self, first: float, again: float) -> None:
        self._first, self._again = first, again
        self._network = _network()

    def look(self, picture: torch.Tensor) -> Iterator[tuple[Box, float]]:
        """The faces in a picture float [3, height, width] from 0 to 255, the surest first; none inside another."""
        if min(picture.shape[1:]) < SMALLEST_PIXELS:
            return
        found = sorted(self._candidates(picture), key=lambda face: -face[4])
        taken: list[tuple[float, ...]] = []
        for face in found:
            if any(_is_same(face, other) for other in taken) or not self._is_seen_again(picture, face):
                continue
            taken.append(face)
            left, top, width, height = (round(value) for value in face[:4])
            yield (left, top, width, height), face[4]

    def _candidates(self, picture: torch.Tensor) -> list[tuple[float, ...]]:
        """Left, top, width, height in pixels and score, 0 to 1, of what may be faces."""
        import torch

        from deepsound.models.blazeface.model import SIZE, detections

        places = windows(*picture.shape[1:])
        fitted = [letterbox(picture[:, top : top + high, left : left + wide], SIZE) for top, left, high, wide in places]
        with torch.inference_mode():
            scores, boxes = self._network(torch.stack([each.square for each in fitted]))
        found: list[tuple[float, ...]] = []
        for (top, left, *_), fit, rows in zip(places, fitted, detections(scores, boxes, self._first), strict=True):
            for across, down, wide, high, score in rows.tolist():
                begin = ((across * SIZE - fit.x) / fit.scale + left, (down * SIZE - fit.y) / fit.scale + top)
                found.append((*begin, wide * SIZE / fit.scale, high * SIZE / fit.scale, score))
        return found

    def _is_seen_again(self, picture: torch.Tensor, face: tuple[float, ...]) -> bool:
        """Whether the network still sees a face in it when it fills more of the picture."""
        from deepsound.models.blazeface.model import SIZE

        left, top, width, height, _ = face
        centre = left + width / 2, top + height / 2
        parts = [cut_out(picture, *centre, max(width, height) * faces / 2) for faces in _CUT_OUTS]
        return is_seen_in_every(self._network, parts, SIZE, self._again)


@lru_cache(maxsize=1)
def _network() -> BlazeFace:
    from deepsound.models.blazeface.model import BlazeFace

    return load_detector(BlazeFace, WEIGHTS)


def _is_same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether the middle of one face lies in the other."""
    x, y = one[0] + one[2] / 2, one[1] + one[3] / 2
    return other[0] <= x <= other[0] + other[2] and other[1] <= y <= other[1] + other[3]

"""BlazeFace, full-range face detector (arXiv 1907.05047), weights in the package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepsound.media.views import Still

if TYPE_CHECKING:
    import torch

    from deepsound.models.blazeface.model import BlazeFace

Box = tuple[int, int, int, int]
Kind = Literal["face", "body"]

WEIGHTS = Path(__file__).parent / "weights" / "blazeface_full_range.safetensors"
# How much of the picture around a face is shown at the second look, in faces.
_CUT_OUTS = (2.2, 3.5)


@dataclass(frozen=True)
class PersonDetection:
    """A person in the frame at `time_s`: a 'face' or a 'body', its `box` (left, top, width, height in pixels of the
    still) and the detector's `score` (higher is surer; faces and bodies have scales of their own)."""

    time_s: float
    kind: Kind
    box: Box
    score: float


@dataclass(frozen=True)
class PeopleSettings:
    """Sizes in pixels of a picture whose longer side is `long_side`; scores are the detectors' own last-stage sums.

    The scores lie between what real faces get and what coins, bricks and logos get; a face 40 pixels wide in a
    640-pixel picture is `smallest_face` here. `face` and `face_again` are BlazeFace's, 0 to 1: at first sight, and at a
    second look at the face cut out, in two sizes.
    """

    long_side: int = 480
    smallest_face: int = 24
    looked_at_size: int = 96
    profile_scale: float = 2 / 3
    face: float = 0.6
    face_again: float = 0.5
    frontal: float = 2.5
    frontal_alt: float = 107.4
    profile: float = 1.5
    body: float = 1.2
    body_frames: int = 2


class FaceNetwork:
    """Looks at a whole picture and at overlapping squares of it, and again at each face it finds."""

    def __init__(self, settings: PeopleSettings) -> None:
        self.settings = settings
        self._network = _network()

    def look(self, still: Still) -> Iterator[PersonDetection]:
        """The faces in `still`, the surest first; none inside another."""
        import torch

        picture = torch.from_numpy(still.image.copy()).float().permute(2, 0, 1)
        if min(picture.shape[1:]) < 8:
            return
        found = sorted(self._candidates(picture), key=lambda face: -face[4])
        taken: list[tuple[float, ...]] = []
        for face in found:
            if any(_is_same(face, other) for other in taken) or not self._is_seen_again(picture, face):
                continue
            taken.append(face)
            left, top, width, height = (round(value) for value in face[:4])
            yield PersonDetection(still.time_s, "face", (left, top, width, height), face[4])

    def _candidates(self, picture: torch.Tensor) -> list[tuple[float, ...]]:
        """Left, top, width, height in pixels and score, 0 to 1, of what may be faces."""
        import torch

        from deepsound.models.blazeface.model import SIZE, detections

        _, height, width = picture.shape
        side = min(height, width)
        squares = {(0, 0), (0, width - side), (height - side, 0)} if side < max(height, width) else set()
        windows = [(0, 0, height, width), *((top, left, side, side) for top, left in sorted(squares))]
        fitted = [_letterbox(picture[:, top : top + high, left : left + wide]) for top, left, high, wide in windows]
        with torch.inference_mode():
            scores, boxes = self._network(torch.stack([shown for shown, *_ in fitted]))
        found: list[tuple[float, ...]] = []
        places = detections(scores, boxes, self.settings.face)
        for (top, left, *_), (_, scale, x, y), rows in zip(windows, fitted, places, strict=True):
            for across, down, wide, high, score in rows.tolist():
                begin = ((across * SIZE - x) / scale + left, (down * SIZE - y) / scale + top)
                found.append((*begin, wide * SIZE / scale, high * SIZE / scale, score))
        return found

    def _is_seen_again(self, picture: torch.Tensor, face: tuple[float, ...]) -> bool:
        """Whether the network still sees a face in it when it fills more of the picture."""
        import torch

        left, top, width, height, _ = face
        looks = []
        for faces in _CUT_OUTS:
            half = max(width, height) * faces / 2
            x, y = left + width / 2, top + height / 2
            rows = slice(max(round(y - half), 0), max(round(y + half), 0))
            columns = slice(max(round(x - half), 0), max(round(x + half), 0))
            cut = picture[:, rows, columns]
            if min(cut.shape[1:]) < 8:
                return False
            looks.append(_letterbox(cut)[0])
        with torch.inference_mode():
            scores, _ = self._network(torch.stack(looks))
        return bool((scores.sigmoid().amax(dim=(1, 2)) >= self.settings.face_again).all())


@lru_cache(maxsize=1)
def _network() -> BlazeFace:
    from safetensors.torch import load_file

    from deepsound.models.blazeface.model import BlazeFace

    network = BlazeFace().eval()
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    return network


def _letterbox(picture: torch.Tensor) -> tuple[torch.Tensor, float, int, int]:
    """The picture in the middle of the network's square, in [-1, 1]; how much it was scaled, and where it begins."""
    from torch.nn import functional

    from deepsound.models.blazeface.model import SIZE

    _, height, width = picture.shape
    scale = SIZE / max(height, width)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    small = functional.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]
    y, x = (SIZE - size[0]) // 2, (SIZE - size[1]) // 2
    square = functional.pad(small, (x, SIZE - size[1] - x, y, SIZE - size[0] - y))
    return square / 127.5 - 1, scale, x, y


def _is_same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether the middle of one face lies in the other."""
    x, y = one[0] + one[2] / 2, one[1] + one[3] / 2
    return other[0] <= x <= other[0] + other[2] and other[1] <= y <= other[1] + other[3]

"""Face landmarks of a picture with Face Mesh (arXiv 1907.06724), weights in the package."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deepsound.reason.detector import load_detector
from deepsound.reason.face_network import Box

if TYPE_CHECKING:
    import torch

    from deepsound.models.face_mesh.model import FaceMesh

WEIGHTS = Path(__file__).parent / "weights" / "face_mesh.safetensors"
# Face Mesh's own: the crop is half as large again as the face, turned so that the eyes are level.
_CROP = 1.5
_RIGHT_EYE, _LEFT_EYE = 33, 263
_UPPER_LIP, _LOWER_LIP = 13, 14
# The logit of one half.
_LEAST_LOGIT = 0.0


class Crop(NamedTuple):
    """A square of a picture in pixels: its centre, its side and the angle in radians by which it is turned."""

    x: float
    y: float
    side: float
    angle: float


def crop_of_box(box: Box) -> Crop:
    """The crop for a face that a detector found in `box`, taken to be upright."""
    left, top, width, height = box
    return Crop(left + width / 2, top + height / 2, _CROP * max(width, height), 0.0)


def crop_of_landmarks(landmarks: torch.Tensor) -> Crop:
    """The crop for the face whose landmarks [468, 3] were found in the frame before."""
    across, down, _ = (landmarks[_LEFT_EYE] - landmarks[_RIGHT_EYE]).tolist()
    middle = (landmarks.amax(dim=0) + landmarks.amin(dim=0))[:2] / 2
    side = float((landmarks.amax(dim=0) - landmarks.amin(dim=0))[:2].max())
    x, y = middle.tolist()
    return Crop(x, y, _CROP * side, math.atan2(down, across))


def find_landmarks(picture: torch.Tensor, crops: list[Crop]) -> list[torch.Tensor | None]:
    """For each crop of a picture float [3, height, width] from 0 to 255 the landmarks, None where there is no face.

    Landmarks are float [468, 3]: x, y and depth in pixels of the picture.
    """
    import torch

    from deepsound.models.face_mesh.model import SIZE

    if not crops:
        return []
    with torch.inference_mode():
        landmarks, logits = _network()(torch.cat([_cut_out(picture, crop, SIZE) for crop in crops]))
    return [
        _in_picture(found / SIZE, crop) if logit > _LEAST_LOGIT else None
        for found, logit, crop in zip(landmarks, logits.tolist(), crops, strict=True)
    ]


def mouth_opening(landmarks: torch.Tensor) -> float:
    """The gap between the lips in distances between the outer corners of the eyes, of landmarks [468, 3].

    Both are measured in three dimensions, so that a turned head changes little.
    """
    return float((landmarks[_UPPER_LIP] - landmarks[_LOWER_LIP]).norm() / eye_distance(landmarks))


def eye_distance(landmarks: torch.Tensor) -> float:
    """The distance between the outer corners of the eyes in pixels."""
    return max(float((landmarks[_LEFT_EYE] - landmarks[_RIGHT_EYE]).norm()), 1e-6)


def _cut_out(picture: torch.Tensor, crop: Crop, size: int) -> torch.Tensor:
    """The crop as a square float [1, 3, size, size] in [0, 1]; beyond the picture its edge goes on."""
    import torch
    from torch.nn import functional

    _, height, width = picture.shape
    turned = _rotation(crop.angle) * crop.side
    scale = torch.tensor([[2 / width], [2 / height]])
    centre = torch.tensor([[crop.x], [crop.y]])
    theta = torch.cat([turned / 2 * scale, centre * scale - 1], dim=1)
    grid = functional.affine_grid(theta[None], [1, 3, size, size], align_corners=False)
    return functional.grid_sample(picture[None], grid, padding_mode="border", align_corners=False) / 255


def _in_picture(landmarks: torch.Tensor, crop: Crop) -> torch.Tensor:
    """Landmarks [468, 3] in shares of the crop, in pixels of the picture."""
    import torch

    flat = (landmarks[:, :2] - 0.5) @ _rotation(crop.angle).T * crop.side
    return torch.cat([flat + torch.tensor([crop.x, crop.y]), landmarks[:, 2:] * crop.side], dim=1)


def _rotation(angle: float) -> torch.Tensor:
    import torch

    sine, cosine = torch.tensor(angle).sin(), torch.tensor(angle).cos()
    return torch.stack([torch.stack([cosine, -sine]), torch.stack([sine, cosine])])


@lru_cache(maxsize=1)
def _network() -> FaceMesh:
    from deepsound.models.face_mesh.model import FaceMesh

    return load_detector(FaceMesh, WEIGHTS)

"""Mouth tracking: how far each face on screen opens its mouth, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deepsound.media.views import Still
from deepsound.reason.face_landmarks import (
    crop_of_box,
    crop_of_landmarks,
    eye_distance,
    find_landmarks,
    mouth_opening,
)
from deepsound.reason.face_network import Box, FaceNetwork
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import torch

# Faces are looked for again this often, for those that come in or were lost; in between each is followed.
_LOOK_AGAIN_S = 0.8
_MOST_FACES = 4
# Below this many pixels between the eyes the lips are a few pixels high: nothing is measured.
LEAST_EYES_PIXELS = 24.0


@dataclass
class MouthTrack:
    """One face's mouth: the frames' `times_s` and its `openings` in them, in distances between the eyes."""

    times_s: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Mouths:
    """The mouths that were measured in frames at `times_s`, and `unmeasured_s`: times of faces that are too small,
    turned away or too many."""

    tracks: tuple[MouthTrack, ...]
    times_s: tuple[float, ...]
    unmeasured_s: tuple[float, ...]


def track_mouths(stills: Sequence[Still], faces: FaceNetwork, progress: Progress = Progress()) -> Mouths:
    """Follow every face through `stills` (images uint8 [height, width, 3], in order of time)."""
    tracker = _Tracker(faces)
    for still in progress.track(stills, len(stills)):
        tracker.see(still)
    return Mouths(tuple(tracker.tracks), tuple(tracker.times_s), tuple(tracker.unmeasured_s))


class _Tracker:
    """Faces by detection every now and then, by the landmarks of the frame before in between."""

    def __init__(self, faces: FaceNetwork) -> None:
        self._faces = faces
        self._looked_s = float("-inf")
        self._followed: list[tuple[MouthTrack, torch.Tensor]] = []
        self.tracks: list[MouthTrack] = []
        self.times_s: list[float] = []
        self.unmeasured_s: list[float] = []

    def see(self, still: Still) -> None:
        import torch

        picture = torch.from_numpy(still.image.copy()).float().permute(2, 0, 1)
        self.times_s.append(still.time_s)
        found = find_landmarks(picture, [crop_of_landmarks(landmarks) for _, landmarks in self._followed])
        followed = [(track, at) for (track, _), at in zip(self._followed, found, strict=True) if at is not None]
        if len(followed) < len(self._followed) or still.time_s - self._looked_s >= _LOOK_AGAIN_S:
            self._looked_s = still.time_s
            followed = self._look_again(picture, still.time_s, followed)
        self._followed = followed
        for track, landmarks in followed:
            track.times_s.append(still.time_s)
            track.openings.append(mouth_opening(landmarks))

    def _look_again(
        self, picture: torch.Tensor, time_s: float, followed: list[tuple[MouthTrack, torch.Tensor]]
    ) -> list[tuple[MouthTrack, torch.Tensor]]:
        """Those followed whose face a detector sees too, and the faces that are new."""
        boxes = [box for box, _ in self._faces.look(picture)]
        again = [(track, at) for track, at in followed if any(_is_in(at, box) for box in boxes)]
        for box in boxes:
            if any(_is_in(at, box) for _, at in again):
                continue
            landmarks = _refine(picture, box) if len(again) < _MOST_FACES else None
            if landmarks is None or eye_distance(landmarks) < LEAST_EYES_PIXELS:
                self.unmeasured_s.append(time_s)
                continue
            self.tracks.append(MouthTrack())
            again.append((self.tracks[-1], landmarks))
        return again


def _refine(picture: torch.Tensor, box: Box) -> torch.Tensor | None:
    """The landmarks of a detected face: found in its box, and again in the crop that they make upright."""
    (first,) = find_landmarks(picture, [crop_of_box(box)])
    return None if first is None else find_landmarks(picture, [crop_of_landmarks(first)])[0]


def _is_in(landmarks: torch.Tensor, box: Box) -> bool:
    """Whether the middle of the landmarks lies in a detected face's box."""
    x, y, _ = landmarks.mean(dim=0).tolist()
    left, top, width, height = box
    return bool(left <= x <= left + width and top <= y <= top + height)

"""Person detection: OpenCV 4's cascades and HOG where installed, else BlazeFace.

OpenCV 5 dropped both detectors, and other node packs bring it. There, and without OpenCV, faces are found by BlazeFace
(`deepsound.models.blazeface`, weights in the package), and bodies without a face are not, which is said.

One cascade alone sees faces in grass and gravel. A face found in the whole picture is therefore looked at again, cut
out and brought to one size, by cascades that were trained apart; a body must be seen clearly and more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import EngineError
from deepsound.media.views import Still
from deepsound.reason.face_network import Box, FaceNetwork, Kind, PeopleSettings, PersonDetection
from deepsound.runtime.packages import install_command
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import numpy as np

INSTALL = "Install OpenCV 4 with: " + install_command("opencv-python-headless>=4.8,<5")


def detect_people(
    stills: Sequence[Still],
    progress: Progress = Progress(),
    settings: PeopleSettings | None = None,
) -> tuple[PersonDetection, ...]:
    """Every person seen in `stills` (images uint8 [height, width, 3]), in order of time.

    A note says where bodies cannot be looked for. Raises EngineError when OpenCV 4 came without its cascade files.
    """
    settings = settings or PeopleSettings()
    detectors: _Detectors | FaceNetwork
    if (cv2 := _opencv_4()) is not None:
        detectors = _Detectors(settings, cv2)
    else:
        progress.note("People are found by their faces alone: bodies are looked for with OpenCV 4, which is not here.")
        detectors = FaceNetwork(settings)
    faces: list[PersonDetection] = []
    bodies: list[PersonDetection] = []
    for still in progress.track(stills, len(stills)):
        found = list(detectors.look(still))
        faces += [sighting for sighting in found if sighting.kind == "face"]
        bodies += [sighting for sighting in found if sighting.kind == "body"]
    if len({body.time_s for body in bodies}) < detectors.settings.body_frames:
        bodies = []
    return tuple(sorted(faces + bodies, key=lambda sighting: sighting.time_s))


class _Detectors:
    """OpenCV's detectors, loaded per use: they are cheap to load and not safe to share between threads."""

    def __init__(self, settings: PeopleSettings, cv2: Any) -> None:
        self.settings = settings
        self._cv2 = cv2
        self._frontal = self._cascade("haarcascade_frontalface_default")
        self._alt = self._cascade("haarcascade_frontalface_alt")
        self._alt2 = self._cascade("haarcascade_frontalface_alt2")
        self._profile = self._cascade("haarcascade_profileface")
        self._hog = self._cv2.HOGDescriptor()
        self._hog.setSVMDetector(self._cv2.HOGDescriptor.getDefaultPeopleDetector())

    def look(self, still: Still) -> Iterator[PersonDetection]:
        height, width = still.image.shape[:2]
        scale = self.settings.long_side / max(height, width)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        smooth = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_LINEAR
        picture = self._cv2.resize(
            self._cv2.cvtColor(still.image, self._cv2.COLOR_RGB2GRAY), size, interpolation=smooth
        )
        for kind, box, score in (*self._faces(picture), *self._bodies(picture)):
            left, top, wide, high = (round(value / scale) for value in box)
            yield PersonDetection(still.time_s, kind, (left, top, wide, high), score)

    def _faces(self, picture: np.ndarray) -> Iterator[tuple[Kind, Box, float]]:
        smallest = self.settings.smallest_face
        frontal = [box for box, _ in self._detect(self._alt2, picture, smallest, neighbours=2, step=1.15)]
        sideways = self._sideways(picture, smallest)
        taken: list[Box] = []
        for box in frontal + sideways:
            score = self._second_look(picture, box, sideways=box in sideways)
            if score > 0 and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield "face", box, score

    def _sideways(self, picture: np.ndarray, smallest: int) -> list[Box]:
        """Profiles, searched in a smaller picture and in coarser steps: this cascade is the slowest of all."""
        scale = self.settings.profile_scale
        small = self._cv2.resize(picture, None, fx=scale, fy=scale, interpolation=self._cv2.INTER_AREA)
        return [
            _box([value / scale for value in box])
            for box, score in self._detect_both_ways(small, smallest, neighbours=3, step=1.2)
            if score >= self.settings.profile
        ]

    def _second_look(self, picture: np.ndarray, box: Box, sideways: bool) -> float:
        """How far the least sure of the cascades lies above its threshold on the cut-out; 0 when one disagrees."""
        face = self._cut_out(picture, box)
        smallest = self.settings.looked_at_size * 5 // 8
        frontal = min(
            _best(self._detect(self._frontal, face, smallest, 2, 1.05)) - self.settings.frontal,
            _best(self._detect(self._alt, face, smallest, 2, 1.05)) - self.settings.frontal_alt,
        )
        if frontal > 0 or not sideways:
            return max(frontal, 0.0)
        return max(_best(self._detect_both_ways(face, smallest, 2)) - self.settings.profile, 0.0)

    def _cut_out(self, picture: np.ndarray, box: Box) -> np.ndarray:
        left, top, wide, high = box
        margin = wide * 3 // 10
        part = picture[max(top - margin, 0) : top + high + margin, max(left - margin, 0) : left + wide + margin]
        scale = self.settings.looked_at_size / wide
        smooth = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_CUBIC
        resized: np.ndarray = self._cv2.resize(part, None, fx=scale, fy=scale, interpolation=smooth)
        return resized

    def _detect(
        self, cascade: Any, picture: np.ndarray, smallest: int, neighbours: int, step: float = 1.1
    ) -> list[tuple[Box, float]]:
        boxes, _, scores = cascade.detectMultiScale3(
            picture, step, neighbours, 0, (smallest, smallest), outputRejectLevels=True
        )
        return [(_box(box), float(score)) for box, score in zip(boxes, scores, strict=True)]

    def _detect_both_ways(
        self, picture: np.ndarray, smallest: int, neighbours: int, step: float = 1.1
    ) -> list[tuple[Box, float]]:
        """The profile cascade knows faces that look to the left only, so it is shown the mirror image too."""
        mirrored = self._detect(self._profile, self._cv2.flip(picture, 1), smallest, neighbours, step)
        width = picture.shape[1]
        return self._detect(self._profile, picture, smallest, neighbours, step) + [
            ((width - left - wide, top, wide, high), score) for (left, top, wide, high), score in mirrored
        ]

    def _bodies(self, picture: np.ndarray) -> Iterator[tuple[Kind, Box, float]]:
        if picture.shape[0] < 128 or picture.shape[1] < 64:  # HOG's own window
            return
        boxes, scores = self._hog.detectMultiScale(picture, hitThreshold=0, winStride=(8, 8), scale=1.1)
        for box, score in zip(boxes, scores, strict=True):
            if float(score) >= self.settings.body:
                yield "body", _box(box), float(score)

    def _cascade(self, name: str) -> Any:
        path = Path(self._cv2.data.haarcascades) / f"{name}.xml"
        cascade = self._cv2.CascadeClassifier(str(path)) if is_file(path, EngineError) else None
        if cascade is None or cascade.empty():
            raise EngineError(
                f"OpenCV {self._cv2.__version__} came without {path.name}, which the person detector "
                f"needs (looked in {path.parent}). {INSTALL}"
            )
        return cascade


def _opencv_4() -> Any | None:
    """OpenCV, if it has the cascade and HOG detectors; version 5 dropped them."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2 if {"CascadeClassifier", "HOGDescriptor", "data"} <= set(dir(cv2)) else None


def _best(found: list[tuple[Box, float]]) -> float:
    return max((score for _, score in found), default=float("-inf"))


def _box(box: Sequence[Any]) -> Box:
    left, top, wide, high = (int(value) for value in box)
    return left, top, wide, high


def _overlap(one: Box, other: Box) -> bool:
    """Whether the centre of one box lies in the other: the same face seen by two cascades."""

    def holds(outer: Box, inner: Box) -> bool:
        x, y = inner[0] + inner[2] / 2, inner[1] + inner[3] / 2
        return outer[0] <= x <= outer[0] + outer[2] and outer[1] <= y <= outer[1] + outer[3]

    return holds(one, other) or holds(other, one)

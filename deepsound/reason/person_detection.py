"""Person detection: BlazeFace faces and BlazePose bodies, confirmed in two frames.

Both networks are `torch` modules of this package with weights in it (`deepsound.models.blazeface`, `blazepose`), so
that a verdict does not depend on which OpenCV is installed, if any. Each detection is confirmed on
its crop, and a clip has a person in it only if one is detected in two of its frames: single false ones decide nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from deepsound.media.views import Still
from deepsound.reason.body_network import BodyNetwork, Circle
from deepsound.reason.face_network import Box, FaceNetwork
from deepsound.runtime.digests import digest_of
from deepsound.runtime.progress import Progress

Kind = Literal["face", "body"]


@dataclass(frozen=True)
class PersonDetection:
    """A person in the frame at `time_s`: a 'face' or a 'body', its `box` (left, top, width, height in pixels of the
    still) and the detector's `score`, 0 to 1."""

    time_s: float
    kind: Kind
    box: Box
    score: float


@dataclass(frozen=True)
class PeopleSettings:
    """Least scores, 0 to 1, on the frame and on the crop that confirms it; `frames` that must show somebody."""

    face: float = 0.6
    face_again: float = 0.5
    body: float = 0.6
    body_again: float = 0.65
    frames: int = 2


class _DetectionCache:
    """LRU cache of detections by frame content: another take, prompt or seed on the same frames costs nothing."""

    def __init__(self, most: int = 16384) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, tuple[PersonDetection, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], Iterable[PersonDetection]]) -> tuple[PersonDetection, ...]:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        seen = tuple(compute())
        with self._lock:
            self._entries[key] = seen
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return seen


_detections = _DetectionCache()


def detect_people(
    stills: Sequence[Still],
    progress: Progress = Progress(),
    settings: PeopleSettings | None = None,
) -> tuple[PersonDetection, ...]:
    """Every person seen in `stills` (images uint8 [height, width, 3]), in order of time.

    Empty when fewer than `settings.frames` of the frames show somebody; of a single frame, that one decides.
    """
    settings = settings or PeopleSettings()
    faces = FaceNetwork(settings.face, settings.face_again)
    bodies = BodyNetwork(settings.body, settings.body_again)
    least = min(settings.frames, len({still.time_s for still in stills}))
    found: list[PersonDetection] = []
    for index, still in enumerate(progress.track(stills, len(stills))):
        if len({person.time_s for person in found}) + len(stills) - index < least:
            # The frames that are left are too few to change anything.
            continue
        key = settings, still.image.shape, digest_of(still.image.tobytes())
        seen = _detections.get(key, partial(_look, still, faces, bodies))
        found += [replace(person, time_s=still.time_s) for person in seen]
    if len({person.time_s for person in found}) < least:
        return ()
    return tuple(sorted(found, key=lambda person: person.time_s))


def _look(still: Still, faces: FaceNetwork, bodies: BodyNetwork) -> Iterator[PersonDetection]:
    """The people of one frame; bodies only where no face says already that somebody is there."""
    import torch

    picture = torch.from_numpy(still.image.copy()).float().permute(2, 0, 1)
    seen = [PersonDetection(still.time_s, "face", box, score) for box, score in faces.look(picture)]
    if not seen:
        height, width = still.image.shape[:2]
        for circle, score in bodies.look(picture):
            seen.append(PersonDetection(still.time_s, "body", _box_around(circle, width, height), score))
    yield from seen


def _box_around(circle: Circle, width: int, height: int) -> Box:
    """The part of the circle's square that is in the picture."""
    x, y, radius = circle
    left, top = max(round(x - radius), 0), max(round(y - radius), 0)
    return left, top, min(round(x + radius), width) - left, min(round(y + radius), height) - top

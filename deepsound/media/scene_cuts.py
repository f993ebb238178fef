"""Scene-cut detection: mean change of hue, saturation and value between frames.

The measure and the default threshold are PySceneDetect's ContentDetector's; tests compare the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.media.views import Frame, FrameCollector, Timeline

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SceneCuts:
    """Times in seconds at which a new scene begins, in order; a FrameConsumer whose result is a tuple of floats.

    A cut is a frame whose mean HSV change (0 to 255) reaches `threshold`, at least `min_scene_s` seconds after the cut
    before; a burst of changes (a flash, a cut in every frame) counts once per scene length. In clips of up to `above_s`
    seconds none is looked for, and none after `until_s`.
    """

    threshold: float = 27.0
    min_scene_s: float = 0.6
    long_side: int = 160
    above_s: float = 0.0
    until_s: float = math.inf

    def start(self, timeline: Timeline) -> FrameCollector[tuple[float, ...]]:
        return _CutCollector(self, timeline.duration_s <= self.above_s)


class _CutCollector:
    def __init__(self, settings: SceneCuts, done: bool) -> None:
        self._settings = settings
        self.done = done
        self._before: np.ndarray | None = None
        self._last_cut_s = 0.0
        self._cuts: list[float] = []

    def see(self, frame: Frame) -> None:
        import numpy as np

        self.done = self.done or frame.time_s >= self._settings.until_s
        if self.done:
            return
        picture = hsv(frame.rgb(self._settings.long_side))
        before, self._before = self._before, picture
        if before is None or before.shape != picture.shape:
            return
        change = float(np.abs(picture - before).mean())
        if change >= self._settings.threshold and frame.time_s - self._last_cut_s >= self._settings.min_scene_s:
            self._cuts.append(frame.time_s)
            self._last_cut_s = frame.time_s

    def result(self) -> tuple[float, ...]:
        return tuple(self._cuts)


def hsv(rgb: np.ndarray) -> np.ndarray:
    """Hue 0 to 180 (two degrees a step), saturation and value 0 to 255, float32 [h, w, 3], as in OpenCV."""
    import numpy as np

    colours = rgb.astype(np.float32)
    red, green, blue = colours[..., 0], colours[..., 1], colours[..., 2]
    value = colours.max(axis=-1)
    spread = value - colours.min(axis=-1)
    safe = np.where(spread > 0, spread, 1.0)
    hue = np.select(
        [value == red, value == green],
        [(green - blue) / safe, 2.0 + (blue - red) / safe],
        4.0 + (red - green) / safe,
    )
    hue = np.where(spread > 0, (hue * 30.0) % 180.0, 0.0)
    saturation = np.where(value > 0, 255.0 * spread / np.where(value > 0, value, 1.0), 0.0)
    return np.stack([hue, saturation, value], axis=-1)

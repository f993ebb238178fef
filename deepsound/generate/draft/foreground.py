"""Adaptive background subtraction: the moving foreground as an image on black.

Thin and fast objects keep their shape for the optical flow.
"""

from __future__ import annotations

import numpy as np

from deepsound.generate.draft.camera import is_rest, warp
from deepsound.media.pixels import absdiff, box_blur, gaussian_blur, median, median_level

# A pixel that has rested this long belongs to the background, whatever it shows.
RESTING_S = 0.3
ABSORBED_PER_S = 5.0
DRIFT_LEVELS_PER_S = 4.0
FAINTEST_LEVELS = 3.0
NOISE_FACTOR = 1.2
FULL_CONTRAST_LEVELS = 24.0
# Foreground is lifted by a third of the scale, so that a black object stands out from the black around it too.
LIFT, GAIN = 96.0, 0.62
SMOOTHING_PIXELS = 2.0


class Foreground:
    """Learns the background of frames uint8 [h, w] as they come and paints what stands before it."""

    def __init__(self, first: np.ndarray) -> None:
        self._background = first.astype(np.float32)
        self._rested_s = np.zeros(first.shape, np.float32)

    def paint(self, before: np.ndarray, after: np.ndarray, camera: np.ndarray, interval_s: float) -> np.ndarray:
        """The foreground of `after`, uint8 [h, w], 0 where the background shows."""
        steady = before
        if not is_rest(camera) and np.abs(camera).max() > 0.05:
            self._background = warp(self._background, -camera)
            self._rested_s = warp(self._rested_s, -camera)
            steady = warp(before, -camera)
        changed = absdiff(steady, after)
        noise = median_level(changed)
        difference = after.astype(np.float32) - self._background
        difference -= median(difference)  # flicker and fades lift the whole picture
        contrast = gaussian_blur(np.abs(difference), 1.0) - NOISE_FACTOR * noise - FAINTEST_LEVELS
        brightness = np.clip(contrast / FULL_CONTRAST_LEVELS, 0.0, 1.0) * (LIFT + np.float32(GAIN) * after)
        self._learn(difference, box_blur(changed, 3) <= 2.5 * noise + 4.0, interval_s)
        return np.clip(gaussian_blur(brightness, SMOOTHING_PIXELS), 0, 255).astype(np.uint8)

    def _learn(self, difference: np.ndarray, resting: np.ndarray, interval_s: float) -> None:
        self._rested_s = np.where(resting, self._rested_s + np.float32(interval_s), np.float32(0))
        drift = np.clip(difference, -1.0, 1.0) * min(DRIFT_LEVELS_PER_S * interval_s, 8.0)
        absorbed = difference * min(ABSORBED_PER_S * interval_s, 1.0)
        self._background += np.where(self._rested_s > RESTING_S, absorbed, drift)

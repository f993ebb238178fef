"""AV-Align: intersection over union of sound onsets and peaks of the optical flow.

As the script that Seeing and Hearing (arXiv 2402.17723) evaluates with computes it, oddities included: the first pair
of frames counts twice, the least ripple of the flow is a peak, several onsets may use one peak (a score can exceed 1),
and where neither side has a peak there is no score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.media.opencv import find_opencv
from deepsound.media.views import Frame, FrameCollector, Timeline

if TYPE_CHECKING:
    import numpy as np

# Farneback's flow of larger pictures would take longer than everything else that is measured of a clip.
LONG_SIDE = 320
_FARNEBACK = "calcOpticalFlowFarneback"


@dataclass(frozen=True)
class FlowMagnitude:
    """Mean Farneback flow per frame, and the frame rate the script would read; a FrameConsumer.

    A picture is scaled down to `long_side`; 0 keeps its own size. Result: FlowCurve.
    """

    long_side: int = 0

    def start(self, timeline: Timeline) -> FrameCollector[FlowCurve]:
        own = max(timeline.width, timeline.height)
        return _FlowCollector(min(self.long_side or own, own), timeline.fps)


@dataclass(frozen=True)
class FlowCurve:
    """`magnitude` float64 [frames], pixels per frame, at `fps` frames per second."""

    magnitude: np.ndarray
    fps: float


class _FlowCollector:
    def __init__(self, long_side: int, fps: float) -> None:
        self._long_side, self._fps = long_side, fps
        self._before: np.ndarray | None = None
        self._pairs: list[float] = []

    def see(self, frame: Frame) -> None:
        gray = frame.gray(self._long_side)
        if self._before is not None:
            self._pairs.append(pair_magnitude(self._before, gray))
        self._before = gray

    def result(self) -> FlowCurve:
        import numpy as np

        # The script computes the first pair for frame 0 and again for frame 1.
        return FlowCurve(np.array(self._pairs[:1] + self._pairs, np.float64), self._fps)


def pair_magnitude(before: np.ndarray, after: np.ndarray, exact: bool = False) -> float:
    """Mean length in pixels of the Farneback flow between two grey frames, uint8 [h, w]; the script's parameters.

    OpenCV's flow where it is installed, many times as fast; with `exact` always this package's, the same everywhere.
    """
    import numpy as np

    if not exact and (cv2 := find_opencv(_FARNEBACK)) is not None:
        flow = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    else:
        from deepsound.evaluate.farneback import farneback_flow

        flow = farneback_flow(before, after)
    return float(np.hypot(flow[..., 0], flow[..., 1]).mean())


def has_opencv_flow() -> bool:
    """Whether the flow is OpenCV's."""
    return find_opencv(_FARNEBACK) is not None


def flow_version() -> str:
    """Whose Farneback flow `pair_magnitude` takes; the last digits of its numbers depend on it."""
    cv2 = find_opencv(_FARNEBACK)
    return "own flow" if cv2 is None else f"OpenCV {cv2.__version__}"


def flow_peaks_s(curve: FlowCurve) -> np.ndarray:
    """Times in seconds of values larger than both neighbours, float64 [n]; never the first or the last frame."""
    import numpy as np

    values = curve.magnitude
    if len(values) < 3:
        return np.zeros(0)
    peaks = (values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])
    return (np.flatnonzero(peaks) + 1) / curve.fps


def av_align(onsets_s: np.ndarray, flow_peaks_s: np.ndarray, fps: float) -> float | None:
    """Hits / (onsets + flow peaks - hits); a hit is an onset less than one frame from any peak. None for no peaks."""
    hits = count_hits(onsets_s, flow_peaks_s, fps)
    union = len(onsets_s) + len(flow_peaks_s) - hits
    return hits / union if union else None


def count_hits(onsets_s: np.ndarray, flow_peaks_s: np.ndarray, fps: float) -> int:
    """How many onsets lie strictly within one frame's time of some flow peak."""
    frame_s = 1.0 / fps
    return sum(bool((abs(flow_peaks_s - onset) < frame_s).any()) for onset in onsets_s)

"""Extractors of audio-visual sync without weights: onsets, flow curve, visible impacts.

AV-Align and ImpactSync compare them. Like the networks of the other metrics that need a picture, they look at the
first seconds of sound and clip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from deepsound.evaluate.av_align import LONG_SIDE, FlowCurve, FlowMagnitude, av_align, flow_peaks_s, flow_version
from deepsound.evaluate.clips import ClipFiles
from deepsound.evaluate.extractors import DURATION_S, InputKind
from deepsound.evaluate.impact_sync import match_impacts, strong_onsets_s
from deepsound.evaluate.onsets import onset_times_s
from deepsound.evaluate.sounds import LocalExtractor
from deepsound.media.clip import Clip
from deepsound.media.motion_impulse import MotionImpulses, impact_times_s
from deepsound.media.views import Frame, FrameCollector, FrameConsumer, Timeline
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from deepsound.evaluate.extraction import ExtractedFeatures

T = TypeVar("T")
ONSETS, FLOW, IMPACTS = "onsets", "optical_flow", "impacts"
Features = Mapping[str, "np.ndarray"]
# Times are sums of fractions: a frame at the very end is beyond it although its last bits say otherwise.
_SLACK_S = 1e-6


@dataclass(frozen=True)
class FirstSeconds(Generic[T]):
    """What `consumer` makes of the frames of the first `duration_s` seconds; a FrameConsumer."""

    consumer: FrameConsumer[T]
    duration_s: float

    def start(self, timeline: Timeline) -> _FirstSecondsCollector[T]:
        return _FirstSecondsCollector(self.consumer.start(timeline), self.duration_s)


class _FirstSecondsCollector(Generic[T]):
    def __init__(self, collector: FrameCollector[T], duration_s: float) -> None:
        self._collector, self._duration_s = collector, duration_s
        self.done = False

    def see(self, frame: Frame) -> None:
        self.done = self.done or frame.time_s > self._duration_s - _SLACK_S
        if not self.done:
            self._collector.see(frame)

    def result(self) -> T:
        return self._collector.result()


class _OfFirstSeconds(LocalExtractor):
    def __init__(self, duration_s: float = DURATION_S) -> None:
        self.duration_s = duration_s
        self.version = f"1, {duration_s:g} s"


class OnsetsExtractor(_OfFirstSeconds):
    """Onset times in seconds: `all` that librosa's detector finds, and the `strong` ones above the floors."""

    name = ONSETS
    outputs: tuple[str, ...] = ("all", "strong")

    def _measure(self, audio: Audio, progress: Progress) -> dict[str, Tensor]:
        import torch

        samples = min(audio.samples, max(round(self.duration_s * audio.sample_rate), 1))
        first = Audio(audio.waveform[:, :samples], audio.sample_rate)
        return {
            "all": torch.from_numpy(onset_times_s(first)).double(),
            "strong": torch.from_numpy(strong_onsets_s(first)).double(),
        }


class _OfFrames(_OfFirstSeconds):
    input_kind: InputKind = "clip"
    consumer: FrameConsumer[Any]

    @property
    def views(self) -> Sequence[FrameConsumer[Any]]:
        return (FirstSeconds(self.consumer, self.duration_s),)

    def _see(self, clip: Clip, progress: Progress) -> Any:
        return clip.view(self.views[0], progress)


class FlowExtractor(_OfFrames):
    """Mean optical flow per frame in pixels, [frames], of pictures of at most 320 pixels, and the frame rate [1]."""

    name = FLOW
    outputs: tuple[str, ...] = ("magnitude", "fps")
    consumer = FlowMagnitude(LONG_SIDE)

    def identity(self, execution: Execution, progress: Progress = Progress()) -> str:
        return f"{self.version} {LONG_SIDE} {flow_version()}"

    def _measure(self, clip: Clip, progress: Progress) -> dict[str, Tensor]:
        import torch

        curve = self._see(clip, progress)
        return {
            "magnitude": torch.from_numpy(curve.magnitude),
            "fps": torch.tensor([curve.fps], dtype=torch.float64),
        }


class ImpactsExtractor(_OfFrames):
    """Times in seconds at which something visibly hits something, [n], and the frame rate [1]."""

    name = IMPACTS
    outputs: tuple[str, ...] = ("times_s", "fps")
    consumer = MotionImpulses()

    def __init__(self, duration_s: float = DURATION_S) -> None:
        super().__init__(duration_s)
        # The second rule of what an impact is.
        self.version = f"2, {duration_s:g} s"

    def _measure(self, clip: Clip, progress: Progress) -> dict[str, Tensor]:
        import torch

        return {
            "times_s": torch.from_numpy(impact_times_s(self._see(clip, progress))),
            "fps": torch.tensor([clip.timeline.fps], dtype=torch.float64),
        }


EXTRACTORS = {one.name: one for one in (OnsetsExtractor, FlowExtractor, ImpactsExtractor)}


def av_align_of(onsets: Features, flow: Features) -> float | None:
    """AV-Align as published, from what OnsetsExtractor and FlowExtractor give; None where neither has a peak."""
    curve = FlowCurve(flow["magnitude"], float(flow["fps"][0]))
    return av_align(onsets["all"], flow_peaks_s(curve), curve.fps)


def impact_sync_of(onsets: Features, impacts: Features) -> float | None:
    """ImpactSync, 0 to 1, from what OnsetsExtractor and ImpactsExtractor give."""
    return match_impacts(onsets["strong"], impacts["times_s"], float(impacts["fps"][0])).score


# By metric: the extractor of its picture, and how that is compared with the onsets.
SYNC_WITHOUT_WEIGHTS: dict[str, tuple[str, Callable[[Features, Features], float | None]]] = {
    "AV-Align": (FLOW, av_align_of),
    "ImpactSync": (IMPACTS, impact_sync_of),
}


def sync_by_clip(metric: str, clips: Mapping[str, ClipFiles], features: ExtractedFeatures) -> dict[str, float]:
    """AV-Align or ImpactSync of every clip that has a value, by name."""
    seen_by, compare = SYNC_WITHOUT_WEIGHTS[metric]
    found = {}
    for name, clip in clips.items():
        onsets, seen = features.get(ONSETS, clip.sound), features.get(seen_by, clip.video)
        value = None if onsets is None or seen is None else compare(onsets, seen)
        if value is not None:
            found[name] = value
    return found

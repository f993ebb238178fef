"""Measurements of takes for ranking: level, voice, sync and meaning, with cached networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from deepsound.errors import EngineError, InputError, MediaError
from deepsound.evaluate.av_align import LONG_SIDE, FlowMagnitude, av_align, flow_peaks_s
from deepsound.evaluate.extractor_set import LEVELS, VOICE, ExtractorSet
from deepsound.evaluate.extractors import DURATION_S
from deepsound.evaluate.impact_sync import ImpactSync, impact_sync
from deepsound.evaluate.metrics import METRICS
from deepsound.evaluate.onsets import onset_times_s
from deepsound.evaluate.single import picture_score, sound_levels, voice_activity
from deepsound.media.audio import fit_length
from deepsound.media.clip import Clip
from deepsound.media.motion_impulse import MotionImpulses, impact_times_s
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

# A take below this loudness counts as silent: no voice, but nothing else either.
SILENT_BELOW_LUFS = -50.0
# For sounds too short for a loudness (under 0.4 s).
SILENT_BELOW_DBTP = -40.0
# Synchformer's head looks at 14 segments, 4.8 s.
SHORTEST_FOR_DESYNC_S = 4.8
_FLOW = FlowMagnitude(LONG_SIDE)


@dataclass(frozen=True)
class TakeFigures:
    """What was measured of one take; None where the network, detector or library is not installed.

    `lufs` is the integrated loudness, `voice_rate` the share of the time with a voice, 0 to 1, `sync` counts onsets in
    step with visible impacts, `av_align` is the published value, `desync_s` Synchformer's offset in seconds, `ib`
    ImageBind's cosine of picture and sound times 100.
    """

    lufs: float | None
    is_silent: bool
    voice_rate: float | None
    sync: ImpactSync
    av_align: float | None = None
    desync_s: float | None = None
    ib: float | None = None


@dataclass
class TakeMeter:
    """Measures takes of `clip`; what is known of the picture is kept, what could not be measured is in `notes`.

    The weights of `wanted`, "IB" or nothing, may be fetched where `execution` allows it; others are used if installed.
    """

    clip: Clip
    execution: Execution = Execution()
    progress: Progress = Progress()
    notes: list[str] = field(default_factory=list)
    wanted: str = ""

    def measure(self, takes: Sequence[Audio]) -> list[TakeFigures]:
        """The figures of each take. Raises InputError for one that is not finite, MediaError for a damaged clip.

        Takes of another length than the clip's are compared over the clip's length, silence following the shorter.
        """
        progress, clip = self.progress, self.clip
        clip.expect(MotionImpulses(), *([_FLOW] if find_spec("cv2") else []))
        impacts_s = impact_times_s(clip.view(MotionImpulses(), progress.part(0.0, 0.4)))
        fitted = [fit_length(take, round(clip.duration_s * take.sample_rate)) for take in takes]
        own = ExtractorSet.of([VOICE, LEVELS], DURATION_S, self.execution)
        figures = [
            self._alone(take, sound, impacts_s, own)
            for take, sound in progress.part(0.4, 0.7).track(zip(takes, fitted, strict=True), len(takes))
        ]
        desync = self._scores("DeSync", fitted, progress.part(0.7, 0.85))
        ib = self._scores("IB", fitted, progress.part(0.85, 1.0))
        progress.update(1.0)
        return [
            replace(one, desync_s=offset, ib=cosine) for one, offset, cosine in zip(figures, desync, ib, strict=True)
        ]

    def _alone(self, take: Audio, sound: Audio, impacts_s: np.ndarray, own: ExtractorSet) -> TakeFigures:
        """What needs no downloaded network; `sound` is `take` over the clip's length."""
        quiet = Progress(check=self.progress.check)
        if not take.samples:
            return TakeFigures(None, True, 0.0, impact_sync(sound, impacts_s, self.clip.timeline.fps))
        level = sound_levels(take, own, quiet).loudness
        voice = self._or_note("The voice", lambda: voice_activity(take, own, quiet).rate)
        sync = impact_sync(sound, impacts_s, self.clip.timeline.fps)
        return TakeFigures(level.integrated_lufs, _is_silent(level), voice, sync, self._av_align(sound))

    def absence_reason(self, metric: str) -> str:
        """Why IB or DeSync cannot be measured of this clip here, with the command that changes it; "" where it can."""
        if metric == "DeSync" and self.clip.duration_s < SHORTEST_FOR_DESYNC_S:
            return f"DeSync needs {SHORTEST_FOR_DESYNC_S} s of picture and the clip lasts {self.clip.duration_s:.2f} s."
        tools = self._tools(metric)
        lacking = METRICS[metric].extractors
        return " ".join(filter(None, (tools.absence_reason(lacking), tools.fetch_command(lacking))))

    def _tools(self, metric: str) -> ExtractorSet:
        duration_s = min(DURATION_S, max(math.floor(self.clip.duration_s * 100) / 100, 0.01))
        # What was not asked for by name is not worth gigabytes.
        download = self.execution.download and metric == self.wanted
        return ExtractorSet.of([metric], duration_s, replace(self.execution, download=download))

    def _av_align(self, sound: Audio) -> float | None:
        if find_spec("cv2") is None or not sound.samples:
            return None
        curve = self.clip.view(_FLOW, Progress(check=self.progress.check))
        return av_align(onset_times_s(sound), flow_peaks_s(curve), curve.fps)

    def _scores(self, metric: str, sounds: Sequence[Audio], progress: Progress) -> list[float | None]:
        """IB or DeSync of all takes or of none: takes are compared by the same measure."""
        if self.absence_reason(metric) or not sounds:
            return [None] * len(sounds)
        tools = self._tools(metric)

        def all_scores() -> list[float | None]:
            return [
                picture_score(metric, sound, self.clip, tools, Progress(check=progress.check))
                for sound in progress.track(sounds, len(sounds))
            ]

        return self._or_note(metric, all_scores) or [None] * len(sounds)

    def _or_note(self, what: str, work: Callable[[], T]) -> T | None:
        """What `work` gives; where it cannot be had, None and a note, once."""
        try:
            return work()
        except (EngineError, InputError, MediaError) as error:
            note = f"{what} of the takes could not be measured: {error}"
            if note not in self.notes:
                self.notes.append(note)
            return None


def _is_silent(level: Loudness) -> bool:
    if level.integrated_lufs is not None:
        return level.integrated_lufs < SILENT_BELOW_LUFS
    return level.true_peak_dbtp is None or level.true_peak_dbtp < SILENT_BELOW_DBTP

"""Scores of a single sound: against its picture or a reference, voice and levels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from deepsound.engines import views
from deepsound.errors import DeepSoundError, EngineError, InputError, MediaError
from deepsound.evaluate.alignment import ONSETS
from deepsound.evaluate.av_sync import desync_s, ib_scores
from deepsound.evaluate.extractor_set import LEVELS, VOICE, ExtractorSet
from deepsound.evaluate.extractors import DURATION_S
from deepsound.evaluate.kl_divergence import kl_divergence
from deepsound.evaluate.metrics import EMBEDDING, FEATURES, IB_SCALE, LOGITS, METRICS, SYNC_WITHOUT_WEIGHTS, stack_rows
from deepsound.evaluate.report import Missing
from deepsound.evaluate.sounds import Levels, Voice, levels_of, voice_of
from deepsound.media.clip import Clip
from deepsound.runtime.digests import digest_of
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

T = TypeVar("T")
NEEDS_PICTURE, NEEDS_REFERENCE = ("IB", "DeSync", *SYNC_WITHOUT_WEIGHTS), ("KL_PANNs", "KL_PaSST")


@dataclass(frozen=True)
class ClipScore:
    """A sound's scores by metric's name; those that there are none of are `missing`, with the reason."""

    scores: Mapping[str, float]
    voice: Voice | None
    levels: Levels | None
    missing: tuple[Missing, ...] = ()

    def lines(self) -> Iterator[str]:
        """The scores for a person to read, a line each, what is missing last."""
        for name, value in self.scores.items():
            yield f"{name}: {value:.3g} ({METRICS[name].meaning}; {METRICS[name].better} is better)"
        if self.voice is not None:
            yield (f"voice: {self.voice.rate:.0%} of the time" if self.voice.has_voice else "voice: none is heard")
        if self.levels is not None:
            yield _levels_line(self.levels)
        for one in self.missing:
            fetch = f" Fetch with: {one.fetch}" if one.fetch and one.fetch not in one.why else ""
            yield f"{one.metric} is missing: {one.why}{fetch}"


def score_clip(
    audio: Audio,
    clip: Clip | None = None,
    reference: Audio | None = None,
    execution: Execution = Execution(),
    progress: Progress = Progress(),
    duration_s: float | None = None,
) -> ClipScore:
    """Sync and meaning against a picture, KL against a reference, voice and levels: what can be had, and why not more.

    All but voice and levels looks at the first `duration_s` seconds; None for the benchmark's 8, or for as long as
    sound and picture last where that is less. Raises InputError for a sound that is empty or not finite.
    """
    duration_s = duration_s or _common_s(audio, clip, reference)
    wanted = [*(NEEDS_PICTURE if clip is not None else ()), *(NEEDS_REFERENCE if reference is not None else ())]
    tools = ExtractorSet.of([*wanted, VOICE, LEVELS], duration_s, execution)
    if clip is not None:
        clip.expect(*(view for tool in tools.extractors.values() for view in views(tool)))
    missing = [Missing(name, "no video is connected.") for name in NEEDS_PICTURE if clip is None]
    scores: dict[str, float] = {}
    for number, name in enumerate(wanted):
        part = progress.part(number / len(wanted) * 0.9, (number + 1) / len(wanted) * 0.9)
        try:
            scores[name] = _score(name, _Subjects(tools, audio, clip, reference, part))
        except _Absent as error:
            missing.append(Missing(name, str(error), error.fetch))
        except (InputError, MediaError, EngineError) as error:
            missing.append(Missing(name, str(error)))
    own = _Subjects(tools, audio, clip, reference, replace(progress, on_event=lambda event: None))
    voice = _or_missing(VOICE, missing, lambda: voice_of(own.of(VOICE, audio)))
    levels = _or_missing(LEVELS, missing, lambda: levels_of(own.of(LEVELS, audio)))
    progress.update(1.0)
    return ClipScore(scores, voice, levels, tuple(missing))


def picture_score(name: str, audio: Audio, clip: Clip, tools: ExtractorSet, progress: Progress = Progress()) -> float:
    """IB or DeSync of a sound and a clip; what the networks make of either is kept by content.

    Raises EngineError where an extractor cannot run here, InputError for a sound or clip too short for it.
    """
    try:
        return _score(name, _Subjects(tools, audio, clip, None, progress))
    except _Absent as error:
        raise EngineError(f"{error} {error.fetch}".strip()) from error


def voice_activity(audio: Audio, tools: ExtractorSet, progress: Progress = Progress()) -> Voice:
    """How long a voice is heard in a sound. Raises EngineError without the detector, InputError for an empty sound."""
    try:
        return voice_of(_Subjects(tools, audio, None, None, progress).of(VOICE, audio))
    except _Absent as error:
        raise EngineError(str(error)) from error


def sound_levels(audio: Audio, tools: ExtractorSet, progress: Progress = Progress()) -> Levels:
    """Loudness, true peak and silence of a sound. Raises InputError for one that is empty or not finite."""
    return levels_of(_Subjects(tools, audio, None, None, progress).of(LEVELS, audio))


def _common_s(*subjects: Audio | Clip | None) -> float:
    shortest_s = min(subject.duration_s for subject in subjects if subject is not None)
    # Hundredths: a resampled sound may be a sample shorter than its length in seconds says.
    return min(DURATION_S, max(math.floor(shortest_s * 100) / 100, 0.01))


class _Absent(DeepSoundError):
    """An extractor cannot run here; `fetch` is the command that changes it."""

    def __init__(self, why: str, fetch: str) -> None:
        super().__init__(why)
        self.fetch = fetch


@dataclass(frozen=True)
class _Subjects:
    """What is looked at, and with what; features are kept by content for as long as the process lives."""

    tools: ExtractorSet
    audio: Audio
    clip: Clip | None
    reference: Audio | None
    progress: Progress

    def of(self, name: str, subject: Audio | Clip | None) -> dict[str, np.ndarray]:
        """An extractor's outputs for a sound or clip."""
        if absent := self.tools.absence_reason([name]):
            raise _Absent(absent, self.tools.fetch_command([name]))
        assert subject is not None  # noqa: S101 - asked for only where it is there
        tool = self.tools.extractors[name]
        key = (name, tool.identity(self.tools.execution, self.progress), _content(subject))
        made: dict[str, Tensor] = {}

        def compute(output: str) -> Tensor:
            if not made:
                made.update(tool.extract(subject, self.tools.execution, self.progress))
            return made[output]

        return {output: feature_cache().get((key, output), partial(compute, output)).numpy() for output in tool.outputs}


def _score(name: str, subjects: _Subjects) -> float:
    if name == "IB":
        seen = subjects.of("imagebind_video", subjects.clip)[EMBEDDING]
        heard = subjects.of("imagebind_audio", subjects.audio)[EMBEDDING]
        return IB_SCALE * float(ib_scores(seen[None], heard[None])[0])
    if name == "DeSync":
        return _desync(subjects)
    if name in SYNC_WITHOUT_WEIGHTS:
        return _sync_without_weights(name, subjects)
    extractor = METRICS[name].extractors[0]
    predicted, reference = (subjects.of(extractor, side)[LOGITS] for side in (subjects.audio, subjects.reference))
    return kl_divergence(predicted[None], reference[None]).softmax


def _sync_without_weights(name: str, subjects: _Subjects) -> float:
    seen_by, compare = SYNC_WITHOUT_WEIGHTS[name]
    value = compare(subjects.of(ONSETS, subjects.audio), subjects.of(seen_by, subjects.clip))
    if value is None:
        raise InputError("neither the sound has an onset nor the picture a peak of motion.")
    return value


def _desync(subjects: _Subjects) -> float:
    import torch

    tools = subjects.tools
    if absent := tools.absence_reason(METRICS["DeSync"].extractors):
        raise _Absent(absent, tools.fetch_command(METRICS["DeSync"].extractors))
    assert tools.scorer is not None  # noqa: S101 - it is there, or absent
    video, audio = (
        torch.from_numpy(subjects.of(name, subject)[FEATURES])
        for name, subject in (("synchformer_video", subjects.clip), ("synchformer_audio", subjects.audio))
    )
    logits = tools.scorer.score(video, audio, tools.execution, subjects.progress)
    windows = stack_rows(logits[name].float().numpy() for name in ("first", "last"))
    return float(desync_s(windows[None])[0])


def _or_missing(name: str, missing: list[Missing], work: Callable[[], T]) -> T | None:
    try:
        return work()
    except (_Absent, EngineError) as error:
        missing.append(Missing(name, str(error)))
        return None


def _content(subject: Audio | Clip) -> str:
    """What stands for a sound or clip in keys."""
    if isinstance(subject, Clip):
        status = subject.path.stat()
        return digest_of(
            str(subject.path.resolve()), f"{status.st_size} {status.st_mtime_ns} {subject.start_s} {subject.duration_s}"
        )
    return digest_of(f"{subject.channels} {subject.sample_rate}", subject.waveform.cpu().contiguous().numpy().tobytes())


def _levels_line(levels: Levels) -> str:
    lufs, peak = levels.loudness.integrated_lufs, levels.loudness.true_peak_dbtp
    loud = "below the gate" if lufs is None else f"{lufs:.1f} LUFS"
    highest = "silence" if peak is None else f"true peak {peak:.1f} dBTP"
    return f"loudness: {loud}, {highest}, {levels.silence_ratio:.0%} of the frames silent"

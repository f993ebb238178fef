"""Extractors that need no download: voice activity and loudness of a whole sound.

Both are extractors like those of the published metrics, so that their numbers are kept with the others. They hear the
whole sound, not the benchmark's first seconds: a voice at the end is a voice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from deepsound import silence
from deepsound.errors import DeepSoundError, InputError, MediaError
from deepsound.evaluate.extractors import InputKind
from deepsound.media import loudness
from deepsound.media.clip import Clip
from deepsound.media.vad import voice_spans
from deepsound.media.voice_activity import VoiceSettings
from deepsound.runtime.execution import Execution
from deepsound.runtime.packages import install_command
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_SPANS, _DURATION, _LEVELS = "spans_s", "duration_s", "levels"

_NO_DETECTOR = f"silero-vad is not installed; install it with: {install_command('silero-vad>=5.1')}"


@dataclass(frozen=True)
class Voice:
    """How long a human voice is heard in a sound, and how long the sound is, in seconds."""

    voice_s: float
    duration_s: float

    @property
    def has_voice(self) -> bool:
        return self.voice_s > 0

    @property
    def rate(self) -> float:
        """The share of the time, 0 to 1, in which a voice is heard."""
        return self.voice_s / self.duration_s if self.duration_s else 0.0


@dataclass(frozen=True)
class Levels:
    """Integrated LUFS and true peak in dBTP, None where there is nothing to measure; silent share of the frames."""

    loudness: Loudness
    silence_ratio: float
    is_silent: bool


class LocalExtractor:
    """Base of the extractors without a network: each sound or clip is looked at alone, on the CPU."""

    name = ""
    input_kind: InputKind = "audio"
    needs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    version = "1"

    def available(self, execution: Execution) -> str | None:
        return None

    def identity(self, execution: Execution, progress: Progress = Progress()) -> str:
        return self.version

    def extract(self, subject: Audio | Clip, execution: Execution, progress: Progress) -> dict[str, Tensor]:
        if not isinstance(subject, Audio if self.input_kind == "audio" else Clip):
            raise InputError(f"{self.name}: expected {self.input_kind}, got {type(subject).__name__}.")
        if isinstance(subject, Audio) and not subject.samples:
            raise InputError("the sound is empty (0 samples)")
        return self._measure(subject, Progress(check=progress.check))

    def extract_many(
        self,
        subjects: Sequence[Audio | Clip],
        execution: Execution,
        progress: Progress,
    ) -> list[dict[str, Tensor] | DeepSoundError]:
        return [
            _or_error(lambda subject=subject: self.extract(subject, execution, progress))  # type: ignore[misc]
            for subject in progress.track(subjects, len(subjects))
        ]

    def _measure(self, subject: Any, progress: Progress) -> dict[str, Tensor]:
        raise NotImplementedError


class VoiceExtractor(LocalExtractor):
    """The spans in which silero-vad hears a voice, [spans, 2] in seconds, and the sound's duration."""

    name = "voice"
    outputs: tuple[str, ...] = (_SPANS, _DURATION)

    def identity(self, execution: Execution, progress: Progress = Progress()) -> str:
        from importlib.metadata import version

        return f"{self.version} silero-vad {version('silero-vad')} {asdict(VoiceSettings())}"

    def available(self, execution: Execution) -> str | None:
        from importlib.util import find_spec

        return None if find_spec("silero_vad") else _NO_DETECTOR

    def _measure(self, audio: Audio, progress: Progress) -> dict[str, Tensor]:
        import torch

        spans = [[span.start_s, span.end_s] for span in voice_spans(audio, progress)]
        return {
            _SPANS: torch.tensor(spans, dtype=torch.float64).reshape(-1, 2),
            _DURATION: torch.tensor([audio.duration_s], dtype=torch.float64),
        }


class LevelsExtractor(LocalExtractor):
    """LUFS, true peak, silent share of the frames and whether the sound is silent, [4]; NaN where there is none."""

    name = "levels"
    outputs: tuple[str, ...] = (_LEVELS,)

    def _measure(self, audio: Audio, progress: Progress) -> dict[str, Tensor]:
        import torch

        level = loudness.measure(audio, progress)
        quiet = silence.measure(audio, progress=progress)
        numbers = (level.integrated_lufs, level.true_peak_dbtp, quiet.ratio, float(quiet.is_silent))
        return {
            _LEVELS: torch.tensor([math.nan if number is None else number for number in numbers], dtype=torch.float64)
        }


def voice_of(features: Mapping[str, np.ndarray]) -> Voice:
    """What VoiceExtractor's tensors say."""
    spans = features[_SPANS]
    return Voice(float((spans[:, 1] - spans[:, 0]).sum()), float(features[_DURATION][0]))


def levels_of(features: Mapping[str, np.ndarray]) -> Levels:
    """What LevelsExtractor's tensors say."""
    lufs, peak, ratio, is_silent = (float(number) for number in features[_LEVELS])
    level = Loudness(None if math.isnan(lufs) else lufs, None if math.isnan(peak) else peak)
    return Levels(level, ratio, bool(is_silent))


def _or_error(work: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor] | DeepSoundError:
    try:
        return work()
    except (InputError, MediaError) as error:
        return error

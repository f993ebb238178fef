"""Evaluation report as data: scores by set, voice rates by group, levels, omissions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepsound import __version__
from deepsound.evaluate.clips import Problem
from deepsound.evaluate.metrics import METRICS, MetricScore
from deepsound.evaluate.sounds import Levels, Voice
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY

EVERYONE = "all"


@dataclass(frozen=True)
class VoiceRate:
    """Of `clips` sounds, `with_voice` have a human voice somewhere, for `voice_s` of all their `total_s` seconds."""

    clips: int
    with_voice: int
    voice_s: float
    total_s: float

    @classmethod
    def of(cls, voices: Iterable[Voice]) -> VoiceRate:
        known = list(voices)
        return cls(
            len(known),
            sum(voice.has_voice for voice in known),
            sum(voice.voice_s for voice in known),
            sum(voice.duration_s for voice in known),
        )

    @property
    def of_clips(self) -> float | None:
        """The share of clips, 0 to 1; None for no clips."""
        return self.with_voice / self.clips if self.clips else None

    @property
    def of_time(self) -> float | None:
        """The share of time, 0 to 1; None for no time."""
        return self.voice_s / self.total_s if self.total_s else None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "share_of_clips": self.of_clips, "share_of_time": self.of_time}


@dataclass(frozen=True)
class LevelSummary:
    """Of `clips` sounds: mean and standard deviation of LUFS where there is any, the greatest true peak in dBTP, the
    mean silent share of the frames, and how many are silent altogether by the published rule.
    """

    clips: int
    lufs_mean: float | None
    lufs_std: float | None
    without_lufs: int
    true_peak_dbtp: float | None
    silence_ratio: float | None
    silent_clips: int

    @classmethod
    def of(cls, levels: Iterable[Levels]) -> LevelSummary:
        known = list(levels)
        lufs = [level.loudness.integrated_lufs for level in known if level.loudness.integrated_lufs is not None]
        peaks = [level.loudness.true_peak_dbtp for level in known if level.loudness.true_peak_dbtp is not None]
        mean = sum(lufs) / len(lufs) if lufs else None
        spread = None if mean is None else math.sqrt(sum((one - mean) ** 2 for one in lufs) / len(lufs))
        ratio = sum(level.silence_ratio for level in known) / len(known) if known else None
        return cls(
            len(known),
            mean,
            spread,
            len(known) - len(lufs),
            max(peaks, default=None),
            ratio,
            sum(level.is_silent for level in known),
        )


@dataclass(frozen=True)
class ClipRow:
    """One clip's own numbers, by name; what it has not is absent."""

    name: str
    sound: Path
    video: Path | None
    group: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class SetReport:
    """One set of predictions. `voice` is before and after by group, `all` first; `before` where it is known."""

    name: str
    place: Path
    clips: int
    pairs: int
    scores: Mapping[str, MetricScore]
    voice: Mapping[str, Mapping[str, VoiceRate]]
    levels: LevelSummary | None
    rows: tuple[ClipRow, ...]
    without_reference: tuple[str, ...] = ()
    without_prediction: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReferenceReport:
    """What the sets were compared with; two scores belong side by side only where `fingerprint` is the same."""

    name: str
    place: Path
    clips: int
    fingerprint: str
    voice: VoiceRate | None


@dataclass(frozen=True)
class Missing:
    """A metric that was not computed for any set, why not, and the command that changes it, if there is one."""

    metric: str
    why: str
    fetch: str = ""


@dataclass(frozen=True)
class EvaluationReport:
    """Everything one evaluation found and how it went about it."""

    settings: Mapping[str, Any]
    reference: ReferenceReport | None
    sets: tuple[SetReport, ...]
    missing: tuple[Missing, ...]
    problems: tuple[Problem, ...]
    ignored: tuple[Path, ...]
    notes: tuple[str, ...]
    computed: Mapping[str, int]
    identities: Mapping[str, str]
    total_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, as `report.json` has it."""
        return {
            VERSION_KEY: SCHEMAS["evaluation"].version,
            "deepsound_version": __version__,
            "settings": dict(self.settings),
            "reference": None if self.reference is None else _reference_json(self.reference),
            "sets": [_set_json(one) for one in self.sets],
            "missing": [asdict(one) for one in self.missing],
            "problems": [
                {"file": str(one.file), "what": one.what, "extractor": one.extractor} for one in self.problems
            ],
            "ignored": [str(file) for file in self.ignored],
            "notes": list(self.notes),
            "metrics": {name: {"better": metric.better, "meaning": metric.meaning} for name, metric in METRICS.items()},
            "computed": dict(self.computed),
            "extractors": dict(self.identities),
            "total_s": self.total_s,
        }


def _reference_json(reference: ReferenceReport) -> dict[str, Any]:
    return {
        "name": reference.name,
        "folder": str(reference.place),
        "clips": reference.clips,
        "fingerprint": reference.fingerprint,
        "voice": None if reference.voice is None else reference.voice.to_json(),
    }


def _set_json(one: SetReport) -> dict[str, Any]:
    return {
        "name": one.name,
        "folder": str(one.place),
        "clips": one.clips,
        "pairs": one.pairs,
        "scores": {name: asdict(score) for name, score in one.scores.items()},
        "voice": {
            moment: {group: rate.to_json() for group, rate in groups.items()} for moment, groups in one.voice.items()
        },
        "levels": None if one.levels is None else asdict(one.levels),
        "without_reference": list(one.without_reference),
        "without_prediction": list(one.without_prediction),
        "per_clip": [
            {
                "name": row.name,
                "sound": str(row.sound),
                "video": None if row.video is None else str(row.video),
                "group": row.group,
                **row.numbers,
            }
            for row in one.rows
        ],
    }

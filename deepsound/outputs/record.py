"""Result record of a run, `<stem>.result.json`, and its schema version."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deepsound import __version__
from deepsound.errors import EngineError
from deepsound.media.loudness import Levelling
from deepsound.media.mux_report import MuxReport
from deepsound.outcome import Outcome
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.runtime.progress import Progress
from deepsound.types import Loudness

# Records of 0.3.0 and before have none.
SCHEMA_VERSION = SCHEMAS["result"].version


@dataclass(frozen=True)
class Result:
    """A finished run: the outcome, the loudness of its sounds and where the files are (None: not made).

    `files` are the sizes in bytes of all files but the record, by name; `links` names the file that another one
    equals, since both are one file on the disk. `replaced` says what of an earlier result's request was different,
    `mux` what became of the video's picture, tracks and tags, `levelling` how near the final sound came to its target.
    The videos of steps and the removed voice are there where they were asked for.
    """

    outcome: Outcome
    video_input: Path
    output_dir: Path
    step1_audio_path: Path
    step3_audio_path: Path | None
    neg_audio_path: Path | None
    final_audio_path: Path | None
    final_video_path: Path | None
    result_path: Path
    loudness: dict[str, Loudness]
    weights: list[dict[str, Any]]
    total_s: float
    files: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, Any] | None = None
    mux: MuxReport | None = None
    levelling: Levelling | None = None
    step1_video_path: Path | None = None
    step3_video_path: Path | None = None
    neg_video_path: Path | None = None
    voice_audio_path: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as plain data; the original's six fields keep their names and meanings."""
        return {**self._original_fields(), **self._own_fields()}

    def _original_fields(self) -> dict[str, Any]:
        quiet = self.outcome.silence
        return {
            "step1_audio_path": str(self.step1_audio_path),
            "is_vo": self.outcome.is_voice_over,
            "step3_audio_path": _text(self.step3_audio_path),
            "is_silent": None if quiet is None else quiet.is_silent,
            "final_audio_path": _text(self.final_audio_path),
            "final_video_path": _text(self.final_video_path),
        }

    def _own_fields(self) -> dict[str, Any]:
        outcome = self.outcome
        judgement = asdict(outcome.judgement)
        return {
            VERSION_KEY: SCHEMA_VERSION,
            "deepsound_version": __version__,
            "video_input": str(self.video_input),
            "neg_audio_path": _text(self.neg_audio_path),
            "step1_video_path": _text(self.step1_video_path),
            "step3_video_path": _text(self.step3_video_path),
            "neg_video_path": _text(self.neg_video_path),
            "voice_audio_path": _text(self.voice_audio_path),
            "mode": outcome.mode,
            "postp_mode": outcome.fallback,
            "final_from": outcome.final_from,
            "engines": asdict(outcome.choices),
            "preset": outcome.preset,
            "engine_settings": {name: dict(used) for name, used in outcome.engine_settings.items()},
            "weights": self.weights,
            "request": asdict(outcome.request),
            "plan": list(outcome.plan.steps),
            "verdict": outcome.judgement.verdict.value,
            "undecided_counts_as": outcome.undecided,
            "category": judgement["category"],
            "reasoning": judgement["thought"],
            "raw_answer": judgement["raw"],
            "window_verdicts": [
                {
                    "start_s": round(each.span.start_s, 4),
                    "end_s": round(each.span.end_s, 4),
                    "verdict": each.verdict.value,
                    "category": each.category,
                    "why": each.conclusion,
                }
                for each in outcome.judgement.windows
            ],
            "voice_spans_s": [[span.start_s, span.end_s] for span in outcome.judgement.voice_spans],
            "people_times_s": list(outcome.judgement.people_times_s),
            "still_mouth_spans_s": [[span.start_s, span.end_s] for span in outcome.judgement.still_mouth_spans],
            "scope": outcome.scope,
            "voice_decision": outcome.voice_decision,
            "removal_db": outcome.removal_db,
            "keep_ambience": outcome.keep_ambience,
            "segments": [segment.as_dict() for segment in outcome.segments],
            "silence": None if outcome.silence is None else asdict(outcome.silence),
            "loudness": {name: asdict(level) for name, level in self.loudness.items()},
            "regenerated_by": None if outcome.regenerated_by is None else asdict(outcome.regenerated_by),
            "notes": list(outcome.notes),
            "takes": list(outcome.takes),
            "steps": [asdict(step) for step in outcome.steps],
            "files": self.files,
            "links": self.links,
            "replaced": self.replaced,
            "levelling": None if self.levelling is None else asdict(self.levelling),
            "mux": None if self.mux is None else self.mux.to_json(),
            "total_s": self.total_s,
        }


def described_weights(outcome: Outcome, progress: Progress) -> list[dict[str, Any]]:
    """Which files the run's networks came from; of a folder, each file in it.

    Raises EngineError for one that is gone since it was read.
    """
    from deepsound.weights.fingerprint import sha256_of

    described = []
    for used in outcome.weights:
        try:
            for file in sorted(filter(is_file, used.path.rglob("*"))) if is_dir(used.path) else [used.path]:
                size, digest = file.stat().st_size, sha256_of(file, progress)
                described.append(
                    {"engine": used.engine, "role": used.role, "path": str(file), "bytes": size, "sha256": digest}
                )
        except OSError as error:
            raise EngineError(
                f"The weights {escaped(used.path)} cannot be read any more ({error.strerror}); restore them, run again."
            ) from error
    return described


def differences(earlier: dict[str, Any] | None, record: dict[str, Any]) -> dict[str, Any] | None:
    """What the request of an earlier result of the same name was, where this run's is another; None without one.

    Of an earlier record that cannot be read nothing is known: an empty dictionary.
    """
    if not earlier:
        return earlier
    before, now = request_of(earlier), request_of(record)
    return {key: value for key, value in before.items() if value != now[key]} or None


def request_of(record: dict[str, Any]) -> dict[str, Any]:
    """The part of a record that identifies one of several results of a name; None where it does not say."""
    request, engines = record.get("request") or {}, record.get("engines") or {}
    generator = engines.get("generator")
    return {
        "seed": request.get("seed"),
        "generator": generator.get("name") if isinstance(generator, dict) else None,
        "prompt": request.get("prompt"),
        "negative_prompt": request.get("negative_prompt"),
        "mode": record.get("mode"),
        "postp_mode": record.get("postp_mode"),
        "video_input": record.get("video_input"),
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)

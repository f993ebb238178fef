"""What a run leaves behind: sounds, the finished video and `<stem>.result.json`, named as the original project does.

Everything is made in a hidden folder inside the output folder and only moved to its final name when the whole run has
succeeded, so an earlier good result survives a failure, a full disk or Ctrl-C.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from deepsound import __version__
from deepsound.errors import InputError, OutputError
from deepsound.media import loudness
from deepsound.media.clip import Clip
from deepsound.media.files import check_output_path, output_error
from deepsound.media.mux import mux
from deepsound.media.wav import write_wav
from deepsound.outcome import Outcome
from deepsound.runtime.paths import expand, is_dir, is_file, is_same_file
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness


@dataclass(frozen=True)
class Result:
    """A finished run: the outcome, the loudness of its sounds and where the files are (None: not made)."""

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
            "deepsound_version": __version__,
            "video_input": str(self.video_input),
            "neg_audio_path": _text(self.neg_audio_path),
            "mode": outcome.mode,
            "postp_mode": outcome.fallback,
            "final_from": outcome.final_from,
            "engines": asdict(outcome.choices),
            "weights": self.weights,
            "request": asdict(outcome.request),
            "plan": list(outcome.plan.steps),
            "verdict": outcome.judgement.verdict.value,
            "undecided_counts_as": outcome.undecided,
            "category": judgement["category"],
            "reasoning": judgement["thought"],
            "raw_answer": judgement["raw"],
            "voice_spans_s": [[span.start_s, span.end_s] for span in outcome.judgement.voice_spans],
            "people_times_s": list(outcome.judgement.people_times_s),
            "silence": None if outcome.silence is None else asdict(outcome.silence),
            "loudness": {name: asdict(level) for name, level in self.loudness.items()},
            "steps": [asdict(step) for step in outcome.steps],
            "total_s": self.total_s,
        }


class OutputStaging:
    """The hidden folder a run works in; leaving the context removes it, whatever happened.

    Raises OutputError when the output folder cannot be made or written, InputError when a final file would replace
    the input video.
    """

    def __init__(self, clip: Clip, output_dir: Path, write_video: bool) -> None:
        self._clip = clip
        self._output_dir = expand(output_dir, OutputError)
        self._write_video = write_video
        self._stem = clip.path.stem
        self._began = time.perf_counter()

    def __enter__(self) -> OutputStaging:
        target = self._output_dir / f"{self._stem}.mp4"
        if is_same_file(target, self._clip.path, OutputError):
            raise InputError(f"The finished video would replace its own input {target}; choose another output folder.")
        if "\0" in str(self._output_dir):
            raise OutputError(f"The output folder {str(self._output_dir)!r} has a null byte in it; choose another one.")
        with self._writing(self._output_dir):
            self._output_dir.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".", suffix=".partial", dir=self._output_dir))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def finish(self, outcome: Outcome, target_lufs: float | None, progress: Progress) -> Result:
        """Write every file of the run and move them into place together, `<stem>.result.json` last."""
        stage = progress.at("write")
        began = time.perf_counter()
        final, levels = self._measured(outcome, target_lufs, stage)
        sounds = {
            ".step1.wav": outcome.coarse,
            ".step3.wav": outcome.stems.background if outcome.stems else None,
            ".neg.wav": outcome.regenerated,
            ".wav": final,
        }
        written = [suffix for suffix, audio in sounds.items() if audio is not None]
        for suffix in written:
            stage.check()
            write_wav(sounds[suffix], self._staged(suffix))  # type: ignore[arg-type]
        if self._write_video:
            mux(
                self._clip.path,
                final,
                self._staged(".mp4"),
                start_s=self._clip.start_s,
                duration_s=self._clip.duration_s,
                progress=stage,
            )
            written.append(".mp4")
        result = self._result(outcome, written, levels, _described_weights(outcome, stage))
        record = json.dumps(result.to_json(), indent=2, ensure_ascii=False)
        with self._writing(result.result_path):
            self._staged(".result.json").write_text(record + "\n", encoding="utf-8")
        stage.check()
        self._move_into_place([*written, ".result.json"])
        stage.finish(f"{len(written) + 1} files in {self._output_dir}", time.perf_counter() - began)
        return result

    def _measured(
        self,
        outcome: Outcome,
        target_lufs: float | None,
        stage: Progress,
    ) -> tuple[Audio | None, dict[str, Loudness]]:
        final = outcome.final
        levels = {"step1": loudness.measure(outcome.coarse, stage)}
        if final is not None and target_lufs is not None:
            final = loudness.normalise(final, target_lufs)
        if final is not None:
            levels["final"] = levels["step1"] if final is outcome.coarse else loudness.measure(final, stage)
        return final, levels

    def _result(
        self,
        outcome: Outcome,
        written: list[str],
        levels: dict[str, Loudness],
        weights: list[dict[str, Any]],
    ) -> Result:
        def final_name(suffix: str) -> Path | None:
            return self._final(suffix) if suffix in written else None

        return Result(
            outcome=outcome,
            video_input=self._clip.path,
            output_dir=self._output_dir,
            step1_audio_path=self._final(".step1.wav"),
            step3_audio_path=final_name(".step3.wav"),
            neg_audio_path=final_name(".neg.wav"),
            final_audio_path=final_name(".wav"),
            final_video_path=final_name(".mp4"),
            result_path=self._final(".result.json"),
            loudness=levels,
            weights=weights,
            total_s=time.perf_counter() - self._began,
        )

    def _move_into_place(self, suffixes: list[str]) -> None:
        stale = self._earlier_files() - {self._final(suffix) for suffix in suffixes}
        for suffix in suffixes:
            check_output_path(self._final(suffix))
        for suffix in suffixes:
            with self._writing(self._final(suffix)):
                self._staged(suffix).replace(self._final(suffix))
        for path in stale:
            with self._writing(path):
                path.unlink(missing_ok=True)

    @staticmethod
    @contextmanager
    def _writing(path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_error(path, error) from error

    def _earlier_files(self) -> set[Path]:
        """What an earlier run under this name made and this one may not: left behind they would tell another story."""
        names = {self._final(suffix) for suffix in (".step3.wav", ".neg.wav", ".wav", ".mp4")}
        try:
            record = json.loads(self._final(".result.json").read_text())
            made = {
                Path(str(record.get(key))).name
                for key in ("step3_audio_path", "neg_audio_path", "final_audio_path", "final_video_path")
            }
        except (OSError, ValueError, AttributeError):
            return set()
        return {path for path in names if path.name in made}

    def _staged(self, suffix: str) -> Path:
        return self._folder / f"{self._stem}{suffix}"

    def _final(self, suffix: str) -> Path:
        return self._output_dir / f"{self._stem}{suffix}"


def _described_weights(outcome: Outcome, progress: Progress) -> list[dict[str, Any]]:
    """Which files the run's networks came from; of a folder, each file in it."""
    from deepsound.weights.fingerprint import sha256_of

    return [
        {
            "engine": used.engine,
            "role": used.role,
            "path": str(file),
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file, progress),
        }
        for used in outcome.weights
        for file in (sorted(filter(is_file, used.path.rglob("*"))) if is_dir(used.path) else [used.path])
    ]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)

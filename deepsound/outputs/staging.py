"""Staging of a run's files: written aside, put in place once the run has succeeded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from deepsound.errors import Cancelled, DeepSoundError, InputError, OutputError
from deepsound.media.clip import Clip
from deepsound.media.files import output_error
from deepsound.media.mux import mux_clip
from deepsound.media.mux_report import MuxReport
from deepsound.outcome import Outcome
from deepsound.outputs.extras import Extras, stage_stems, stage_timeline
from deepsound.outputs.leftovers import StagingFolder, clear_leftovers, make_staging_folder, undo_interrupted
from deepsound.outputs.levels import FinalLevels, final_levels
from deepsound.outputs.naming import (
    DEFAULT_TEMPLATE,
    PICTURES,
    RECORD,
    SOUNDS,
    STEM_FILES,
    STEP_VIDEOS,
    STEPS,
    TIMELINE,
    VIDEOS,
    VOICE,
    check_lengths,
    check_space,
    output_stem,
)
from deepsound.outputs.placement import NEW, folder_lock, is_there, place, sync_new, too_late
from deepsound.outputs.reading import files_of, read_result
from deepsound.outputs.record import Result, described_weights, differences, request_of
from deepsound.outputs.staged_files import StagedFiles, is_same_sound, sounds_of
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.paths import escaped, expand, is_same_file
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

# What a person calls a key of a record's request.
_WORDS = {"video_input": "of another video,", "postp_mode": "fallback", "negative_prompt": "negative prompt"}


class OutputStaging:
    """The hidden folder a run works in; leaving the context removes it, whatever happened.

    `template` names the files, `values` are its fields. With `overwrite=False` a file that is there already is an
    error. Raises, before any work, OutputError when the output folder or a file in it cannot be written, InputError
    for a template that cannot name files and when a final file would replace the input video.
    """

    def __init__(
        self,
        clip: Clip,
        output_dir: Path,
        write_video: bool,
        *,
        template: str = DEFAULT_TEMPLATE,
        values: Mapping[str, str | int] | None = None,
        overwrite: bool = True,
        pictures: bool = False,
        video_suffix: str = ".mp4",
        container_why: str = "",
        length: str = "as_is",
        extras: Extras = Extras(),
    ) -> None:
        self._extras = extras
        self._clip = clip
        self._output_dir = expand(output_dir, OutputError)
        self._write_video = write_video
        self._video_suffix = video_suffix
        self._container_why = container_why
        self._length = length
        self._mux_report: MuxReport | None = None
        self._stem = output_stem(template, {"stem": clip.path.stem, "ext": clip.path.suffix[1:], **(values or {})})
        self._values = dict(values or {})
        self._overwrite = overwrite
        self._pictures = pictures
        self._began = time.perf_counter()
        self._earlier: dict[str, Any] | None = None
        self._is_placed = False

    def __enter__(self) -> OutputStaging:
        self._check_target()
        if "\0" in str(self._output_dir):
            raise OutputError(f"The output folder {str(self._output_dir)!r} has a null byte in it; choose another one.")
        try:
            self._output_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self._output_dir, error) from error
        clear_leftovers(self._output_dir)
        self._check_names()
        self._folder: StagingFolder = make_staging_folder(self._output_dir)
        self._files = StagedFiles(self._folder.path / NEW)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopped = error if isinstance(error, (KeyboardInterrupt, Cancelled)) else None
        try:
            self._folder.remove()
        except KeyboardInterrupt as late:
            stopped = late
        if self._is_placed and stopped is not None:
            raise too_late(self._output_dir) from stopped
        if stopped is not None and stopped is not error:
            raise stopped

    def check(self) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """The checks before a run's work, with nothing written: its possible files, and those that are there already.

        Raises what entering the context raises for them.
        """
        self._check_target()
        self._check_names()
        final = tuple(map(self._final, self._suffixes()))
        return final, tuple(
            path for path in final if is_there(self._output_dir, self._stem, path.name[len(self._stem) :])
        )

    @property
    def note(self) -> str:
        """What a person must know before the work: which earlier result of another request this run replaces."""
        if self._earlier is None:
            return ""
        settings = request_of(self._earlier)
        now = {**settings, "postp_mode": self._values.get("fallback"), **self._values, "video_input": self._video()}
        other = [
            f"{_WORDS.get(key, key)} {escaped(str(was))}"
            for key, was in settings.items()
            if was not in (None, now[key])
        ]
        if self._earlier and not other:
            return ""
        what = ", ".join(other) or "its record cannot be read"
        return (
            f"{escaped(self._final(RECORD))} is an earlier result ({what}) and will be replaced; "
            'an output template such as "{stem}.{seed}" keeps both.'
        )

    def _video(self) -> str:
        """The video as the earlier record names it, where that is the same file."""
        earlier = str((self._earlier or {}).get("video_input") or "")
        own = self._clip.path
        return earlier if earlier and is_same_file(Path(earlier), own) else str(own)

    def finish(self, outcome: Outcome, target_lufs: float | None, progress: Progress) -> Result:
        """Write every file of the run and put them in place together, the record last.

        Raises OutputError or Cancelled; what the folder then holds is in the message: the earlier files, unless it
        says otherwise.
        """
        stage = progress.at("write")
        began = time.perf_counter()
        sound = final_levels(outcome, target_lufs, stage)
        for note in sound.notes:
            progress.note(note)
        outcome = replace(outcome, notes=(*outcome.notes, *sound.notes))
        sounds = sounds_of(outcome, sound.final, self._extras.has_stems)
        self._files.write_sounds(sounds, outcome.judgement.voice_spans, self._pictures, stage.check)
        if self._write_video:
            self._mux_report = mux_clip(
                self._clip,
                sound.final,
                self._files.new(self._video_suffix),
                progress=stage,
                length=self._length,
                container_why=self._container_why,
            ).report
        if self._extras.has_stems:
            made = stage_stems(self._files, outcome, sounds, self._extras.stem_format, stage)
            if self._extras.timeline:
                stage_timeline(self._files, outcome, self._clip, self._final(""), made, self._video_suffix)
        if self._extras.step_videos:
            levels = tuple(self._mux_steps(sounds, stage))
            outcome = replace(outcome, notes=(*outcome.notes, *levels))
        result = self._result(outcome, sound, described_weights(outcome, stage))
        self._write_record(result)
        stage.check()
        self._put_in_place(stage.check)
        count = f"{len(self._files.paths)} files in {escaped(self._output_dir)}"
        stage.finish(count, time.perf_counter() - began)
        return result

    def _mux_steps(self, sounds: Mapping[str, Audio | None], progress: Progress) -> Iterator[str]:
        """The picture under the sound of each step, and the notes on those that had to be turned down.

        A sound that another video has is a link to that one.
        """
        videos = {self._video_suffix: sounds[".wav"]} if self._write_video else {}
        for step in STEPS:
            audio, suffix = sounds[f"{step}.wav"], step + self._video_suffix
            if audio is None:
                continue
            twin = next((name for name, other in videos.items() if other and is_same_sound(other, audio)), None)
            if twin is not None:
                self._files.link(suffix, twin)
                continue
            target = self._files.new(suffix)
            muxed = mux_clip(self._clip, audio, target, progress=progress, length=self._length)
            videos[suffix] = audio
            if muxed.report.level:
                note = f"{escaped(self._final(suffix).name)}: {muxed.report.level}."
                progress.note(note)
                yield note

    def _check_target(self) -> None:
        target = self._final(self._video_suffix)
        if is_same_file(target, self._clip.path, OutputError):
            raise InputError(
                f"The finished video would replace its own input {escaped(target)}; choose another output folder."
            )

    def _check_names(self) -> None:
        """Refuse before the work what could not be written after it, and remember an earlier result of the name."""
        suffixes = self._suffixes()
        check_lengths(self._output_dir, self._stem, suffixes)
        present = [suffix for suffix in suffixes if is_there(self._output_dir, self._stem, suffix)]
        try:
            self._earlier = read_result(self._final(RECORD)) if RECORD in present else None
        except InputError:
            self._earlier = {}
        if present and not self._overwrite:
            seed = request_of(self._earlier or {})["seed"]
            raise OutputError(
                f"{escaped(self._final(present[-1]))} exists already"
                f"{'' if seed is None else f' (the result of seed {seed})'} and is not to be overwritten; choose "
                'another output folder, or an output template such as "{stem}.{seed}".'
            )
        if self._write_video:
            check_space(self._output_dir, self._clip)

    def _suffixes(self) -> tuple[str, ...]:
        suffixes = (*SOUNDS, RECORD, *([self._video_suffix] if self._write_video else []))
        suffixes += PICTURES if self._pictures else ()
        return suffixes + self._extras.suffixes(self._video_suffix)

    def _result(self, outcome: Outcome, sound: FinalLevels, weights: list[dict[str, Any]]) -> Result:
        def final_name(suffix: str) -> Path | None:
            return self._final(suffix) if suffix in self._files.paths else None

        result = Result(
            outcome=outcome,
            video_input=self._clip.path,
            output_dir=self._output_dir,
            step1_audio_path=self._final(".step1.wav"),
            step3_audio_path=final_name(".step3.wav"),
            neg_audio_path=final_name(".neg.wav"),
            final_audio_path=final_name(".wav"),
            final_video_path=final_name(self._video_suffix),
            result_path=self._final(RECORD),
            loudness=sound.levels,
            levelling=sound.levelling,
            step1_video_path=final_name(".step1" + self._video_suffix),
            step3_video_path=final_name(".step3" + self._video_suffix),
            neg_video_path=final_name(".neg" + self._video_suffix),
            voice_audio_path=final_name(VOICE),
            weights=weights,
            total_s=time.perf_counter() - self._began,
            files={self._stem + suffix: path.stat().st_size for suffix, path in self._files.paths.items()},
            links={self._stem + suffix: self._stem + same for suffix, same in self._files.links.items()},
            mux=self._mux_report,
        )
        return replace(result, replaced=differences(self._earlier, result.to_json()))

    def _write_record(self, result: Result) -> None:
        try:
            self._files.new(RECORD).write_bytes(json_bytes(result.to_json()))
        except OSError as error:
            raise output_error(result.result_path, error) from error
        except ValueError as error:
            raise DeepSoundError(
                f"The record {escaped(result.result_path)} cannot be written: {error}. An engine returned a value that "
                "is no JSON; report it to the engine's author."
            ) from error

    def _put_in_place(self, check: Callable[[], None]) -> None:
        replaced = self._of_earlier_run()
        sync_new(self._folder.path, self._output_dir, tuple(self._files.paths))
        with folder_lock(self._output_dir, check) as locked:
            undo_interrupted(self._output_dir, locked)
            if not self._overwrite:
                self._refuse_present()
            place(self._folder.path, self._output_dir, self._stem, tuple(self._files.paths), replaced)
            self._is_placed = True

    def _refuse_present(self) -> None:
        for suffix in self._files.paths:
            if is_there(self._output_dir, self._stem, suffix):
                raise OutputError(
                    f"{escaped(self._final(suffix))} has come to exist during the run and is not to be overwritten; "
                    "nothing was changed. Run again with another output template."
                )

    def _of_earlier_run(self) -> tuple[str, ...]:
        """What an earlier run of the name made, by its record: left behind it would tell another story."""
        try:
            made = files_of(read_result(self._final(RECORD)))
        except InputError:
            return ()
        return tuple(
            suffix
            for suffix in (*SOUNDS, VOICE, *STEM_FILES, TIMELINE, *VIDEOS, *STEP_VIDEOS, *PICTURES)
            if self._stem + suffix in made and not is_same_file(self._final(suffix), self._clip.path, OutputError)
        )

    def _final(self, suffix: str) -> Path:
        return self._output_dir / f"{self._stem}{suffix}"

"""The four steps of DeepSound-V1 (arXiv 2503.22208, Figure 2).

Plan -> generate -> judge -> remove -> fall back.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deepsound import choices as tables
from deepsound import engines
from deepsound.arguments import check_arguments, check_request, with_plain_numbers
from deepsound.errors import InputError
from deepsound.fallback import DEFAULT_FALLBACK, NEG_PROMPT, without_voice
from deepsound.media.clip import Clip
from deepsound.media.formats import AUTO
from deepsound.media.length_policy import DEFAULT_LENGTH
from deepsound.outcome import Choice, Choices, Fallback, Mode, Outcome, Undecided
from deepsound.outputs import Result
from deepsound.outputs.extras import Extras
from deepsound.outputs.naming import DEFAULT_TEMPLATE, STEM_FORMATS, fields_of
from deepsound.pipeline_run import PipelineRun, generator_notes, precision_notes, settings_notes
from deepsound.preparation import OutputOptions, StepOptions, clip_of, prepare
from deepsound.presets import DEFAULT_PRESET
from deepsound.presets import preset as preset_row
from deepsound.rank.best_of import TakeOptions
from deepsound.repair.plan import parse_user_segments
from deepsound.runtime.execution import Execution
from deepsound.runtime.numeric_defaults import numeric_defaults
from deepsound.runtime.progress import Progress
from deepsound.runtime.seeds import seed_note, unsigned_seed
from deepsound.selection import Selection, check_later_files, choose_generator, select
from deepsound.separate.removal import RemovalSettings
from deepsound.types import (
    GenerationRequest,
    Preferences,
    SeparationSettings,
)

__all__ = ["NEG_PROMPT", "Choice", "Choices", "Outcome", "Pipeline", "choose_generator", "without_voice"]


class Pipeline:
    """Plans, generates, judges, removes and falls back, with engines by name (`auto` chooses and says why).

    `preset` is a name of `deepsound.presets.PRESETS`: what is named here, or set in `preferences` and `separation`,
    beats it. `generator_settings` are what generators with settings of their own take in `adjust`, by name.
    Raises InputError for a name that does not exist.
    """

    def __init__(
        self,
        generator: str = "auto",
        reasoner: str = "auto",
        separator: str = "auto",
        execution: Execution = Execution(),
        preferences: Preferences | None = None,
        undecided: Undecided = "no",
        preset: str = DEFAULT_PRESET,
        separation: SeparationSettings = SeparationSettings(),
        generator_settings: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        check_arguments(locals())
        tables.option("undecided", undecided, tables.UNDECIDED)
        named = zip(engines.KINDS, (generator, reasoner, separator), strict=True)
        first, second, third = (name if name == "auto" else engines.require(kind, name).name for kind, name in named)
        self._names = (first, second, third)
        self._preset = preset_row(preset)
        self._execution = execution
        self._preferences = self._preset.preferences if preferences is None else preferences
        self._separation = separation.over(self._preset.separation)
        self._undecided: Undecided = undecided
        self._generator_settings = dict(generator_settings)

    @numeric_defaults()
    @with_plain_numbers
    def run(
        self,
        video: str | Path | Clip,
        output_dir: str | Path = "outputs",
        *,
        mode: Mode = tables.MODE_NAMES[0],
        fallback: Fallback = DEFAULT_FALLBACK,
        prompt: str = "",
        negative_prompt: str = "",
        seed: int = 42,
        start_s: float = 0.0,
        duration_s: float | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        write_video: bool = True,
        target_lufs: float | None = None,
        overwrite: bool = True,
        output_template: str = DEFAULT_TEMPLATE,
        pictures: bool = False,
        container: str = AUTO,
        length: str = DEFAULT_LENGTH,
        audio_track: int | None = None,
        downmix: str | None = None,
        step_videos: bool = False,
        stems: bool = False,
        stem_format: str = STEM_FORMATS[0],
        timeline: bool = False,
        takes: int = 1,
        pick: str = tables.PICK_NAMES[0],
        window_s: float | None = None,
        scope: str = "",
        spans: str = "",
        voice_decision: str = tables.VOICE_DECISION_NAMES[0],
        removal_db: float | None = None,
        keep_ambience: bool = False,
        progress: Progress = Progress(),
    ) -> Result:
        """Run on a file and leave `<stem>.*` in `output_dir`; nothing there is touched unless the whole run succeeds.

        A Clip as `video` is decoded once for all of its runs and has its own window, track and mix (others are
        refused). Losses that can be known are noted before the work. Raises a DeepSoundError that says what to do.

        - The window: `start_s` and `duration_s` in seconds (None: to the end); `audio_track`, the number of the sound
          track, from 1; `downmix` ("mono", "stereo") mixes its channels down.
        - The generator: `steps` and `guidance` (None: its own); `window_s`, the length in seconds of the windows in
          which a long sound is made (0: one pass, None: the preset's). Of several `takes`, from the seeds `seed`,
          `seed` + 1, ..., the best by `pick` ("auto", "voice", "sync", "ib") goes on.
        - The repair: with the `scope` "segments" only voiced spans change, with "clip" the whole sound as published
          ("": the preset's, else "segments"); `spans` is a list of one's own in place of the voiced ones ("1.2-3.4,
          5-6", or JSON as deepsound.segments writes it). The `voice_decision` "always" or "never" stands in for the
          judge; `removal_db` leaves the voice in, that many dB lower (None: none of it); `keep_ambience` fills in room
          tone where it was.
        - The results: `target_lufs` changes the final sound's loudness, otherwise only measured. `container` is that of
          the finished video (`auto` follows the source where that keeps the picture), `length` the policy of
          media.length_policy for sound that is longer or shorter than the picture. With `overwrite=False` a result that
          is there is an error before any work; `output_template` names the files by fields of
          `deepsound.outputs.naming.FIELDS`, as in "{stem}.{seed}".
        - More files: `pictures` draws each sound, `step_videos` leaves the picture under the sound of every step,
          `stems` the removed voice and all sounds as numbered files of one length (in `stem_format`, "wav" or "flac"),
          `timeline` these and an OpenTimelineIO file of them.
        """
        check_arguments({**locals(), "video": video.path if isinstance(video, Clip) else video})
        fields_of(output_template)
        clip = clip_of(video, start_s, duration_s, audio_track, downmix)
        window_s = self._preset.window_s if window_s is None else window_s
        request = GenerationRequest(prompt, negative_prompt, seed, steps=steps, guidance=guidance, window_s=window_s)
        removal = RemovalSettings(removal_db, keep_ambience)
        options = StepOptions(mode, fallback, scope, spans, voice_decision, removal)
        extras = Extras(step_videos, stems, stem_format, timeline)
        output = OutputOptions(write_video, overwrite, output_template, pictures, container, length, extras)
        ready = prepare(clip, self.select, seed, options, Path(output_dir), output, progress)
        with ready.staging as staging:
            best_of = TakeOptions(takes, pick)
            outcome = self._all_steps(ready.clip, ready.selection, request, options, progress, ready.notes, best_of)
            return staging.finish(outcome, target_lufs, progress)

    @numeric_defaults()
    @with_plain_numbers
    def run_in_memory(
        self,
        clip: Clip,
        request: GenerationRequest = GenerationRequest(),
        mode: Mode = tables.MODE_NAMES[0],
        fallback: Fallback = DEFAULT_FALLBACK,
        progress: Progress = Progress(),
        takes: TakeOptions = TakeOptions(),
        scope: str = "",
        spans: str = "",
        voice_decision: str = tables.VOICE_DECISION_NAMES[0],
        removal_db: float | None = None,
        keep_ambience: bool = False,
    ) -> Outcome:
        """The same steps on an open clip, their results in memory; nothing is written.

        A request without a window takes the preset's; the other arguments are those of `run`. Raises a DeepSoundError.
        """
        if not isinstance(clip, Clip):
            raise InputError(f"clip: expected a Clip, got {clip!r}; open it by Clip.open, or give the path to run.")
        check_request(request)
        check_arguments({name: value for name, value in locals().items() if name != "takes"})
        if request.window_s is None:
            request = replace(request, window_s=self._preset.window_s)
        removal = RemovalSettings(removal_db, keep_ambience)
        options = StepOptions(mode, fallback, scope, spans, voice_decision, removal)
        options.check()
        return self._all_steps(clip, self.select(clip), request, options, progress, takes=takes)

    def think(self, *arguments: Any, **named: Any) -> Outcome:
        """The former name of `run_in_memory`."""
        warnings.warn("Pipeline.think is now Pipeline.run_in_memory", DeprecationWarning, stacklevel=2)
        return self.run_in_memory(*arguments, **named)

    def check_files(self, choices: Choices) -> None:
        """Raise what is missing or wrong of the judge's and the separator's files, as a run does before its work."""
        check_later_files(choices, self._execution, self._separation)

    def _all_steps(
        self,
        clip: Clip,
        selection: Selection,
        request: GenerationRequest,
        options: StepOptions,
        progress: Progress,
        notes: Sequence[str] = (),
        takes: TakeOptions = TakeOptions(),
    ) -> Outcome:
        takes.check(clip, self._execution.unquantised)
        if said := seed_note(request.seed):
            progress.note(said)
            request = replace(request, seed=unsigned_seed(request.seed))
        run = PipelineRun(
            clip,
            request,
            selection.choices,
            self._execution,
            self._preferences,
            self._undecided,
            progress,
            scope=options.scope or self._preset.scope or tables.SCOPE_NAMES[0],
            given=parse_user_segments(options.spans, clip.duration_s),
            separation=self._separation,
            takes=takes,
            preset=self._preset,
            generator_settings=self._generator_settings,
            voice_decision=options.voice_decision,
            removal=options.removal,
        )
        for note in (*selection.notes, *notes):
            run.progress.note(note)
        return run.all_steps(options.mode, options.fallback)

    def select(self, clip: Clip) -> Selection:
        """The engines a run on `clip` would take, and what is said of them.

        Raises what `selection.select` raises, and InputError for settings that the separator cannot have.
        """
        if self._names[0] == "source":
            # What cannot be written in the end is refused before the plan; `auto` reads the sound at once.
            clip.check_audio(needed=True)
        selection = select(clip, self._names, self._preset, self._execution)
        if self._execution.loras:
            # A generator that takes none is refused before the work, and by a dry run too.
            engines.generator(selection.choices.generator.name, self._execution.unquantised)
        if self._separation != self._preset.separation:
            engines.separator(selection.choices.separator.name, self._execution.unquantised, self._separation)
        return selection

    def unused(self, choices: Choices, request: GenerationRequest) -> tuple[str, ...]:
        """What of the settings and of a request these engines will not use: one sentence each; nothing is loaded."""
        name, execution = choices.generator.name, self._execution.unquantised
        generator = engines.generator(name, execution)
        separator = engines.separator(choices.separator.name, execution)
        return (
            *settings_notes(self._generator_settings, name),
            *generator_notes(generator, name, request, execution),
            *precision_notes(choices, self._execution),
            *engines.separation_notes(separator, choices.separator.name, self._separation),
        )

"""`deepsound run`: videos through the steps, with progress, Ctrl-C and a summary."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsound import engines
from deepsound.cli.aligner_options import run_settings
from deepsound.cli.clips import named_videos
from deepsound.cli.display import Display, open_display
from deepsound.cli.dry_run import show as show_dry_run
from deepsound.cli.exit_codes import SOME_FAILED
from deepsound.cli.formatting import print_json
from deepsound.cli.lora_options import loras_of
from deepsound.cli.output_options import DEFAULT_TEMPLATE
from deepsound.cli.run_times import TimeKeeper
from deepsound.cli.signals import cancel_on_signal
from deepsound.cli.unused_options import check_device, unused_options
from deepsound.cli.without_video import generate, has_no_video
from deepsound.errors import EngineError, InputError, MediaError
from deepsound.outputs import Result
from deepsound.pipeline import Pipeline
from deepsound.presets import AUTO, DEFAULT_PRESET, preset
from deepsound.prompt_presets import join_prompt
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import escaped, expand, is_file
from deepsound.runtime.progress import Progress
from deepsound.segments import MAX_TEXT
from deepsound.takes import run_takes
from deepsound.types import Preferences, SeparationSettings

# The judges that have weights, by the catalogue's names for them; the original plans with the first.
JUDGES = {"videollama2_cot": "videollama2/av_cot", "videollama2_qa": "videollama2/av_qa"}
PLANNER = JUDGES["videollama2_cot"]
_LONGEST_PATH = 1000


def run(options: argparse.Namespace) -> int:
    """Run the pipeline as `options` say. Raises a DeepSoundError; cancelled within a second of Ctrl-C."""
    if has_no_video(options):
        if options.dry_run:
            raise InputError("--dry-run says what a run on a video would do; name a video, or leave the flag out.")
        return _generate_alone(options)
    videos = named_videos(options)
    check_device(options.device)
    if options.dry_run:
        pipeline, arguments = Pipeline(**pipeline_arguments(options)), run_arguments(options)
        return show_dry_run(pipeline, videos, options, arguments, execution_of(options))
    results: list[Result] = []
    failed = 0
    with cancel_on_signal() as token, open_display(quiet=options.quiet) as display:
        for note in unused_options(options):
            display.note(note)
        _mention_unused_folders(options, display)
        progress = Progress(on_event=display.show, check=token.check)
        pipeline = Pipeline(**pipeline_arguments(options))
        times = TimeKeeper(execution_of(options))
        for number, video in enumerate(videos, 1):
            display.name_clip(video, number, len(videos))
            try:
                results += _run_one(pipeline, video, options, display, progress, times)
            except (InputError, MediaError, EngineError) as error:
                if len(videos) == 1:
                    raise
                failed += 1
                display.fail(video, error)
        display.tally(len(videos), failed)
    if options.json:
        records = [result.to_json() for result in results]
        print_json("result", records[0] if len(records) == len(videos) == 1 else records)
    return SOME_FAILED if failed else 0


def _run_one(
    pipeline: Pipeline,
    video: str,
    options: argparse.Namespace,
    display: Display,
    progress: Progress,
    times: TimeKeeper,
) -> tuple[Result, ...]:
    arguments = run_arguments(options)

    def done(result: Result) -> None:
        display.summarise(result)
        times.keep(result, run_arguments(options))

    results = run_takes(
        pipeline,
        video,
        options.output_dir,
        arguments.pop("takes", 1),
        progress=progress,
        pictures=options.pictures,
        done=done,
        **arguments,
    )
    display.compare_takes(results)
    return results


def _generate_alone(options: argparse.Namespace) -> int:
    with cancel_on_signal() as token, open_display(quiet=options.quiet) as display:
        progress = Progress(on_event=display.show, check=token.check)
        records = generate(options, execution_of(options), display, progress)
    if options.json:
        print_json("sound", records[0] if options.takes == 1 else records)
    return 0


def pipeline_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What Pipeline is made with, as the flags say; those that 0.3.0 did not have only where they were given."""
    separation = separation_of(options)
    given = {
        "preset": (options.preset, DEFAULT_PRESET),
        "separation": (separation, SeparationSettings()),
        "generator_settings": (_generator_settings(options), {}),
    }
    return {
        "generator": options.generator,
        "reasoner": options.reasoner,
        "separator": options.separator,
        "execution": execution_of(options),
        "undecided": options.undecided,
        "preferences": _preferences(options),
        **{name: value for name, (value, default) in given.items() if value != default},
    }


def separation_of(options: argparse.Namespace) -> SeparationSettings:
    """How the separator cuts and hears, where the flags say so."""
    return SeparationSettings(options.separator_mode or "", options.tta, options.overlap, options.separator_batch)


def _generator_settings(options: argparse.Namespace) -> dict[str, object]:
    """Settings of single generators by their names: FoleyCrafter's scales, the draft's sounds, the aligner."""
    from deepsound.generate.draft.user_sounds import DraftSettings, require_sounds_folder
    from deepsound.generate.foleycrafter.request import FoleyCrafterSettings

    settings: dict[str, object] = {}
    if options.sounds:
        require_sounds_folder(options.sounds)
        settings["draft"] = DraftSettings(options.sounds)
    scales = {"temporal_scale": options.temporal_scale, "semantic_scale": options.semantic_scale}
    given = {name: value for name, value in scales.items() if value is not None}
    settings |= {"foleycrafter": FoleyCrafterSettings(**given)} if given else {}
    return settings | run_settings(options)


def _preferences(options: argparse.Namespace) -> Preferences:
    """The preset's, with what the flags say otherwise."""
    usual = preset(options.preset).preferences
    return Preferences(
        usual.model_plan if options.plan is None else options.plan == "model",
        usual.trace and not options.verdict_only,
        usual.published_parser or options.published_parser,
    )


def run_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What Pipeline.run is called with beside the video, the folder and the progress, as the flags say."""
    return {
        "mode": options.mode,
        "fallback": options.fallback,
        "prompt": join_prompt(options.prompt_preset, options.prompt),
        "negative_prompt": options.negative_prompt,
        "seed": options.seed,
        "start_s": options.start,
        "duration_s": options.duration,
        "steps": options.steps,
        "guidance": options.guidance,
        "write_video": not options.skip_final_video,
        "target_lufs": options.loudness,
        **_newer_run_arguments(options),
    }


def _newer_run_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Those that 0.3.0 did not have, where they are not the default: a batch of then keeps its fingerprints."""
    given = {
        "audio_track": (options.track, None),
        "downmix": (options.downmix, None),
        "window_s": (options.window, None),
        "container": (options.container, "auto"),
        "length": (options.length, "hold"),
        "output_template": (options.output_template, DEFAULT_TEMPLATE),
        "scope": (options.scope or "", ""),
        "spans": (_spans_text(options.spans), ""),
        "voice_decision": (options.voice_decision, "auto"),
        "removal_db": (options.removal_db, None),
        "keep_ambience": (options.keep_ambience, False),
        "overwrite": (not options.no_overwrite, True),
        "step_videos": (options.step_videos, False),
        "stems": (options.stems, False),
        "stem_format": (options.stem_format, "wav"),
        "timeline": (options.otio, False),
        "takes": (options.takes, 1),
        "pick": (options.pick, None),
    }
    return {name: value for name, (value, default) in given.items() if value != default}


def _spans_text(given: str) -> str:
    """A span list from the command line: the text of a file where one of that name is there, else the text itself."""
    path = expand(given) if given and len(given) < _LONGEST_PATH and "\n" not in given else None
    if path is None or not is_file(path):
        if given.strip().lower().endswith((".json", ".txt")):
            raise InputError(f"The span list {escaped(given)} does not exist; check the path, or write 1.2-3.4, 5-6.")
        return given
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_TEXT + 1)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"The span list {escaped(path)} cannot be read as text ({error}); name another file."
        ) from error


def execution_of(options: argparse.Namespace) -> Execution:
    """How networks are to be run, as the flags say; folders to look for weights in are made known."""
    from deepsound.weights.search_paths import register_model_folders

    register_model_folders([Path(folder) for folder in options.models])
    named = _model_folders(options) | dict(map(_named_path, options.weights))
    # Of the commands that run networks, those that make sound alone have the flag.
    compiled = getattr(options, "compile", False)
    return Execution(
        options.device, options.precision, options.offload, named, options.download, compiled, loras_of(options)
    )


def _model_folders(options: argparse.Namespace) -> dict[str, Path]:
    """The original's two folders by catalogue id: the planner is the cot model, the judge the one that was named.

    Where no judge was named, a folder for it makes the cot model available to `auto`, as in the original.
    """
    judge = JUDGES.get(_reasoner(options), PLANNER if _reasoner(options) == AUTO else None)
    named = {PLANNER: options.step0_model_dir, judge: options.step2_model_dir}
    return {name: expand(folder) for name, folder in named.items() if name and folder}


def _reasoner(options: argparse.Namespace) -> str:
    """The reasoner that the flags name, else the preset's."""
    named: str = options.reasoner
    if named == AUTO and "preset" in options:
        named = preset(options.preset).reasoner
    return engines.ALIASES.get(("reasoner", named), named)


def _named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(f"--weights {text!r} is not of the form ID=PATH; `deepsound models list` shows the ids.")
    return name, expand(path)


def _mention_unused_folders(options: argparse.Namespace, display: Display) -> None:
    if _reasoner(options) in (*JUDGES, AUTO):
        return
    for flag in ("step0_model_dir", "step2_model_dir"):
        folder = getattr(options, flag)
        if folder is not None:
            display.note(f"--{flag} {folder} is not used: the embedded reasoner has no weights.")

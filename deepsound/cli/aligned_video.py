"""`deepsound audio-to-video` and `deepsound joint`: a video for a sound, or both from words."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound import __version__
from deepsound.cli.aligner_options import add_guide_options, guide_settings
from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.option_types import count, seed, step_size, strength
from deepsound.errors import OutputError
from deepsound.runtime.paths import escaped, expand, is_same_file

if TYPE_CHECKING:
    from deepsound.generate.aligned_video.generator import AlignedVideo
    from deepsound.runtime.execution import Execution
    from deepsound.runtime.progress import Progress
    from deepsound.types import Audio

SOUND_DESCRIPTION = """\
Makes a video that goes with a sound (Seeing and Hearing, arXiv 2402.17723): AnimateDiff on Stable Diffusion 1.5, its
latents and prompt moved towards the sound by ImageBind. Leaves <stem>.mp4 and <stem>.result.json.
The paper gives steps, rate and that the prompt is tuned; frames, size, guidance, warm-up, inner steps and the prompt's
rate are defaults of AnimateDiff, of the released video-to-audio code, or of this project.
"""
JOINT_DESCRIPTION = """\
Makes a video and its sound from words (Seeing and Hearing, arXiv 2402.17723, algorithm 1): AnimateDiff and AudioLDM
side by side, both latents and both prompts moved towards each other by ImageBind. Leaves <stem>.mp4 and
<stem>.result.json. What the paper does not give of the settings is said at `deepsound audio-to-video --help`.
"""
JOINT_STEM = "joint"


def add_aligned_video(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    add_execution_options: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add both commands and their flags."""
    drawn = _add_command(commands, "audio-to-video", "make a video that goes with a sound", SOUND_DESCRIPTION)
    drawn.add_argument("sound", metavar="SOUND", help="a sound file, or a video whose sound it is")
    drawn.add_argument("--prompt", required=True, metavar="TEXT", help="words for what is to be seen")
    drawn.set_defaults(command=_audio_to_video)
    joint = _add_command(commands, "joint", "make a video and its sound from words", JOINT_DESCRIPTION)
    joint.add_argument("prompt", metavar="PROMPT", help="words for what is to be seen and heard")
    joint.add_argument("--audio-cfg", type=strength, metavar="STRENGTH", help="of AudioLDM's guidance (default: 2.5)")
    joint.add_argument("--audio-rate", type=step_size, metavar="RATE", help="by the sound's latents (0.1 as published)")
    joint.set_defaults(command=_joint)
    for command in (drawn, joint):
        _add_video_options(command)
        add_guide_options(command)
        add_execution_options(command)
        command.set_defaults(reasoner="auto", step0_model_dir=None, step2_model_dir=None)


def _add_command(commands: Any, name: str, help: str, description: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    return command


def _add_video_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--negative-prompt", default="", metavar="TEXT", help="words for what is not to be there")
    command.add_argument("--seed", type=seed, default=42, help="the same seed gives the same video (default: 42)")
    command.add_argument("--steps", type=count, metavar="N", help="steps from noise (25 as published)")
    command.add_argument("--frames", type=int, metavar="N", help="of the video, at most the adapter's (default: 16)")
    command.add_argument("--fps", type=float, metavar="RATE", help="frames per second (default: 8)")
    command.add_argument("--width", type=int, metavar="PIXELS", help="a multiple of 64 (default: 512)")
    command.add_argument("--height", type=int, metavar="PIXELS", help="a multiple of 64 (default: 512)")
    command.add_argument(
        "--cfg", dest="video_cfg", type=strength, metavar="STRENGTH", help="of AnimateDiff's guidance (default: 7.5)"
    )
    command.add_argument(
        "--video-rate", type=step_size, metavar="RATE", help="step size by the video's latents (0.01 as published)"
    )
    command.add_argument("--no-tune-prompt", dest="tune_prompt", action="store_false", help="leave the prompt as it is")
    command.add_argument("-o", "--output-dir", default="outputs", metavar="DIR", help="(default: %(default)s)")
    command.add_argument("--json", action="store_true", help="print the result record on stdout")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")


def _audio_to_video(options: argparse.Namespace) -> int:
    from deepsound.generate.aligned_video.generator import audio_to_video

    path = expand(options.sound)
    target = expand(options.output_dir, OutputError) / f"{path.stem}.mp4"
    if is_same_file(target, path, OutputError):
        raise OutputError(f"The video would replace its own sound {escaped(target)}; choose another output folder.")

    def make(execution: Execution, progress: Progress) -> AlignedVideo:
        return audio_to_video(_read(path, progress), _request(options), execution, progress)

    return _run(options, path.stem, make)


def _joint(options: argparse.Namespace) -> int:
    from deepsound.generate.aligned_video.generator import video_with_sound

    return _run(
        options, JOINT_STEM, lambda execution, progress: video_with_sound(_request(options), execution, progress)
    )


def _read(path: Path, progress: Progress) -> Audio:
    from deepsound.media.audio import decode_audio

    return decode_audio(path, progress=progress)


def _request(options: argparse.Namespace) -> Any:
    from deepsound.generate.aligned_video.request import AlignedVideoRequest

    names = ("steps", "frames", "fps", "width", "height", "video_cfg", "video_rate", "audio_cfg", "audio_rate")
    given = {name: getattr(options, name, None) for name in names}
    return AlignedVideoRequest(
        options.prompt,
        options.negative_prompt,
        options.seed,
        tune_prompt=options.tune_prompt,
        **{name: value for name, value in given.items() if value is not None},
        **guide_settings(options),
    )


def _run(options: argparse.Namespace, stem: str, make: Callable[[Execution, Progress], AlignedVideo]) -> int:
    """Make the video, write it and its record, and say where they are."""
    from deepsound.cli.display import open_display
    from deepsound.cli.formatting import print_json
    from deepsound.cli.run import execution_of
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.generate.aligned_video.output import write_video
    from deepsound.media.files import atomic_write, require_writable
    from deepsound.runtime.json_files import json_bytes
    from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
    from deepsound.runtime.progress import Progress

    folder = expand(options.output_dir, OutputError)
    with cancel_on_signal() as token, open_display(quiet=options.quiet) as display:
        notes: list[str] = []

        def show(event: Any) -> None:
            notes.extend([event.text] if event.is_note else [])
            display.show(event)

        progress = Progress(on_event=show, check=token.check)
        require_writable(folder)
        video = make(execution_of(options).unquantised, progress.at("generate"))
        path, about = folder / f"{stem}.mp4", folder / f"{stem}.result.json"
        write_video(video, path, progress.at("write"))
        record = {
            VERSION_KEY: SCHEMAS["aligned_video"].version,
            "deepsound_version": __version__,
            "command": options.command.__name__.strip("_"),
            "settings": video.settings,
            "weights": {role: str(file) for role, file in video.files.items()},
            "notes": notes,
            "video_path": str(path),
        }
        with atomic_write(about) as partial:
            partial.write_bytes(json_bytes(record))
        display.note(f"{path}: {len(video.images)} frames, {video.audio.duration_s:.2f} s of sound")
    if options.json:
        print_json("aligned_video", record)
    return 0

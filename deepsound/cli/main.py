"""Arguments and exit codes. Nothing heavy is imported here, so `--help` answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deepsound import __version__
from deepsound.choices import (
    MODE_NAMES,
    MODES,
    PRECISIONS,
    REASONER_PRECISIONS,
    UNDECIDED,
    UNDECIDED_NAMES,
    precision_limits,
    summary_of,
)
from deepsound.cli.app import add_app
from deepsound.cli.batch import add_batch
from deepsound.cli.comfy import add_comfy
from deepsound.cli.compare import add_compare
from deepsound.cli.evaluate import add_evaluate
from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.models import add_models
from deepsound.cli.process import (
    any_text_on_standard_streams,
    discard_stdout,
    flush_stdout,
    name_the_user,
    open_standard_streams,
    tell,
)
from deepsound.cli.reproduce import add_reproduce
from deepsound.cli.signals import exit_on_signals
from deepsound.errors import Cancelled, DeepSoundError
from deepsound.fallback import DEFAULT_FALLBACK, FALLBACK_NAMES, FALLBACKS

RUN_DESCRIPTION = """\
A video goes in, the finished video comes out: plan, generate (step 1), judge whether there is voice-over (step 2),
remove it (step 3), fall back if silence is left (step 4). Files are left in the output folder as <stem>.step1.wav,
<stem>.step3.wav, <stem>.neg.wav, <stem>.wav, <stem>.mp4 and <stem>.result.json, and only when the whole run succeeds.
The flags of the original project's demo.py are accepted unchanged.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors meant for people go to stderr as one message.

    Without `arguments` it is the program itself: those of the process, whose signals and streams are its own.
    """
    if arguments is None:
        open_standard_streams()
        exit_on_signals()
        name_the_user()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with any_text_on_standard_streams():
            options = build_parser().parse_args(_with_command(given))
            code = int(options.command(options))
            flush_stdout()
    except DeepSoundError as error:
        tell(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        tell("stopped.")
        return Cancelled.exit_code
    except BrokenPipeError:
        # The reader of our output went away; there is nobody left to tell.
        discard_stdout()
        return DeepSoundError.exit_code
    return code


def build_parser() -> argparse.ArgumentParser:
    """The whole command line's parser."""
    parser = argparse.ArgumentParser(
        prog="deepsound",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
        description="Sound for silent video, without the voices nobody asked for (DeepSound-V1, arXiv 2503.22208).",
    )
    parser.add_argument("--version", action="version", version=f"deepsound {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_engines(commands)
    add_models(commands)
    _add_execution_options(add_app(commands))
    add_evaluate(commands)
    add_batch(commands, _add_step_options, _add_generation_options, _add_execution_options, _add_output_options)
    add_comfy(commands)
    _add_execution_options(add_reproduce(commands))
    add_compare(commands)
    return parser


def _with_command(given: list[str]) -> list[str]:
    """The original's command lines name no command: `-i video.mp4 --mode s4` means `run`."""
    asks_top_level = {"-h", "--help", "--version"}
    if given and given[0].startswith("-") and given[0] not in asks_top_level:
        return ["run", *given]
    return given


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="give a video its finished sound",
        description=RUN_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    run.set_defaults(command=_run)
    run.add_argument("video", nargs="?", help="the video file")
    run.add_argument("-i", "--video_input", "--video-input", dest="video_input", help="the video file, as a flag")
    _add_step_options(run)
    _add_generation_options(run)
    _add_execution_options(run)
    _add_output_options(run)


def _add_step_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--mode", choices=MODE_NAMES, default=MODE_NAMES[0], help=f"{summary_of(MODES)} (default: %(default)s)"
    )
    run.add_argument(
        "--step1_mode",
        "--generator",
        dest="generator",
        default="auto",
        metavar="NAME",
        help="step 1 engine; auto: the video's own sound if it has any, else the embedded draft",
    )
    run.add_argument(
        "--step2_mode",
        "--reasoner",
        dest="reasoner",
        default="auto",
        metavar="NAME",
        help="engine that plans and judges; auto: the embedded rules",
    )
    run.add_argument(
        "--step3_mode",
        "--separator",
        dest="separator",
        default="auto",
        metavar="NAME",
        help="engine that removes the voice; auto: the embedded bs_roformer_tiny",
    )
    run.add_argument(
        "--postp_mode",
        "--fallback",
        dest="fallback",
        choices=FALLBACK_NAMES,
        default=DEFAULT_FALLBACK,
        help=f"if silence is left: {summary_of(FALLBACKS)} (default: %(default)s)",
    )
    run.add_argument("--step0_model_dir", metavar="DIR", help="folder of the model that plans (with --plan model)")
    run.add_argument("--step2_model_dir", metavar="DIR", help="folder of the model that judges")
    run.add_argument(
        "--plan",
        choices=("fixed", "model"),
        default="fixed",
        help="fixed: the published plan, one text for every video; model: ask the model for it",
    )
    run.add_argument(
        "--verdict_only",
        "--verdict-only",
        action="store_true",
        help="the model's chain of thought is written no further than its verdict",
    )
    run.add_argument(
        "--undecided",
        choices=UNDECIDED_NAMES,
        default=UNDECIDED_NAMES[0],
        help=f"what an answer that cannot be read counts as: {summary_of(UNDECIDED)} (default: %(default)s)",
    )
    run.add_argument(
        "--published_parser",
        "--published-parser",
        action="store_true",
        help="read the model's answer by the original's own rule",
    )


def _add_generation_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--prompt", default="", help="what it should sound like")
    run.add_argument("--negative_prompt", "--negative-prompt", default="", help="what it should not sound like")
    run.add_argument("--seed", type=int, default=42, help="same seed, same samples (default: %(default)s)")
    run.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where the window begins")
    run.add_argument(
        "--duration",
        type=float,
        default=None,
        metavar="SECONDS",
        help="length of the window (default: to the end; the original's default is 10)",
    )
    run.add_argument(
        "--steps",
        "--num_steps",
        dest="steps",
        type=int,
        metavar="N",
        help="steps from noise to sound (25 as published)",
    )
    run.add_argument(
        "--cfg",
        "--cfg_strength",
        dest="guidance",
        type=float,
        metavar="STRENGTH",
        help="how strictly picture and words are followed (as published: MMAudio 4.5, FoleyCrafter 7.5)",
    )


def _add_execution_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: the best there is)")
    run.add_argument(
        "--precision",
        choices=REASONER_PRECISIONS,
        default=REASONER_PRECISIONS[0],
        help=" ".join([f"{summary_of(PRECISIONS)}.", precision_limits(REASONER_PRECISIONS)]).strip(),
    )
    run.add_argument(
        "--full_precision",
        dest="precision",
        action="store_const",
        const="fp32",
        help="the original's name for --precision fp32",
    )
    run.add_argument(
        "--offload",
        action="store_true",
        help="each network leaves the device after its part, so that only the largest has to fit",
    )
    run.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="ID=PATH",
        help="a file or folder for one entry of `deepsound models list`; may be given several times",
    )
    run.add_argument(
        "--download",
        action="store_true",
        help="fetch weights that are nowhere on this machine (without it, nothing is ever downloaded)",
    )
    run.add_argument(
        "--models",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder to look for weights in, such as ComfyUI's models; may be given several times",
    )


def _add_output_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "-o",
        "--output_dir",
        "--output-dir",
        "--out",
        default="outputs",
        metavar="DIR",
        help="where the files go (default: %(default)s)",
    )
    run.add_argument("--skip_final_video", "--skip-final-video", action="store_true", help="leave only the sound")
    run.add_argument(
        "--loudness",
        type=float,
        metavar="LUFS",
        help="bring the final sound to this loudness, true peak at most -1 dBTP (default: measured, not changed)",
    )
    run.add_argument("--pictures", action="store_true", help="also draw waveforms and mel spectrograms as PNG")
    run.add_argument("--json", action="store_true", help="print the result record on stdout")
    run.add_argument("--quiet", action="store_true", help="no progress, only errors")


def _add_engines(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    engines = commands.add_parser(
        "engines",
        help="list the engines of each step",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    engines.add_argument("--json", action="store_true", help="print the list as JSON")
    engines.set_defaults(command=_engines)


def _run(options: argparse.Namespace) -> int:
    from deepsound.cli.run import run

    return run(options)


def _engines(options: argparse.Namespace) -> int:
    from deepsound.cli.engines import show

    return show(options)


if __name__ == "__main__":
    sys.exit(main())

"""Options of `deepsound run` that other commands share."""

from __future__ import annotations

import argparse
import math

from deepsound.choices import (
    MODE_NAMES,
    MODES,
    PICK_NAMES,
    PICKS,
    PRECISIONS,
    REASONER_PRECISIONS,
    SEPARATOR_MODE_NAMES,
    SEPARATOR_MODES,
    UNDECIDED,
    UNDECIDED_NAMES,
    precision_limits,
    summary_of,
)
from deepsound.cli.aligner_options import add_run_options
from deepsound.cli.lora_options import add_lora_option
from deepsound.cli.option_types import count, seed, strength
from deepsound.cli.repair_options import add_repair_options
from deepsound.presets import DEFAULT_PRESET, PRESET_NAMES, PRESETS
from deepsound.prompt_presets import PROMPT_PRESET_NAMES

# The names of deepsound.media.downmix, whose import is too heavy for `--help`; a test compares them.
DOWNMIXES = ("mono", "stereo")


def add_step_options(run: argparse.ArgumentParser) -> None:
    """Add what chooses the steps and their engines."""
    _add_engine_options(run)
    add_repair_options(run)
    _add_judgement_options(run)
    add_separation_options(run)


def _add_engine_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default=DEFAULT_PRESET,
        help=f"{summary_of(PRESETS)}; a flag that names an engine or a setting beats it (default: %(default)s)",
    )
    run.add_argument(
        "--mode", choices=MODE_NAMES, default=MODE_NAMES[0], help=f"{summary_of(MODES)} (default: %(default)s)"
    )
    run.add_argument(
        "--step1_mode",
        "--generator",
        dest="generator",
        default="auto",
        metavar="NAME",
        help="step 1 engine; auto: the video's own sound if it has any, else the best whose weights are here, else the "
        "embedded draft",
    )
    run.add_argument(
        "--step2_mode",
        "--reasoner",
        dest="reasoner",
        default="auto",
        metavar="NAME",
        help="engine that plans and judges; auto: the published CoT model where its weights are here, else the "
        "embedded rules",
    )
    run.add_argument(
        "--step3_mode",
        "--separator",
        dest="separator",
        default="auto",
        metavar="NAME",
        help="engine that removes the voice; auto: BS-RoFormer where its weights are here, else the embedded dtln",
    )


def _add_judgement_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--step0_model_dir", metavar="DIR", help="folder of the model that plans (with --plan model)")
    run.add_argument("--step2_model_dir", metavar="DIR", help="folder of the model that judges")
    run.add_argument(
        "--plan",
        choices=("fixed", "model"),
        help="fixed: the published plan, one text for every video; model: ask the model for it (default: fixed, or "
        "the preset's)",
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
        help="read the model's answer by the original's own rule; rules judges by the paper's table, without mouths",
    )


def add_separation_options(run: argparse.ArgumentParser) -> None:
    """Add the separator's chunking and test-time augmentation."""
    run.add_argument(
        "--separator_mode",
        "--separator-mode",
        choices=SEPARATOR_MODE_NAMES,
        help=f"how the separator cuts the sound: {summary_of(SEPARATOR_MODES)} (default: {SEPARATOR_MODE_NAMES[0]}, or "
        "the preset's)",
    )
    run.add_argument(
        "--tta",
        action="store_true",
        help="test-time augmentation: the mean of three separations, at three times the cost",
    )
    run.add_argument(
        "--overlap",
        type=strength,
        metavar="SECONDS",
        help="overlap of neighbouring chunks with equal_overlap (default: 1)",
    )
    run.add_argument(
        "--separator_batch",
        "--separator-batch",
        type=count,
        metavar="N",
        help="chunks the separator processes at once (default: as published, 4)",
    )


def add_generation_options(run: argparse.ArgumentParser) -> None:
    """Add the generator's request: prompts, seed, window, track, steps, guidance."""
    _add_prompt_options(run)
    _add_source_options(run)
    add_lora_option(run)
    _add_sampling_options(run)


def _add_prompt_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--prompt",
        default="",
        help="what it should sound like; lines such as '0-12: rain' are for a stretch of time (MMAudio)",
    )
    run.add_argument(
        "--prompt_preset",
        "--prompt-preset",
        choices=PROMPT_PRESET_NAMES,
        default="",
        metavar="NAME",
        help="a tested prompt, put before --prompt; `deepsound prompts` lists them",
    )
    run.add_argument("--negative_prompt", "--negative-prompt", default="", help="what it should not sound like")
    run.add_argument("--seed", type=seed, default=42, help="same seed, same samples (default: %(default)s)")
    run.add_argument(
        "--takes",
        type=int,
        default=1,
        metavar="N",
        help="N sounds from the seeds --seed, --seed + 1, ..., each judged and finished: <stem>.take1.mp4, ... "
        "(default: %(default)s)",
    )


def _add_source_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where the window begins")
    run.add_argument(
        "--duration",
        type=float,
        default=None,
        metavar="SECONDS",
        help="length of the window (default: to the end; the original's default is 10)",
    )
    run.add_argument(
        "--track",
        type=int,
        metavar="N",
        help="the video's sound track to use, counted from 1 (default: its default track, else the first that is read)",
    )
    run.add_argument(
        "--downmix", metavar="NAME", help=f"mix that track down to {' or '.join(DOWNMIXES)} (default: not at all)"
    )


def _add_sampling_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--steps",
        "--num_steps",
        dest="steps",
        type=count,
        metavar="N",
        help="steps from noise to sound (25 as published)",
    )
    run.add_argument(
        "--cfg",
        "--cfg_strength",
        dest="guidance",
        type=strength,
        metavar="STRENGTH",
        help="how strictly picture and words are followed (as published: MMAudio 4.5, FoleyCrafter 7.5, "
        "seeing_hearing 2.5)",
    )
    run.add_argument(
        "--pick",
        choices=PICK_NAMES,
        help=f"of several takes, finish only the best: {summary_of(PICKS)} (default: every take is finished)",
    )
    run.add_argument(
        "--window",
        type=_window,
        metavar="SECONDS",
        help="MMAudio makes a long sound in overlapping windows of this length, 2 to 60; 0: in one pass; another "
        "window is another sound (default: auto, 8 above 12 s)",
    )
    run.add_argument(
        "--compile",
        action="store_true",
        help="MMAudio's sampling step through torch.compile: a minute or so for the first sound of a length, the same "
        "sound to rounding; on a CPU it needs a C++ compiler, on a GPU Triton (default: off)",
    )
    run.add_argument(
        "--sounds",
        default="",
        metavar="FOLDER",
        help="your own WAV and FLAC files for the generator draft: a folder's name, or the column tags of its "
        "sounds.csv, is the word in the prompt that plays them",
    )
    for scale, help, published in (
        ("temporal", "how strictly FoleyCrafter follows the times of seen onsets", 0.2),
        ("semantic", "how much what the picture shows leads FoleyCrafter", 1),
    ):
        run.add_argument(
            f"--{scale}_scale",
            f"--{scale}-scale",
            type=strength,
            metavar="SCALE",
            help=f"{help} (as published: {published:g}; 0: not at all)",
        )
    add_run_options(run)


def _window(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (seconds == 0 or 2 <= seconds <= 60):
        raise argparse.ArgumentTypeError(f"expected auto, 0 or 2 to 60 seconds, got {text!r}")
    return seconds


def add_execution_options(run: argparse.ArgumentParser) -> None:
    """Add how networks are run and where their weights are."""
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

"""Options of `deepsound run` that cannot be met, or have no effect beside the others."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from deepsound import engines
from deepsound.choices import MODES, SCOPES, UNDECIDED_NAMES, option
from deepsound.fallback import DEFAULT_FALLBACK
from deepsound.runtime.paths import expand, is_dir

_AUTO = "auto"


def check_device(name: str) -> None:
    """Raise InputError for a device that this machine lacks, also where every engine of the run would ignore it."""
    if name == _AUTO:
        return
    from deepsound.runtime.execution import Execution, torch_device

    torch_device(Execution(name))


def unused_options(options: argparse.Namespace) -> tuple[str, ...]:
    """One sentence for each option that is given and has no effect beside the others."""
    return tuple(f"{what} is not used: {why}." for what, why in (*_of_outputs(options), *_of_steps(options)))


def _of_outputs(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if options.stem_format != "wav" and not (options.stems or options.otio):
        yield f"--stem-format {options.stem_format}", "stems are written with --stems or --otio"
    if options.skip_final_video and not options.step_videos:
        for flag, value, default in (("container", options.container, _AUTO), ("length", options.length, "hold")):
            if value != default:
                yield f"--{flag} {value}", "--skip-final-video leaves no video"


def _of_steps(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if options.fallback != DEFAULT_FALLBACK and not option("mode", options.mode, MODES).falls_back:
        yield f"--postp_mode {options.fallback}", f"--mode {options.mode} has no fallback"
    if options.voice_decision == "never":
        if options.removal_db is not None:
            yield f"--removal-db {options.removal_db:g}", "with --voice-decision never no voice is removed"
        if options.keep_ambience:
            yield "--keep-ambience", "with --voice-decision never no voice is removed"
    if options.generator not in (_AUTO, "draft") and options.sounds:
        yield f"--sounds {options.sounds}", f"they are for the generator draft, not for {options.generator}"
    if options.generator not in (_AUTO, "foleycrafter"):
        for flag in ("temporal_scale", "semantic_scale"):
            if getattr(options, flag) is not None:
                yield f"--{flag}", f"it is for the generator foleycrafter, not for {options.generator}"
    yield from _of_spans(options)
    yield from _of_judges(options)
    yield from _of_weights(options)
    for folder in options.models:
        if not is_dir(expand(folder)):
            yield f"--models {folder}", "there is no such folder"


def _of_spans(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if options.spans and options.scope is not None and not option("scope", options.scope, SCOPES).by_span:
        yield f"--scope {options.scope}", "--spans says what is repaired"


def _of_judges(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """What is for models that write an answer; the embedded rules write none."""
    decided = options.voice_decision != _AUTO
    if options.reasoner != "rules" and not decided:
        return
    why = f"--voice-decision {options.voice_decision} asks no judge" if decided else "it is for models, not for rules"
    given = (
        ("--verdict-only", options.verdict_only),
        ("--published-parser", options.published_parser),
        ("--plan model", options.plan == "model" and not decided),
        (f"--undecided {options.undecided}", decided and options.undecided != UNDECIDED_NAMES[0]),
    )
    yield from ((flag, why) for flag, is_given in given if is_given)


def _of_weights(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Weights whose id is neither in the catalogue nor an engine's name, as those of plug-ins are."""
    from difflib import get_close_matches

    from deepsound.weights.catalogue import everything

    known = {entry.id for entry in everything()} | {name for kind in engines.KINDS for name in engines.names(kind)}
    for given in options.weights:
        name = given.partition("=")[0]
        if name not in known:
            close = get_close_matches(name, known, n=1)
            yield (
                f"--weights {given}",
                f"no weights and no engine are called {name!r}" + (f"; did you mean {close[0]!r}" if close else ""),
            )

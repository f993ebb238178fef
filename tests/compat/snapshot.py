"""Snapshot of a version's public surface: `python tests/compat/snapshot.py > VERSION.json`.

Runs on any version from 0.3.0 on: flags of the command line, keys of a run's record, names in the modules that
docs/plugins.md shows, engine names, environment variables, and the fingerprints by which a batch goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

NARRATED = Path(__file__).parents[2] / "demo" / "narrated_landscape.mp4"
PUBLIC = ("deepsound", "deepsound.types", "deepsound.errors", "deepsound.media.views")
BATCHES = (
    ["--generator", "draft", "--prompt", "metal", "--seed", "7"],
    ["--mode", "s3", "--separator", "spectral", "--pictures"],
    ["--skip_final_video", "--negative_prompt", "music", "--duration", "2"],
)


def command_line() -> dict[str, dict[str, Any]]:
    """Every flag and positional argument by command: how many values, which choices."""
    from deepsound.cli.main import build_parser

    return {command: dict(_arguments(parser)) for command, parser in _parsers("deepsound", build_parser())}


def _parsers(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command, inner in action.choices.items():
                yield from _parsers(f"{name} {command}", inner)


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, Any]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        choices = None if action.choices is None else sorted(map(str, action.choices))
        for flag in action.option_strings or [action.dest]:
            yield flag, {"values": str(action.nargs), "choices": choices}


def record_keys() -> list[str]:
    """Paths of all keys in the records of a run that removed a voice-over and one that did not, `steps[].name`."""
    from deepsound import Pipeline

    found: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        silent = Path(folder) / "silent.mp4"
        write_clip(silent)
        for clip in (silent, NARRATED):
            result = Pipeline(separator="spectral").run(clip, Path(folder) / "out")
            found |= set(_keys(json.loads(Path(result.result_path).read_text(encoding="utf-8"))))
    return sorted(found)


def write_clip(path: Path) -> None:
    """One second of a bar that moves, 64x48 at 10 fps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), width=64, height=48)
        for index in range(10):
            picture = np.full((48, 64, 3), 60, np.uint8)
            picture[:, 4 * index : 4 * index + 8] = 250
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            step = f"{path}.{name}" if path else name
            yield step
            yield from _keys(inner, step)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, f"{path}[]")


def public_names() -> dict[str, dict[str, list[str]]]:
    """Names by module, with the fields of dataclasses and the members of enumerations in their order."""
    return {module: _names(importlib.import_module(module)) for module in PUBLIC}


def _names(module: Any) -> dict[str, list[str]]:
    listed = getattr(module, "__all__", None)
    names = listed or [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]
    return {name: members(getattr(module, name)) for name in sorted(names)}


def members(thing: Any) -> list[str]:
    if dataclasses.is_dataclass(thing):
        return [field.name for field in dataclasses.fields(thing)]
    return [str(member.value) for member in thing] if isinstance(thing, type) and hasattr(thing, "__members__") else []


def named(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def engine_names() -> list[str]:
    from deepsound import engines

    return sorted(f"{info.kind} {info.name}" for info in engines.EMBEDDED)


def variables() -> list[str]:
    """Environment variables of this project that the package reads."""
    root = Path(importlib.import_module("deepsound").__file__ or "").parent
    found = (re.findall(r"DEEPSOUND_[A-Z_]+", path.read_text(encoding="utf-8")) for path in root.rglob("*.py"))
    return sorted({name for names in found for name in names})


def fingerprints() -> list[str]:
    """Of one file of fixed size and time under three command lines: equal ones let a batch go on after an update."""
    from deepsound.batch.clips import Job
    from deepsound.batch.settings import BatchSettings
    from deepsound.cli.main import build_parser
    from deepsound.cli.run import pipeline_arguments, run_arguments

    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "clip.mp4"
        video.write_bytes(bytes(1000))
        os.utime(video, ns=(10**18, 10**18))
        parsed = [build_parser().parse_args(["batch", folder, "--out", "out", *flags]) for flags in BATCHES]
        made = [BatchSettings(pipeline_arguments(each), run_arguments(each), each.pictures) for each in parsed]
        return [settings.fingerprint(Job(0, "clip", video)) for settings in made]


def snapshot() -> dict[str, Any]:
    return {
        "command_line": command_line(),
        "record_keys": record_keys(),
        "public_names": public_names(),
        "engine_names": engine_names(),
        "variables": variables(),
        "fingerprints": fingerprints(),
    }


if __name__ == "__main__":
    json.dump(snapshot(), sys.stdout, indent=1)
    print()

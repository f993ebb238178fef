"""`deepsound doctor`: report on the installation for bug reports, made without a network."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepsound import __version__
from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import print_json
from deepsound.errors import DeepSoundError, EngineError
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.engines import EngineInfo
    from deepsound.weights.search_paths import SearchPaths

Status = Literal["ok", "note", "wrong"]
NEEDED = (
    *("torch", "av", "filelock", "huggingface_hub", "numpy", "pillow", "pyyaml", "rich", "safetensors"),
    *("scipy", "silero-vad", "soxr"),
    # Settings files are TOML, which Python itself reads from 3.11 on.
    *(("tomli",) if sys.version_info < (3, 11) else ()),
)
OPTIONAL = (
    *(
        "torchaudio",
        "torchvision",
        "transformers",
        "diffusers",
        "bitsandbytes",
        "flash-attn",
        "moviepy",
        "opencv-python-headless",
    ),
    *("opencv-python", "gradio", "ray", "hear21passt", "accelerate", "peft", "aiohttp", "argcomplete"),
    "opentimelineio",
)
VARIABLES = (
    *("DEEPSOUND_HOME", "DEEPSOUND_MEMORY_GB", "DEEPSOUND_CPU_PRECISION", "DEEPSOUND_PROJECTS", "COMFYUI_PATH"),
    *("DEEPSOUND_OMNI_EXAMPLES", "DEEPSOUND_OMNI_JSON"),
    *("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "TORCH_HOME", "CUDA_VISIBLE_DEVICES"),
)
# torchvision's releases are numbered beside torch's: 0.26 belongs to 2.11.
_TORCHVISION_BEHIND = 15


@dataclass(frozen=True)
class Finding:
    """One line of the page: its section, what was looked at, whether it is well, and what was found."""

    section: str
    name: str
    status: Status
    found: str


def add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `doctor` to the command line."""
    doctor = commands.add_parser(
        "doctor",
        help="what this installation has and lacks, to read or to paste into a bug report",
        description="What this installation has and lacks. Nothing is downloaded and the network is not used; "
        "folders are shown without the name of their user.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    doctor.add_argument("--paths", action="store_true", help="show folders in full")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.set_defaults(command=show)


def show(options: argparse.Namespace) -> int:
    """Print every finding; 4 where one of them is wrong."""
    findings = tuple(examine(options.paths))
    if options.json:
        print_json("finding", [asdict(finding) for finding in findings])
    else:
        _print(findings)
    return EngineError.exit_code if any(finding.status == "wrong" for finding in findings) else 0


def examine(full_paths: bool = False) -> Iterator[Finding]:
    """Look at everything, one finding at a time; folders below the user's home are shortened unless `full_paths`."""
    import platform

    yield Finding("machine", "deepsound", "ok", __version__)
    yield Finding("machine", "python", "ok", f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    yield from _packages()
    yield from _torch()
    yield from _folders(full_paths)
    yield from _engines()
    for name in VARIABLES:
        if (value := os.environ.get(name)) is not None:
            yield Finding("environment", name, "ok", value if full_paths else _without_home(value))


def _packages() -> Iterator[Finding]:
    for name in NEEDED:
        found = _version(name)
        yield Finding("packages", name, "ok" if found else "wrong", found or "missing: reinstall deepsound")
    for name in OPTIONAL:
        if found := _version(name):
            yield Finding("packages", name, "ok", found)
    absent = [name for name in OPTIONAL if not _version(name)]
    yield Finding("packages", "not installed", "ok", f"{', '.join(absent) or 'nothing'} (optional)")
    yield from _matching_set()


def _matching_set() -> Iterator[Finding]:
    """torch, torchaudio and torchvision are built for each other; a mixture fails on import."""
    torch, audio, vision = (_release(name) for name in ("torch", "torchaudio", "torchvision"))
    if torch is None:
        return
    wrong = []
    if vision is not None and torch[0] == 2 and vision != (0, torch[1] + _TORCHVISION_BEHIND):
        wrong.append(f"torchvision {vision[0]}.{vision[1]}")
    # From 2.9 on torchaudio is maintained alone and its releases go with several of torch's.
    if audio is not None and audio != torch and min(audio, torch) < (2, 9):
        wrong.append(f"torchaudio {audio[0]}.{audio[1]}")
    found = (
        f"{' and '.join(wrong)} beside torch {torch[0]}.{torch[1]}; install one matching set" if wrong else "matches"
    )
    yield Finding("packages", "torch's set", "wrong" if wrong else "ok", found)


def _torch() -> Iterator[Finding]:
    try:
        import torch
    # Whatever a broken installation raises is what this page is for.
    except Exception as error:
        yield Finding("devices", "torch", "wrong", f"cannot be imported: {type(error).__name__}: {error}")
        return
    from deepsound.runtime.cpu_precision import cpu_is_fast_in_bf16

    kind = "bf16" if cpu_is_fast_in_bf16() else "fp32"
    yield Finding("devices", "cpu", "ok", f"{torch.get_num_threads()} threads, `--precision auto` is {kind}")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding("devices", f"cuda:{index}", "ok", f"{properties.name}, {properties.total_memory / 2**30:.1f} GiB")
    if torch.backends.mps.is_available():
        yield Finding("devices", "mps", "ok", "Apple GPU")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield Finding("devices", "GPU", "note", "none that torch can use")


def _folders(full_paths: bool) -> Iterator[Finding]:
    from deepsound.runtime.cache_folder import own_cache
    from deepsound.weights.search_paths import default_search_paths

    try:
        places, cache = default_search_paths(), own_cache()
    except DeepSoundError as error:
        yield Finding("folders", "weights", "wrong", str(error))
        return
    folders = {"cache": cache, "downloads go to": places.downloads, "working folder": Path.cwd()}
    for name, folder in folders.items():
        where = str(folder) if full_paths else _without_home(str(folder))
        yield Finding("folders", name, "ok", f"{where}, {_free(folder)}")
    for folder in places.model_folders:
        where = str(folder) if full_paths else _without_home(str(folder))
        yield Finding("folders", "ComfyUI's models", "ok", where)
    if not places.model_folders:
        yield Finding("folders", "ComfyUI", "note", "not named; COMFYUI_PATH names it for the command line")


def _engines() -> Iterator[Finding]:
    from deepsound import engines
    from deepsound.weights.search_paths import default_search_paths

    try:
        places = default_search_paths()
        for info in (info for kind in engines.KINDS for info in engines.available(kind)):
            yield _OF_A_NAME[info.name](places) if info.name in _OF_A_NAME else _engine(info, places)
    except DeepSoundError as error:
        yield Finding("engines", "weights", "wrong", str(error))


def _engine(info: EngineInfo, places: SearchPaths) -> Finding:
    """Whether an engine, or every member of a combination, has its weights and packages."""
    from deepsound.selection import is_at_hand
    from deepsound.weights.catalogue import needed_by
    from deepsound.weights.missing import missing_weights

    if not needed_by(info.name):
        return Finding("engines", info.name, "ok", f"ready ({info.origin})")
    missing = missing_weights(info.name, places)
    if missing is not None:
        return Finding("engines", info.name, "note", f"lacks weights, {missing.size_text}")
    members = (member.rpartition(":")[2] for member in info.name.split("+"))
    if not all(is_at_hand(member, places) for member in members):
        return Finding("engines", info.name, "note", "lacks a package it needs")
    return Finding("engines", info.name, "ok", "ready, its weights are here")


def _roformer(places: SearchPaths) -> Finding:
    """Whether there is a checkpoint that the separator of one's own files could take."""
    from deepsound.separate.community import FOLDER, checkpoints

    count = len(checkpoints(places))
    if not count:
        return Finding("engines", "roformer", "note", f"lacks a checkpoint: put one into a models folder {FOLDER}")
    return Finding(
        "engines", "roformer", "ok", f"{count} checkpoint{'s' * (count > 1)} to choose from, as roformer:FILE"
    )


def _omni(places: SearchPaths) -> Finding:
    """Whether there is a local multimodal model, and the library that runs it."""
    from deepsound.weights.omni_folders import FOLDER, omni_folders

    found = omni_folders(places)
    if not _version("transformers"):
        return Finding("engines", "omni", "note", "lacks a package it needs: transformers")
    if not found:
        return Finding("engines", "omni", "note", f"lacks a model: put its folder into a models folder {FOLDER}")
    return Finding("engines", "omni", "ok", f"{len(found)} to choose from: {', '.join(found)}, as omni:FOLDER")


def _server(places: SearchPaths) -> Finding:
    """Which servers are configured, without their addresses and keys; none of them is asked."""
    from deepsound.runtime.endpoints import endpoints

    try:
        found = endpoints().values()
    except DeepSoundError as error:
        return Finding("engines", "server", "note", str(error))
    if not found:
        return Finding(
            "engines", "server", "note", "no server is configured: add [endpoints.NAME] to the settings file"
        )
    listed = ", ".join(
        f"{one.name} ({one.model or 'its own model'}, key {'set' if one.key else 'none'})" for one in found
    )
    return Finding("engines", "server", "ok", f"configured: {listed}")


_OF_A_NAME = {"roformer": _roformer, "omni": _omni, "server": _server}


def _print(findings: Iterable[Finding]) -> None:
    """Plain lines: they are pasted elsewhere, and read in narrow terminals."""
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            print(f"\n{section}" if section != "machine" else section)
        mark = {"ok": " ", "note": "-", "wrong": "!"}[finding.status]
        print(f"{mark} {finding.name:<24} {finding.found}")
    sys.stdout.flush()


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _release(name: str) -> tuple[int, int] | None:
    try:
        major, minor = _version(name).split("+")[0].split(".")[:2]
        return int(major), int(minor)
    except ValueError:
        return None


def _free(folder: Path) -> str:
    """What is free on the disk of a folder, or of its first ancestor that is there."""
    import shutil

    for place in (folder, *folder.parents):
        try:
            return f"{shutil.disk_usage(place).free / 1e9:.1f} GB free"
        except OSError:
            continue
    return "unknown"


def _without_home(text: str) -> str:
    """A folder without its user's name, wherever in it the home folder stands."""
    try:
        home = str(expand("~"))
    except DeepSoundError:
        return text
    return text.replace(home, "~") if home not in ("~", "/", "") else text

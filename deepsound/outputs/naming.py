"""Output names: the template, its fields, and the checks before any work."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter

from deepsound.errors import InputError, OutputError
from deepsound.media.clip import Clip
from deepsound.runtime.paths import escaped, lexists

DEFAULT_TEMPLATE = "{stem}"
FIELDS = {
    "stem": "the video's name without its suffix",
    "ext": "the video's suffix without the dot",
    "seed": "the seed; {seed:06} fills up with zeros",
    "generator": "the generator that was chosen",
    "reasoner": "the reasoner that was chosen",
    "separator": "the separator that was chosen",
    "mode": "s3 or s4",
    "fallback": "what happens when only silence is left",
    "start": "where the window begins, in seconds",
}
RECORD = ".result.json"
SOUNDS = (".step1.wav", ".step3.wav", ".neg.wav", ".wav")
# The removed voice, and the picture under the sound of each step: made only where they are asked for.
VOICE = ".voice.wav"
# Stems for an editor; a name keeps its number whichever of them there are.
STEM_NAMES = ("final", "coarse", "voice", "background", "regenerated", "original")
STEM_FORMATS = ("wav", "flac")
STEM_FILES = tuple(
    f".{number:02}_{name}.{suffix}" for number, name in enumerate(STEM_NAMES, 1) for suffix in STEM_FORMATS
)
TIMELINE = ".otio"
STEPS = (".step1", ".step3", ".neg")
# Whatever container a finished video may have had.
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mxf", ".nut", ".flv", ".mpg", ".ogv", ".3gp")
STEP_VIDEOS = tuple(step + suffix for step in STEPS for suffix in VIDEOS)
PICTURES = tuple(sound.removesuffix(".wav") + end for sound in SOUNDS for end in (".wave.png", ".mel.png"))
_NUMBER_FORMAT = re.compile(r"0?[0-9]{1,2}")
_FORBIDDEN_ON_WINDOWS = '<>:"|?*'
# Names of devices, whatever follows their first dot (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(a + b for a in ("COM", "LPT") for b in "0123456789¹²³")}


def fields_of(template: str) -> frozenset[str]:
    """The fields an output template uses. Raises InputError for a template that cannot name files."""
    try:
        parts = list(Formatter().parse(template))
    except (ValueError, TypeError, AttributeError) as error:
        raise _bad(template, f"is not a template ({error})") from None
    fields = set()
    for literal, name, form, conversion in parts:
        _check_part(template, literal)
        if name is None:
            continue
        if name not in FIELDS:
            raise _bad(template, f"has the unknown field {'{' + name + '}'}")
        if conversion:
            raise _bad(template, f"has the conversion '!{conversion}' in the field {name}")
        if form and not (name == "seed" and _NUMBER_FORMAT.fullmatch(form)):
            raise _bad(template, f"has the format {form!r} in the field {name}")
        fields.add(name)
    if not template.strip():
        raise _bad(template, "is empty")
    return frozenset(fields)


def output_stem(template: str, values: Mapping[str, str | int]) -> str:
    """The name, without suffixes, that a template gives a run's files.

    Raises InputError for a template or a value that cannot be part of a file name.
    """
    needed = fields_of(template)
    for name in needed - {"stem"}:
        _check_part(template, str(values[name]), f"the {name} {values[name]!r} ")
    stem = Formatter().vformat(template, (), {name: values[name] for name in needed})
    if not stem.strip() or stem in (".", ".."):
        raise _bad(template, f"gives the name {stem!r}, which is no file name")
    if _is_windows() and stem.split(".")[0].rstrip(" ").upper() in _DEVICES:
        raise _bad(template, f"gives the name {stem!r}, which Windows keeps for a device")
    return stem


def check_lengths(folder: Path, stem: str, suffixes: Iterable[str]) -> None:
    """Raise OutputError where the file system has no room for a name, or one is no name there."""
    longest = stem + max(suffixes, key=len)
    try:
        os.lstat(folder / longest)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise OutputError(
            f"Cannot write into {escaped(folder)}: something else of that name is there; choose another folder."
        ) from error
    except (OSError, ValueError) as error:
        size = len(os.fsencode(longest)) if longest.isprintable() else len(longest)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(
            f"{escaped(folder)} cannot hold the file {escaped(longest)} ({size} bytes: {reason}); shorten the "
            'video\'s name, or give the results another one with an output template, as in "take.{seed}".'
        ) from error


def check_space(folder: Path, clip: Clip) -> None:
    """Raise OutputError where the disk surely has no room for a clip's finished video.

    A picture is copied or encoded again: it takes about what its part of the input takes, and half is asked for.
    """
    share = min(1.0, clip.duration_s / max(clip.info.duration_s or 0.0, clip.duration_s, 1e-9))
    try:
        needed = clip.path.stat().st_size * share
        free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if lexists(place))).free
    except OSError:
        return
    if free < needed / 2:
        raise OutputError(
            f"{escaped(folder)} has {free / 2**20:.1f} MiB left, and the finished video takes about "
            f"{needed / 2**20:.1f} MiB; free some space or choose another folder."
        )


def _check_part(template: str, text: str, whose: str = "") -> None:
    forbidden = "/\\" + (_FORBIDDEN_ON_WINDOWS if _is_windows() else "")
    bad = next((letter for letter in text if letter in forbidden or letter < " "), None)
    if bad is not None:
        reason = "it names files; the output folder says where they go" if bad in "/\\" else "leave it out"
        raise _bad(template, f"cannot be used: {whose}has the character {bad!r}; {reason}")


def _is_windows() -> bool:
    return os.name == "nt"


def _bad(template: str, problem: str) -> InputError:
    return InputError(
        f"The output template {template!r} {problem}. Write a name with fields, as in "
        f'"{{stem}}.{{seed}}"; the fields are: {", ".join(FIELDS)}.'
    )

"""Videos named on the command line: files, patterns such as "clips/*.mp4", and -i."""

from __future__ import annotations

import argparse
from glob import glob, has_magic
from pathlib import Path

from deepsound.errors import InputError, MediaError
from deepsound.outputs.naming import fields_of
from deepsound.runtime.paths import escaped, exists, is_dir

# Beyond it a run's memory of finished clips and its summary are of no use to anybody; `batch` keeps neither.
MOST_CLIPS = 1000
# What word processors and web pages make of the hyphens of an option.
_DASHES = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\uff0d")


def named_videos(options: argparse.Namespace) -> tuple[str, ...]:
    """Every video that the arguments name, patterns expanded in the order of their names, each file once.

    Raises InputError where none is named, a pattern matches nothing, or two videos would leave files of one name,
    MediaError where one is a folder or an address.
    """
    given = [*options.video, *([] if options.video_input is None else [options.video_input])]
    if not given:
        raise InputError("No video was named; give one, as in: deepsound run clip.mp4")
    found = {Path(name).absolute(): name for text in given for name in _matches(text)}
    if len(found) > MOST_CLIPS:
        raise InputError(
            f"{len(found)} videos were named, and one run takes at most {MOST_CLIPS}; `deepsound batch FOLDER` does "
            "any number and goes on where it stopped."
        )
    _check_names(list(found), options.output_template)
    return tuple(found.values())


def _matches(text: str) -> list[str]:
    """The files of a pattern; the text itself where it is none, or is the name of a file."""
    if text.startswith(_DASHES) and not exists(text):
        option = "--" + text.lstrip("".join(_DASHES))
        raise InputError(f"{escaped(text)} begins with a dash that is no hyphen; write {escaped(option)}.")
    if "://" in text and not exists(text):
        raise MediaError(f"{escaped(text)} is an address, and a run takes files of this machine; download it first.")
    if not has_magic(text) or exists(text):
        if is_dir(text):
            raise MediaError(
                f"{escaped(text)} is a folder, and a run takes videos; `deepsound batch {escaped(text)}` gives every "
                "video in it its sound."
            )
        return [text]
    matches = sorted(name for name in glob(text, recursive=True) if not is_dir(name))  # noqa: PTH207 - absolute patterns
    if not matches:
        raise InputError(f"Nothing matches {text!r}; expected a video or a pattern such as 'clips/*.mp4'.")
    return matches


def _check_names(videos: list[Path], template: str) -> None:
    fields = fields_of(template)
    seen: dict[tuple[str, str], Path] = {}
    for video in videos if "stem" in fields else ():
        name = video.stem.casefold(), video.suffix.casefold() if "ext" in fields else ""
        if (other := seen.setdefault(name, video)) != video:
            raise InputError(
                f"{escaped(other)} and {escaped(video)} would leave files of the same name in one folder; run them "
                'apart, into folders of their own (-o), or name files by `--output-template "{stem}.{ext}"`.'
            )
    if len(videos) > 1 and "stem" not in fields:
        raise InputError(
            f"The output template {template!r} gives every one of {len(videos)} videos the same name; put {{stem}} "
            "into it."
        )

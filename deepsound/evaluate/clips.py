"""Finds the clips to measure in folders, by name, with the problems of each file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.evaluate.pairing import clean_name
from deepsound.outputs.naming import PICTURES, RECORD, STEM_FILES, STEP_VIDEOS, TIMELINE, VOICE
from deepsound.outputs.naming import SOUNDS as RUN_SOUNDS
from deepsound.outputs.naming import VIDEOS as RUN_VIDEOS
from deepsound.outputs.reading import read_result
from deepsound.runtime.paths import exists, is_dir, is_file

SOUNDS = frozenset({".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".aif", ".aiff", ".caf", ".w64", ".wma"})
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mpg", ".mpeg", ".flv", ".wmv", ".mxf"})
VOICE_OVER, ON_SCREEN = "voice-over", "on-screen"
# What a run, one of a batch, or `deepsound compare` leaves beside the run's record.
_OTHER_FILES = (VOICE, TIMELINE, ".batch.json", ".compare.mp4", ".compare.png")
_OF_A_RUN = (*RUN_SOUNDS, *RUN_VIDEOS, *STEP_VIDEOS, *STEM_FILES, *PICTURES, *_OTHER_FILES)
_STEMS = ("stem", "name", "clip", "file", "video", "id")
_GROUPS = ("group", "voice", "label", "class")


@dataclass(frozen=True)
class Problem:
    """A file that was left out, of everything or of what one extractor feeds, and why."""

    file: Path
    what: str
    extractor: str = ""


@dataclass(frozen=True)
class ClipFiles:
    """One clip: whose sound is scored, whose picture it belongs to, and the sound before the voice was removed.

    `group` is voice-over, on-screen, or whatever a table says; empty where nobody says.
    """

    name: str
    sound: Path
    video: Path | None = None
    before: Path | None = None
    group: str = ""


@dataclass(frozen=True)
class ClipListing:
    """The clips of one folder by name, in order; `ignored` are files that are no media by their suffix."""

    place: Path
    clips: Mapping[str, ClipFiles]
    problems: tuple[Problem, ...] = ()
    ignored: tuple[Path, ...] = ()


@dataclass
class _ClipSearch:
    """What has been found so far; a name that is taken already is a duplicate."""

    clean: bool
    clips: dict[str, ClipFiles] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, clip: ClipFiles) -> None:
        name = clean_name(clip.name) if self.clean else clip.name
        if name in self.clips:
            self.problems.append(
                Problem(
                    clip.sound,
                    f"duplicate: {self.clips[name].sound} has the same name {name!r} and is used; rename one of them",
                )
            )
        else:
            self.clips[name] = replace(clip, name=name)


def find_clips(place: Path, clean_names: bool = False) -> ClipListing:
    """The clips in a folder and those below it, or the one in a file; hidden files are passed over.

    A sound beside a video of the same name is that video's sound. A `<stem>.result.json` says that its files are a
    run's: the final sound is scored, step 1's is what was before. Raises InputError for a place that is not there.
    """
    if not exists(place):
        raise InputError(f"{place} does not exist; give a folder of sounds or videos.")
    files = sorted(_visible(place)) if is_dir(place) else [place]
    search = _ClipSearch(clean_names)
    rest = _collect_runs(files, search)
    media = [file for file in rest if file.suffix.lower() in SOUNDS | VIDEOS]
    for clip in _by_stem(media, search):
        search.add(clip)
    return ClipListing(
        place, dict(sorted(search.clips.items())), tuple(search.problems), tuple(sorted(set(rest) - set(media)))
    )


def read_groups(table: Path) -> dict[str, str]:
    """Groups by clip name from a CSV with a column for the name and one for the group (`name`, `group`).

    Raises InputError where it cannot be read or has no such columns.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
            columns = [name for name in rows[0] if name] if rows else []
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"The table {table} cannot be read ({error}); give a CSV in UTF-8.") from error
    name_column, group_column = (
        next((name for name in columns if name.strip().lower() in known), None) for known in (_STEMS, _GROUPS)
    )
    if name_column is None or group_column is None:
        raise InputError(
            f"The table {table} needs a column for the name ({', '.join(_STEMS)}) and one for the group "
            f"({', '.join(_GROUPS)}); it has: {', '.join(columns) or 'nothing'}."
        )
    return {_stem(row[name_column] or ""): (row[group_column] or "").strip() for row in rows}


def with_groups(found: ClipListing, groups: Mapping[str, str]) -> ClipListing:
    """The same clips with the groups that a table gives them, in place of what runs said."""
    clips = {name: replace(clip, group=groups.get(name, clip.group)) for name, clip in found.clips.items()}
    return replace(found, clips=clips)


def _stem(text: str) -> str:
    path = Path(text.strip())
    return path.stem if path.suffix.lower() in SOUNDS | VIDEOS else path.name


def _visible(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.rglob("*")
        if is_file(file) and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]


def _collect_runs(files: list[Path], search: _ClipSearch) -> list[Path]:
    """Add the clips of runs, and give back the files that belong to none."""
    taken: set[Path] = set()
    present = set(files)
    for record in (file for file in files if file.name.endswith(RECORD)):
        stem = record.name.removesuffix(RECORD)
        taken.add(record)
        try:
            content = read_result(record)
        except InputError as error:
            search.problems.append(Problem(record, f"{error} Its files are taken as they are named"))
            continue
        own = {suffix: record.with_name(stem + suffix) for suffix in _OF_A_RUN}
        taken |= set(own.values())
        _add_run(search, stem, record, content, {suffix: file for suffix, file in own.items() if file in present})
    return [file for file in files if file not in taken]


def _add_run(search: _ClipSearch, stem: str, record: Path, content: Mapping[str, Any], own: Mapping[str, Path]) -> None:
    final = own.get(".wav") if content.get("final_audio_path") else None
    if final is None:
        said = (
            "the run dropped its sound (fallback rm)"
            if content.get("final_from") == "removed"
            else ("the final sound of this run is not beside its record")
        )
        search.problems.append(Problem(record, said))
        return
    given = Path(str(content.get("video_input") or ""))
    video = next((own[suffix] for suffix in RUN_VIDEOS if suffix in own), given if is_file(given) else None)
    search.add(ClipFiles(stem, final, video, own.get(".step1.wav"), _group_of(content)))


def _group_of(content: Mapping[str, Any]) -> str:
    """A voice that belongs to somebody seen is the category No2 of the paper's Figure 4."""
    if content.get("is_vo"):
        return VOICE_OVER
    return ON_SCREEN if content.get("category") == "No2" else ""


def _by_stem(media: list[Path], search: _ClipSearch) -> list[ClipFiles]:
    """One clip for each sound and each video without one; in one folder a sound goes with the video of its name."""
    places: dict[Path, dict[str, list[Path]]] = {}
    for file in media:
        kind = "video" if file.suffix.lower() in VIDEOS else "sound"
        places.setdefault(file.with_suffix(""), {"sound": [], "video": []})[kind].append(file)
    clips = []
    for stem, kinds in places.items():
        used = [files[0] for files in kinds.values() if files]
        clips.append(ClipFiles(stem.name, used[0], kinds["video"][0] if kinds["video"] else None))
        for file in (file for files in kinds.values() for file in files[1:]):
            search.problems.append(
                Problem(file, f"duplicate: {used[0]} has the same name and is used; rename one of them")
            )
    return clips

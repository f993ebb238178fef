"""Extra files of a run: videos of the steps, the removed voice, stems and a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.media.files import output_error
from deepsound.outcome import Outcome
from deepsound.outputs.naming import STEM_FORMATS, STEM_NAMES, STEPS, TIMELINE, VOICE
from deepsound.outputs.staged_files import StagedFiles, is_same_sound
from deepsound.outputs.stems import align_stems, check_stem_format, note_gain, stem_suffix, write_stem
from deepsound.outputs.timeline import Marker, Picture, require_timeline_package, timeline_text
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    from deepsound.media.clip import Clip


@dataclass(frozen=True)
class Extras:
    """What a run leaves beside its result: `timeline` has the stems with it."""

    step_videos: bool = False
    stems: bool = False
    stem_format: str = STEM_FORMATS[0]
    timeline: bool = False

    @property
    def has_stems(self) -> bool:
        """Whether the stems and the removed voice are left."""
        return self.stems or self.timeline

    def check(self) -> None:
        """Raise, before any work, InputError for an unknown format, MissingPackage where the timeline's is missing."""
        check_stem_format(self.stem_format)
        if self.timeline:
            require_timeline_package()

    def suffixes(self, video_suffix: str) -> tuple[str, ...]:
        """The ends of the names of all files that may come."""
        stems = tuple(stem_suffix(name, self.stem_format) for name in STEM_NAMES[:-1])
        return (
            *((VOICE, *stems) if self.has_stems else ()),
            *((TIMELINE,) if self.timeline else ()),
            *((step + video_suffix for step in STEPS) if self.step_videos else ()),
        )


def stage_stems(
    files: StagedFiles, outcome: Outcome, sounds: Mapping[str, Audio | None], stem_format: str, progress: Progress
) -> dict[str, str]:
    """Stage the stems of an outcome, and return their suffixes by name; one that equals a staged sound is a link.

    `sounds` are the staged ones by suffix, the final one as ".wav". Raises OutputError.
    """
    named = {
        "final": sounds[".wav"],
        "coarse": outcome.coarse,
        "voice": outcome.stems.voice if outcome.stems else None,
        "background": outcome.stems.background if outcome.stems else None,
        "regenerated": outcome.regenerated,
    }
    aligned = align_stems(named, stem_format)
    note_gain(aligned, progress)
    made = {}
    for name, sound in aligned.sounds.items():
        progress.check()
        suffix = made[name] = stem_suffix(name, stem_format)
        twin = next((other for other, each in sounds.items() if each is not None and is_same_sound(each, sound)), None)
        if stem_format == "wav" and twin is not None:
            files.link(suffix, twin)
        else:
            write_stem(sound, files.new(suffix), progress)
    return made


def stage_timeline(
    files: StagedFiles, outcome: Outcome, clip: Clip, stem: Path, suffixes: Mapping[str, str], video_suffix: str
) -> None:
    """Stage the timeline of a run whose files will be called `stem` with a suffix. Raises OutputError.

    The picture is the finished video where there is one, else the input.
    """

    def final(suffix: str) -> Path:
        return stem.with_name(stem.name + suffix)

    finished = video_suffix in files.paths
    picture = Picture(
        final(video_suffix) if finished else clip.path,
        clip.video.fps,
        clip.duration_s,
        0.0 if finished else clip.start_s,
    )
    markers = [
        Marker(segment.span, segment.action, segment.why) for segment in outcome.segments if segment.action != "keep"
    ]
    stems = {name: final(suffix) for name, suffix in suffixes.items()}
    duration_s = max(outcome.coarse.duration_s, clip.duration_s)
    text = timeline_text(stem.name, stem.parent, stems, clip.video.fps, duration_s, picture, markers)
    target = files.new(TIMELINE)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise output_error(target, error) from error

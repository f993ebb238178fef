"""Saves videos: picture and sound of each take in a numbered file of the output folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io, ui

from deepsound.errors import InputError
from deepsound.media.formats import AUTO, CONTAINER_NAMES
from deepsound.media.length_policy import DEFAULT_LENGTH, LENGTH_NAMES
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import host_folders
from .convert import owning
from .notes import run_summary
from .schema import DOWNMIXES, require_option
from .takes import take_stage

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.media.mux import MuxResult
    from deepsound.media.mux_plan import MuxPlan

_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
CODECS = {"auto": None, "aac": "aac", "opus": "opus", "flac": "flac", "pcm": "pcm_s16le"}


@dataclass(frozen=True)
class SaveSettings:
    """Where and how videos are saved. Raises InputError for a name or a menu's value that cannot be."""

    prefix: str
    container: str = AUTO
    codec: str = "auto"
    length: str = DEFAULT_LENGTH
    downmix: str = "keep"

    def __post_init__(self) -> None:
        host_folders.check_prefix(self.prefix)
        require_option("container", self.container, CONTAINER_NAMES)
        require_option("codec", self.codec, tuple(CODECS))
        require_option("length", self.length, LENGTH_NAMES)
        require_option("downmix", self.downmix, tuple(DOWNMIXES))


@dataclass(frozen=True)
class SavedVideo:
    """A saved file: as VIDEO, where it is, and what became of everything the source held."""

    video: Any
    target: host_folders.Target
    note: str


def plan_saving(clip: Clip, settings: SaveSettings, progress: Progress) -> MuxPlan:
    """How a clip's videos will be saved. Raises what cannot be written, which needs no sound to be known."""
    from deepsound.media.mux_plan import plan_mux

    return clip.remember(
        ("saving", settings.container, settings.codec),
        lambda: plan_mux(clip, settings.container, CODECS[settings.codec], progress=progress),
    )


def saving_notes(clip: Clip, settings: SaveSettings, progress: Progress) -> list[str]:
    """What is known of a save before its work: an encoding, losses. Raises what cannot be written."""
    return plan_saving(clip, settings, Progress(check=progress.check)).lines()


def save_takes(
    clip: Clip,
    sounds: Callable[[], Sequence[Audio | None]],
    settings: SaveSettings,
    metadata: Mapping[str, str],
    progress: Progress,
    to_output: bool = True,
) -> list[SavedVideo]:
    """The picture of `clip` under each of `sounds()` (None: its own), each in the next free file of the prefix.

    Without `to_output` they are files of the temporary folder, which go with their VIDEO.

    Whatever cannot be written is refused before the first file is begun; what the container cannot hold, before the
    sounds are read.
    """
    from deepsound.media.downmix import check_channels

    plan = plan_saving(clip, settings, progress)
    ready = []
    for sound in sounds():
        sound = clip.audio(progress) if sound is None else sound
        if sound is not None:
            sound = apply_downmix(sound, settings.downmix)
            check_channels("audio", sound.channels, None)
        ready.append(sound)
    return [
        _save_one(clip, sound, settings, metadata, plan, take_stage(progress, take, len(ready)), to_output)
        for take, sound in enumerate(ready)
    ]


def _save_one(
    clip: Clip,
    sound: Audio | None,
    settings: SaveSettings,
    metadata: Mapping[str, str],
    plan: MuxPlan,
    progress: Progress,
    to_output: bool,
) -> SavedVideo:
    from deepsound.media.mux import mux_clip

    suffix, size = plan.container.suffix, (clip.video.width, clip.video.height)
    if to_output:
        target = host_folders.output_target(settings.prefix, suffix, *size)
    else:
        target = host_folders.temp_target(suffix)
    muxed = mux_clip(
        clip,
        sound,
        target.path,
        CODECS[settings.codec],
        dict(metadata),
        progress,
        settings.length,
        container_why=plan.why,
    )
    video = InputImpl.VideoFromFile(str(target.path))
    return SavedVideo(video if to_output else owning(video, target.path), target, _note(target, muxed))


def shown_files(saved: Sequence[SavedVideo], progress: Progress) -> dict[str, Any]:
    """The `ui` of a node's output: the files for the page's player, and the note below it."""
    files = [ui.SavedResult(file.target.name, file.target.subfolder, io.FolderType.output) for file in saved]
    note = "\n\n".join(file.note for file in saved)
    return {"images": files, "animated": (True,), "deepsound": [{"note": note, **run_summary(progress)}]}


def apply_downmix(sound: Audio, downmix: str) -> Audio:
    """The sound with the menu's mix of its channels, whose speakers are the usual ones of their number if not known."""
    import av
    import torch

    from deepsound.media.downmix import downmix_matrix

    mix = DOWNMIXES[downmix]
    if mix is None or sound.channels == (1 if mix == "mono" else 2):
        return sound
    layout = sound.layout or av.AudioLayout(_USUAL_LAYOUTS.get(sound.channels, "stereo")).name
    speakers = [channel.name for channel in av.AudioLayout(layout).channels]
    if len(speakers) != sound.channels:
        raise InputError(f"downmix: expected 1 to 8 channels, got {sound.channels}; leave it at keep.")
    return Audio(torch.from_numpy(downmix_matrix(speakers, mix)) @ sound.waveform, sound.sample_rate)


def _note(target: host_folders.Target, muxed: MuxResult) -> str:
    """Where it was saved, and what became of everything the video held."""
    name = "/".join(part for part in (target.subfolder, target.name) if part)
    return "\n".join([name, *muxed.report.lines()])

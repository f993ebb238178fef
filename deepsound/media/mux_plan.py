"""Plan of a mux before any work: container, copy or re-encode, losses, refusals."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.media.clip import Clip
from deepsound.media.formats import AUTO, CONTAINERS, Container, container_named, sound_codec, source_container
from deepsound.media.inventory import Inventory, take_inventory
from deepsound.media.length_policy import sounding_clip
from deepsound.media.mux_audit import expected_losses, holds_trait
from deepsound.media.mux_report import ReportItem
from deepsound.media.packet_copy import LEAST_TICKS, NotCopyableError, PictureWindow
from deepsound.media.render import need_moviepy
from deepsound.runtime.progress import Progress

_MOVIE_TICKS = 2**32
_FOLLOWED = (".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class MuxPlan:
    """What a mux will do: its container and `why` it was chosen, why the picture must be encoded again, the losses."""

    container: Container = CONTAINERS[".mp4"]
    why: str = ""
    reencoded_because: str = ""
    losses: tuple[ReportItem, ...] = ()

    def lines(self) -> list[str]:
        """What a person should know before the work: often nothing."""
        lines = []
        if self.reencoded_because:
            lines.append(f"The picture will be encoded again as H.264, because {self.reencoded_because}.")
        if self.losses:
            lines.append(f"Will be left behind: {', '.join(map(str, self.losses))}.")
        return lines


def plan_mux(
    clip: Clip,
    container: str = AUTO,
    audio_codec: str | None = None,
    progress: Progress = Progress(),
    length: str = "as_is",
) -> MuxPlan:
    """Settle how a clip will be written, or refuse it: nothing is written and no sound is needed yet.

    `container` is a name of the table or `auto`, which follows the source where that keeps the picture; `length` is the
    policy for a sound longer than its picture. Raises InputError for a choice that cannot be.
    """
    inventory = take_inventory(clip.path)
    packets = _check_packets(clip, length, progress)
    row, why = _choose_container(clip, inventory, packets) if container == AUTO else (container_named(container), "")
    sound_codec(row, audio_codec)
    obstacle = _copy_obstacle(clip, row, packets)
    check_times(clip, row)
    if obstacle:
        check_rendering(clip, row, obstacle)
    return MuxPlan(row, why, obstacle, expected_losses(inventory, row, replaced_track(clip)))


@dataclass(frozen=True)
class _PacketCheck:
    """Whether the picture's packets can be copied at all, and whether the first ones must then be hidden."""

    obstacle: str = ""
    hides_first: bool = False


def _check_packets(clip: Clip, length: str, progress: Progress) -> _PacketCheck:
    """Read the packets as a mux will, since a file's last one can be the one that is not timed in order."""
    if not any(clip.video.codec in row.pictures for row in CONTAINERS.values()):
        return _PacketCheck()
    try:
        shown_s = sounding_clip(clip, length)[0].duration_s
        window = PictureWindow(clip, shown_s, length == "loop", progress)
        window.check(progress)
    except NotCopyableError as error:
        return _PacketCheck(str(error))
    return _PacketCheck(hides_first=window.lead_in.hidden)


def _copy_obstacle(clip: Clip, container: Container, packets: _PacketCheck) -> str:
    """Why the picture's packets cannot go into the container as they are; empty where they can."""
    if clip.video.codec not in container.pictures:
        return f"its codec is {clip.video.codec}"
    if packets.hides_first and not container.hides:
        return f"its first frames must be hidden, which {container.name} cannot"
    return packets.obstacle


def replaced_track(clip: Clip) -> int | None:
    """The index, among all streams, of the sound track that a new sound replaces; None where there is no such track."""
    if clip.info.audio is None:
        return None
    number = clip.info.audio.track
    return next((t.index for t in clip.info.tracks if t.kind == "sound" and t.number == number), None)


def _choose_container(clip: Clip, inventory: Inventory, packets: _PacketCheck) -> tuple[Container, str]:
    """The source's own container where it keeps the picture, else the first that does, and why."""
    own = source_container(clip.info)
    rows = [*([own] if own is not None else []), *(CONTAINERS[suffix] for suffix in _FOLLOWED)]
    obstacles = {row.name: _copy_obstacle(clip, row, packets) for row in rows}
    keeping = [row for row in rows if not obstacles[row.name]]
    whole = [row for row in keeping if not _loses_picture(inventory, row)]
    best = next(iter([*whole, *keeping]), None)
    if best is None:
        first = next((row for row in rows if "h264" in row.pictures), CONTAINERS[".mp4"])
        return first, "no container takes the picture as it is"
    if best is own:
        return best, "as the source"
    if own is None:
        return (
            best,
            f"it holds the picture as it is; {clip.path.suffix.removeprefix('.') or 'its own kind'} is not written",
        )
    return best, f"not {own.name}: {obstacles[own.name] or 'it would lose a part of the picture'}"


def _loses_picture(inventory: Inventory, row: Container) -> bool:
    return any(not holds_trait(row, name, value) for name, value in inventory.traits.items())


def check_times(clip: Clip, row: Container) -> None:
    """Raise InputError for a clip too long for the 32-bit times of mp4 and mov."""
    most_s = _MOVIE_TICKS / LEAST_TICKS
    if row.hides and clip.duration_s >= most_s:
        raise InputError(
            f"{clip.path}: expected at most {most_s / 3600:.0f} h for {row.name}, whose times have 32 bits, got "
            f"{clip.duration_s / 3600:.1f} h; choose mkv, or a shorter part by its start and duration."
        )


def check_rendering(clip: Clip, row: Container, obstacle: str) -> None:
    """Raise InputError where the picture, which cannot be copied (`obstacle` says why), cannot be encoded either.

    MissingPackage without MoviePy, which encodes it.
    """
    if "h264" not in row.pictures:
        raise InputError(
            f"{clip.path} cannot be written as {row.suffix} as it is ({obstacle}), and {row.suffix} takes no H.264 "
            "either; choose .mp4."
        )
    is_held = any(clip.video.codec in other.pictures for other in CONTAINERS.values())
    need_moviepy(
        f"The picture of {clip.path} must be encoded again ({obstacle}), which needs MoviePy",
        "choose a container that takes it as it is" if is_held else "convert the video to H.264 first",
    )

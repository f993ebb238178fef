"""Report of a mux: what was copied, re-encoded, replaced, kept or lost, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

# What became of one thing the source held. `replaced` is a sound that gave way to the new one.
Fate = Literal["copied", "encoded", "replaced", "kept", "changed", "lost"]


@dataclass(frozen=True)
class ReportItem:
    """One thing a video held (`what`: "subtitles (subrip, deu)", "alpha plane"), its fate, and why or how."""

    what: str
    fate: Fate
    why: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.why})" if self.why else self.what


@dataclass(frozen=True)
class MuxReport:
    """What became of everything a video held.

    `container` is the output's suffix without its dot and `container_why` why it was chosen (empty: it was asked for);
    `picture_codec` is what the output holds, `reencoded_because` empty where the picture's packets were copied. `sound`
    describes the new sound (empty: none) and `length` says how a difference of lengths was settled (empty: none).
    `gain_db` is 0, or how far the sound was turned down (negative) because the codec clips beyond full scale.
    """

    container: str
    picture_codec: str
    sound: str
    reencoded_because: str = ""
    container_why: str = ""
    length: str = ""
    items: tuple[ReportItem, ...] = ()
    gain_db: float = 0.0

    def having(self, *fates: Fate) -> tuple[ReportItem, ...]:
        """The items that met one of `fates`, in order."""
        return tuple(item for item in self.items if item.fate in fates)

    @property
    def is_lossless(self) -> bool:
        """Whether the picture was copied and nothing of the source was changed or lost (replaced sounds apart)."""
        return not self.reencoded_because and not self.having("changed", "lost")

    @property
    def level(self) -> str:
        """Why and how far the sound was turned down; empty where it was not."""
        if not self.gain_db:
            return ""
        return (
            f"the sound in this video is turned down by {-self.gain_db:.2f} dB, because its peaks are beyond full "
            "scale, where the codec would clip them"
        )

    def lines(self) -> list[str]:
        """The report for a person, one sentence a line, losses included."""
        lines = [self._picture_line(), f"sound: {self.sound or 'none'}"]
        if self.level:
            lines.append(f"level: {self.level}")
        if self.container_why:
            lines.append(f"container: {self.container}, {self.container_why}")
        if self.length:
            lines.append(f"length: {self.length}")
        for fate, title in (
            ("replaced", "replaced"),
            ("kept", "kept"),
            ("changed", "changed"),
            ("lost", "left behind"),
        ):
            found = self.having(fate)  # type: ignore[arg-type]
            if found:
                lines.append(f"{title}: {', '.join(map(str, found))}")
        return lines

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, with its lines under `summary`."""
        return {**asdict(self), "items": [asdict(item) for item in self.items], "summary": self.lines()}

    def _picture_line(self) -> str:
        if self.reencoded_because:
            return f"picture encoded again as {self.picture_codec}, because {self.reencoded_because}"
        lost = [item.what for item in self.having("changed", "lost") if item.what in PICTURE_TRAITS]
        if lost:
            return f"picture copied ({self.picture_codec}), but without its {', '.join(lost)}"
        return f"picture copied as it is ({self.picture_codec})"


# What belongs to the picture itself: losing one of these means that the picture is not what it was.
PICTURE_TRAITS = (
    "alpha plane",
    "HDR",
    "mastering display",
    "content light level",
    "dynamic HDR",
    "Dolby Vision",
    "stereo 3D",
    "spherical projection",
    "interlacing",
    "rotation",
    "pixel aspect",
    "bit depth",
    "colour description",
)

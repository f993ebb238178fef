"""Lip sync: mouth movement of the faces on screen against the voice that is heard.

While a narrator speaks, the mouths on screen stay still; a speaker's moves, and in time with the voice. Frames are
sampled densely only where a voice is heard and a face is seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from deepsound.media.views import RegularFrames
from deepsound.reason.body_network import BodyNetwork
from deepsound.reason.face_network import FaceNetwork
from deepsound.reason.mouth_tracking import Mouths, MouthTrack, track_mouths
from deepsound.reason.person_detection import PeopleSettings, PersonDetection
from deepsound.runtime.progress import Progress
from deepsound.types import Span

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.reason.voice_envelope import VoiceEnvelope

FRAMES = RegularFrames(fps=12.5, long_side=640)
# A sound may be this much longer than its video.
_PAST_THE_END_S = 0.1


class Lips(Enum):
    """What the mouths on screen do while a voice is heard; UNKNOWN where one cannot be measured."""

    MOVE = "move"
    STILL = "still"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class LipSyncSettings:
    """When mouths count as still; lengths in seconds.

    `movement` is the least standard deviation of a speaking mouth's opening within `window_s`, in distances between the
    eyes. At least `coverage` of the frames must show a mouth that is measured. Speech is looked at in pieces between
    `shortest_s` and `piece_s`, at most `pieces` of a clip, spread evenly.
    """

    movement: float = 0.02
    window_s: float = 1.0
    coverage: float = 0.8
    shortest_s: float = 0.6
    piece_s: float = 3.0
    pieces: int = 20


@dataclass(frozen=True)
class LipSync:
    """`still_spans`: voiced spans over which all mouths are still; `looked_at` of `pieces` pieces of speech decide.

    `correlation` is the best one of a moving mouth with the voice, -1 to 1; None where no mouth moves.
    """

    still_spans: tuple[Span, ...] = ()
    looked_at: int = 0
    pieces: int = 0
    correlation: float | None = None


def lip_sync(
    clip: Clip,
    voices: Sequence[Span],
    envelope: VoiceEnvelope,
    people: Sequence[PersonDetection],
    around_s: float,
    progress: Progress = Progress(),
    settings: LipSyncSettings = LipSyncSettings(),
) -> LipSync:
    """Compare the mouths on screen with `voices`, where within `around_s` of these faces are seen and nobody else."""
    spans = [
        span
        for span in voices
        if span.end_s <= clip.duration_s + _PAST_THE_END_S and _shows_faces_alone(span, people, around_s)
    ]
    pieces = [piece for span in spans for piece in _pieces(span, settings)]
    chosen = _spread(pieces, settings.pieces)
    found: dict[Span, Lips] = {}
    correlations: list[float] = []
    for number, piece in enumerate(chosen):
        part = progress.part(number / len(chosen), (number + 1) / len(chosen))
        mouths = clip.remember((FRAMES, piece), partial(_mouths, clip, piece, part))
        found[piece] = Lips.UNKNOWN if mouths is None else lips_of(mouths, settings)
        if mouths is not None and found[piece] is Lips.MOVE:
            correlations += [envelope.correlation(track, piece.start_s) for track in mouths.tracks]
    progress.update(1.0)
    return LipSync(_still_spans(spans, found, settings), len(chosen), len(pieces), max(correlations, default=None))


def lips_of(mouths: Mouths, settings: LipSyncSettings = LipSyncSettings()) -> Lips:
    """Whether any of the mouths moves as in speech, all are still, or one could not be measured."""
    if any(movement(track, settings.window_s) >= settings.movement for track in mouths.tracks):
        return Lips.MOVE
    measured = {time_s for track in mouths.tracks for time_s in track.times_s}
    if mouths.unmeasured_s or len(measured) < settings.coverage * max(len(set(mouths.times_s)), 1):
        return Lips.UNKNOWN
    return Lips.STILL


def movement(track: MouthTrack, window_s: float) -> float:
    """The greatest standard deviation of a mouth's opening within `window_s` seconds."""
    import numpy as np

    times_s, openings = np.array(track.times_s), np.array(track.openings)
    windows = (openings[(times_s >= start_s) & (times_s < start_s + window_s)] for start_s in times_s)
    return max((float(window.std()) for window in windows if len(window) > 1), default=0.0)


def _mouths(clip: Clip, piece: Span, progress: Progress) -> Mouths | None:
    """The mouths in a piece's frames; None where there are more bodies than faces: somebody may speak turned away."""
    import torch

    stills = clip.between(piece.start_s, min(piece.end_s, clip.duration_s)).view(FRAMES, progress.part(0.0, 0.5))
    settings = PeopleSettings()
    faces = FaceNetwork(settings.face, settings.face_again)
    bodies = BodyNetwork(settings.body, settings.body_again)
    picture = torch.from_numpy(stills[len(stills) // 2].image.copy()).float().permute(2, 0, 1)
    if len(list(bodies.look(picture))) > len(list(faces.look(picture))):
        return None
    return track_mouths(stills, faces, progress.part(0.5, 1.0))


def _shows_faces_alone(span: Span, people: Sequence[PersonDetection], around_s: float) -> bool:
    near = [person for person in people if span.start_s - around_s <= person.time_s <= span.end_s + around_s]
    return bool(near) and all(person.kind == "face" for person in near)


def _pieces(span: Span, settings: LipSyncSettings) -> list[Span]:
    """A span in equal pieces; none of one that is too short to show how a mouth moves."""
    if span.duration_s < settings.shortest_s:
        return []
    count = math.ceil(span.duration_s / settings.piece_s)
    edges = [span.start_s + span.duration_s * index / count for index in range(count + 1)]
    return [Span(first, last) for first, last in pairwise(edges)]


def _spread(pieces: list[Span], most: int) -> list[Span]:
    """At most `most` of the pieces, evenly spread."""
    return pieces if len(pieces) <= most else [pieces[index * len(pieces) // most] for index in range(most)]


def _still_spans(spans: Sequence[Span], found: dict[Span, Lips], settings: LipSyncSettings) -> tuple[Span, ...]:
    """The spans whose pieces are all still; what was not looked at is as the rest, if that is still throughout."""
    unseen = Lips.STILL if set(found.values()) == {Lips.STILL} else Lips.UNKNOWN
    return tuple(
        span
        for span in spans
        if all(found.get(piece, unseen) is Lips.STILL for piece in _pieces(span, settings) or [span])
    )

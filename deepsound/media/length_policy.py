"""Length policies: what happens where a sound and its picture do not last equally long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepsound.choices import Option, names_of, option
from deepsound.media.audio import fit_length
from deepsound.types import Audio

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

# Less than this is how codecs and containers round a length, and no one sees or hears it.
SAME_LENGTH_S = 0.05


@dataclass(frozen=True)
class LengthPolicy(Option):
    """One row of the table: what the policy does with a sound that is `longer` or `shorter` than the picture."""

    longer: str
    shorter: str


def _policy(name: str, label: str, longer: str, shorter: str) -> LengthPolicy:
    return LengthPolicy(
        name, label, f"where the sound is longer, {longer}; where it is shorter, {shorter}", longer, shorter
    )


_SILENT_REST = "the rest of the picture is silent"
LENGTHS = (
    _policy("hold", "hold the last picture", "the last picture is held until the sound ends", _SILENT_REST),
    _policy("trim", "cut the sound", "the sound is cut at the picture's end", _SILENT_REST),
    _policy("loop", "repeat the shorter", "the picture is repeated until the sound ends", "the sound is repeated"),
    _policy("as_is", "leave both as they are", "the sound goes on after the picture's end", _SILENT_REST),
)
LENGTH_NAMES = names_of(LENGTHS)
# Nothing is lost by it.
DEFAULT_LENGTH = "hold"


@dataclass(frozen=True)
class Lengths:
    """A sound and how long the picture is to last, in seconds, as a policy settles it; `said` states what was done."""

    audio: Audio | None
    picture_s: float
    said: str = ""


def require_length_policy(name: str) -> LengthPolicy:
    """The policy of that name. Raises InputError for an unknown one."""
    return option("length", name, LENGTHS)


def settle_lengths(audio: Audio | None, picture_s: float, policy_name: str) -> Lengths:
    """Bring a sound and a picture that lasts `picture_s` seconds together. Raises InputError for an unknown policy."""
    policy = require_length_policy(policy_name)
    if audio is None:
        return Lengths(None, picture_s)
    difference_s = audio.duration_s - picture_s
    said = _difference_text(difference_s, policy) if abs(difference_s) > SAME_LENGTH_S else ""
    if policy.name == "trim" and difference_s > 0:
        return Lengths(fit_length(audio, round(picture_s * audio.sample_rate)), picture_s, said)
    if policy.name == "loop" and -difference_s > SAME_LENGTH_S:
        return Lengths(_loop(audio, round(picture_s * audio.sample_rate)), picture_s, said)
    if policy.name in ("hold", "loop") and difference_s > SAME_LENGTH_S:
        return Lengths(audio, audio.duration_s, said)
    return Lengths(audio, picture_s, said)


def sounding_clip(clip: Clip, policy_name: str) -> tuple[Clip, str]:
    """The clip whose sound is to be worked on, and what happens to the part after the last picture, for a person.

    With a policy that keeps this part the clip goes on to its own sound's end, its last picture on display; the words
    are empty where picture and sound end together. Raises InputError for an unknown policy.
    """
    policy = require_length_policy(policy_name)
    more_s = overhang_s(clip)
    if more_s <= SAME_LENGTH_S:
        return clip, ""
    said = f"The video's sound is {more_s:.2f} s longer than its picture: {policy.longer} (length: {policy.name})."
    if policy.name == "trim":
        return clip, said
    return replace(clip, duration_s=clip.duration_s + more_s), said


def overhang_s(clip: Clip) -> float:
    """How many seconds a clip's own sound goes on after its last picture; 0 where the container does not tell.

    Only a clip that runs to the video's end has one.
    """
    audio, video = clip.info.audio, clip.video
    if audio is None or audio.duration_s is None or clip.start_s + clip.duration_s < video.duration_s - 1e-6:
        return 0.0
    return max(0.0, float(audio.start_s) + audio.duration_s - float(video.start_s) - video.duration_s)


def _difference_text(difference_s: float, policy: LengthPolicy) -> str:
    if difference_s > 0:
        return f"the sound is {difference_s:.2f} s longer than the picture: {policy.longer} (policy {policy.name})"
    return f"the sound is {-difference_s:.2f} s shorter than the picture: {policy.shorter} (policy {policy.name})"


def _loop(audio: Audio, samples: int) -> Audio:
    import numpy as np

    times = -(-samples // audio.samples)
    return Audio.from_numpy(np.tile(audio.numpy(), (1, times))[:, :samples], audio.sample_rate, audio.layout)

"""Takes on nodes: AUDIO batches and lists of them, processed take by take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from .audio_input import audios_of
from .convert import to_comfy

T = TypeVar("T")


def as_list(value: T | list[T] | tuple[T, ...]) -> list[T]:
    """An input of a node that takes lists: the core gives each input as a list, a caller may give the value itself."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def at(values: T | list[T], index: int) -> T:
    """The value for element `index` of a list; a shorter list's last one stands for the rest, as in the core."""
    listed = as_list(values)
    return listed[min(index, len(listed) - 1)]


class Takes:
    """All takes of an input in one row: `sounds`, and of which AUDIO each came, so that results keep that shape.

    `audio` is an AUDIO (a batch of takes of one length) or a list of AUDIOs, whose lengths and rates may differ.
    Raises InputError, naming the input `what`, for anything else.
    """

    def __init__(self, audio: Any, what: str = "audio") -> None:
        batches = [audios_of(item, what) for item in as_list(audio)]
        self.sounds = [sound for batch in batches for sound in batch]
        self.sizes = [len(batch) for batch in batches]

    def __len__(self) -> int:
        return len(self.sounds)

    def element(self, take: int) -> int:
        """The number, in the input's list, of the AUDIO that a take came in."""
        element = 0
        while take >= self.sizes[element]:
            take -= self.sizes[element]
            element += 1
        return element

    def like_input(self, sounds: Sequence[Audio], progress: Progress = Progress()) -> list[dict[str, Any]]:
        """One AUDIO for each that came in, with as many takes."""
        rest = list(sounds)
        return [batch_of([rest.pop(0) for _ in range(size)], progress) for size in self.sizes]


def for_each_take(values: T | list[T], count: int, what: str) -> list[T]:
    """One value for each of `count` takes: as many, or one for all. Raises InputError for another number."""
    listed = as_list(values)
    if len(listed) not in (1, count):
        raise InputError(
            f"{what}: expected 1 or {count} (one for each take), got {len(listed)}; connect what was made from the "
            "same takes."
        )
    return listed * count if len(listed) == 1 else listed


def take_stage(progress: Progress, take: int, count: int) -> Progress:
    """The progress of one take among `count`."""
    return progress if count == 1 else progress.part(take / count, (take + 1) / count)


def batch_of(sounds: Sequence[Audio], progress: Progress = Progress()) -> dict[str, Any]:
    """An AUDIO of these takes.

    A batch has one rate, length and number of channels: takes that differ are brought to the highest of each (shorter
    ones end in silence, a mono take is on every channel), which is noted.
    """
    shapes = {(sound.sample_rate, sound.channels, sound.samples) for sound in sounds}
    if len(shapes) == 1:
        return to_comfy(*sounds)
    rate, channels = max(sound.sample_rate for sound in sounds), max(sound.channels for sound in sounds)
    matched = [_with(sound, rate, channels) for sound in sounds]
    samples = max(sound.samples for sound in matched)
    progress.note(
        f"The takes differ in rate, length or channels: as one batch all have {rate} Hz, {channels} "
        f"channel{'s' * (channels > 1)} and {samples / rate:.2f} s, shorter ones end in silence."
    )
    return to_comfy(*(_pad_to(sound, samples) for sound in matched))


def _with(sound: Audio, rate: int, channels: int) -> Audio:
    from deepsound.media.audio import resample

    if sound.channels not in (1, channels):
        raise InputError(
            f"audio: expected takes with 1 or {channels} channels, got one with {sound.channels}; mix it down first."
        )
    waveform = resample(sound, rate).waveform
    return Audio(waveform.expand(channels, -1).contiguous(), rate)


def _pad_to(sound: Audio, samples: int) -> Audio:
    from torch.nn.functional import pad

    return Audio(pad(sound.waveform, (0, samples - sound.samples)), sound.sample_rate)

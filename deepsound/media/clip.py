"""A video file and a time window, decoded in one pass for all frame consumers."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from deepsound.errors import InputError, MediaError
from deepsound.media.audio import decode_window
from deepsound.media.decode import DecodedFrame, frames
from deepsound.media.downmix import check_channels, check_downmix
from deepsound.media.probe import MediaInfo, VideoStreamInfo, need_video, probe
from deepsound.media.views import FrameConsumer, Timeline, is_done
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

T = TypeVar("T")

# 32 bits count the samples of a day at 48000 Hz, which is what mp4 and mov count with.
MAX_WINDOW_S = 24 * 3600.0


@dataclass
class _Memo:
    """A clip's cache of decoded results; apart, so that the clip itself stays a frozen value."""

    expected: dict[FrameConsumer[Any], None] = field(default_factory=dict)
    results: dict[FrameConsumer[Any], Any] = field(default_factory=dict)
    passes: int = 0
    facts: dict[Hashable, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Clip:
    """The window [start_s, start_s + duration_s) of a video, in seconds from its first shown frame."""

    path: Path
    start_s: float
    duration_s: float
    info: MediaInfo
    downmix: str | None = None
    _memo: _Memo = field(default_factory=_Memo, repr=False, compare=False)

    @classmethod
    def open(
        cls,
        path: Path | str,
        start_s: float = 0.0,
        duration_s: float | None = None,
        audio_track: int | None = None,
        downmix: str | None = None,
    ) -> Clip:
        """Probe a video and choose the window; a `duration_s` beyond the video's end is cut to it.

        `audio_track` chooses a sound track by its number among them, counted from 1 (None: the default one, else the
        first that can be decoded), and `downmix` ("mono", "stereo") mixes its channels down. Raises InputError for an
        impossible window, track (the message lists what there is) or mix, MediaError for a file that is no video and
        for a window of more than a day.
        """
        check_downmix(downmix)
        if not math.isfinite(start_s) or start_s < 0:
            raise InputError(f"The start is {start_s} s; expected 0 seconds or later.")
        if duration_s is not None and not duration_s > 0:
            raise InputError(
                f"The duration is {duration_s} s; expected more than 0 seconds; leave it out for the whole video."
            )
        start_s = float(start_s)  # A NumPy float32 does not go into a Fraction.
        info = probe(path, audio_track)
        length_s = need_video(info).duration_s
        if start_s >= length_s:
            raise InputError(f"The start, {start_s:g} s, is past the end of {path} ({length_s:.2f} s); start earlier.")
        rest_s = length_s - start_s
        window_s = rest_s if duration_s is None else min(float(duration_s), rest_s)
        if window_s > MAX_WINDOW_S:
            raise MediaError(
                f"{path} lasts {window_s / 3600:.1f} hours, more than the {MAX_WINDOW_S / 3600:g} that are handled at "
                "once; choose a part by its start and duration, or check that the file is not damaged."
            )
        return cls(Path(path), float(start_s), window_s, info, downmix)

    @property
    def video(self) -> VideoStreamInfo:
        return need_video(self.info)

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.duration_s, float(self.video.fps), self.video.width, self.video.height)

    @property
    def passes(self) -> int:
        """How often the pictures have been decoded so far."""
        return self._memo.passes

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on how this clip was read: sentences, often none.

        A change of the picture's size in mid-stream is found by decoding, so it is here after the first pass.
        """
        return (*self.info.notes, *self._memo.notes)

    def between(self, start_s: float, end_s: float) -> Clip:
        """A part of this window, in seconds from its start; it is decoded on its own."""
        end_s = min(end_s, self.duration_s)
        return replace(self, start_s=self.start_s + start_s, duration_s=end_s - start_s, _memo=_Memo())

    def expect(self, *views: FrameConsumer[Any]) -> None:
        """Register frame consumers that will be needed, so that the next decoding pass serves them too."""
        self._memo.expected.update(dict.fromkeys(views))

    def view(self, view: FrameConsumer[T], progress: Progress = Progress()) -> T:
        """The result of a frame consumer; computed with all expected ones in one pass, then cached.

        Raises MediaError when not one frame of the window can be decoded.
        """
        memo = self._memo
        if view not in memo.results:
            self.expect(view)
            self._decode([wanted for wanted in memo.expected if wanted not in memo.results], progress)
        return cast(T, memo.results[view])

    def remember(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` finds out about the file, once for each `key` of a clip."""
        if key not in self._memo.facts:
            self._memo.facts[key] = compute()
        return cast(T, self._memo.facts[key])

    def frames(self, progress: Progress = Progress()) -> Iterator[DecodedFrame]:
        """The frames shown in the window, in order of time, decoded on demand (see media.decode.frames)."""
        found: list[str] = []
        for frame in frames(self.info, self.start_s, self.duration_s, progress, found):
            while found:
                self._note(found.pop(), progress)
            yield frame

    def _note(self, note: str, progress: Progress) -> None:
        """Keep a sentence about the frames and report it, once a clip."""
        if note not in self._memo.notes:
            self._memo.notes.append(note)
            progress.note(note)

    def audio(self, progress: Progress = Progress()) -> Audio | None:
        """The video's own sound in the window, at its own rate and channels, time 0 at the window's start.

        Exactly round(duration_s * rate) samples: padded with zeros where the sound is shorter. None without sound.
        Raises InputError as check_audio does, MediaError where a hole in the sound is too long to be filled.
        """
        if self.info.audio is None:
            return None
        self.check_audio()
        return decode_window(self.info, self.start_s, self.duration_s, progress, self.downmix)

    def check_audio(self, needed: bool = False) -> None:
        """Raise InputError, without decoding, when the sound has more channels than can be written.

        Where it is `needed`, MediaError when there is none.
        """
        if needed and self.info.audio is None:
            raise no_own_sound(self.path)
        if self.info.audio is not None:
            check_channels(str(self.path), self.info.audio.channels, self.downmix)

    def _decode(self, wanted: list[FrameConsumer[Any]], progress: Progress) -> None:
        self._memo.passes += 1
        collectors = {view: view.start(self.timeline) for view in wanted}
        for frame in self.frames(progress):
            for collector in collectors.values():
                collector.see(frame)
            if all(map(is_done, collectors.values())):
                break
        progress.update(1.0)
        self._memo.results.update((view, collector.result()) for view, collector in collectors.items())


def no_own_sound(path: Path) -> MediaError:
    """The error for a video whose own sound is wanted and that has none."""
    return MediaError(
        f"{path} has no sound of its own, so the generator 'source' has nothing to give. "
        "Choose the generator 'draft', which makes sound from the picture."
    )

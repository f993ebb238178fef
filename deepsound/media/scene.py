"""Protocol of visual inputs with a time axis: a video clip, or images with a rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    from deepsound.media.views import FrameConsumer


class Scene(Protocol):
    """Frames over `duration_s` seconds, read in one pass by all announced consumers."""

    @property
    def duration_s(self) -> float: ...

    def expect(self, *views: FrameConsumer[Any]) -> None: ...

    def view(self, view: FrameConsumer[Any], progress: Progress = Progress()) -> Any: ...

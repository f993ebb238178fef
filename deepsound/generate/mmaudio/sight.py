"""What MMAudio can be led by beside words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from deepsound.media.views import FrameConsumer


class Scene(Protocol):
    """What can be seen while it sounds: a clip, or images with a rate."""

    @property
    def duration_s(self) -> float: ...

    def expect(self, *views: FrameConsumer[Any]) -> None: ...

    def view(self, view: FrameConsumer[Any], progress: Progress | None = None) -> Any: ...


@dataclass(frozen=True, eq=False)
class VisualCondition:
    """A `scene`, a `still` picture uint8 [3, height, width], or neither; learned empty features stand for what is not.

    Of a still only what it shows is known, not when anything happens. `masked` hides what a scene shows from CLIP
    and keeps its timing.
    """

    scene: Scene | None = None
    still: Tensor | None = None
    masked: bool = False

    @property
    def scene_s(self) -> float | None:
        return None if self.scene is None else self.scene.duration_s

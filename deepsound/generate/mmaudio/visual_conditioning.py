"""MMAudio's visual conditioning inputs: a video, a still image, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.media.scene import Scene

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class VisualCondition:
    """A `scene`, a `still` image uint8 [3, height, width], or neither; learned empty features replace what is absent.

    A still has no timing: Synchformer's features stay empty. `masked` hides the scene from CLIP and keeps its timing.
    """

    scene: Scene | None = None
    still: Tensor | None = None
    masked: bool = False

    @property
    def scene_s(self) -> float | None:
        return None if self.scene is None else self.scene.duration_s

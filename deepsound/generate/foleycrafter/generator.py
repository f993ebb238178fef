"""The generator `foleycrafter` (arXiv 2407.01494): audio for a clip or images."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deepsound.engine_protocols import GeneratorBase
from deepsound.generate.foleycrafter.request import FoleyCrafterRequest, FoleyCrafterSettings, validate_request
from deepsound.generate.scene_prompts import scene_notes
from deepsound.media.scene import Scene
from deepsound.runtime.execution import Execution, report_precision
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest

if TYPE_CHECKING:
    from pathlib import Path

    from deepsound.media.views import FrameConsumer


class FoleyCrafterGenerator(GeneratorBase):
    """Sound of 16 kHz for up to 10 s at a time, longer in windows; nothing is downloaded unasked."""

    name = "foleycrafter"
    ignores = frozenset({"window_s"})
    avoids_spans = True

    def __init__(self) -> None:
        self.execution = Execution()
        self.settings = FoleyCrafterSettings()
        self._computed: dict[str, object] = {}

    @property
    def views(self) -> tuple[FrameConsumer[Any], ...]:
        """What a clip's decoding pass computes along the way for this engine."""
        from deepsound.generate.foleycrafter.frame_sampling import SampledFrames

        return (SampledFrames(),)

    def request_notes(self, request: GenerationRequest) -> tuple[str, ...]:
        """What of `request` plays no part: windows, and the times of scene lines."""
        return (*scene_notes(self.name, request.prompt), *super().request_notes(request))

    def adjust(self, settings: FoleyCrafterSettings) -> None:
        """Say how much the picture leads; without it, as published."""
        self.settings = settings

    def settings_in_use(self) -> dict[str, object]:
        """Both scales, the number of frames that CLIP sees, and device and precision of the last run."""
        return asdict(self.settings) | self._computed

    def generate(self, clip: Scene, request: GenerationRequest, progress: Progress) -> Audio:
        """Mono sound at 16 kHz, exactly as long as the clip or `request.duration_s`.

        Raises InputError for a request that cannot be met, EngineError for a library or weights that are missing or
        wrong.
        """
        return self.takes(clip, request, 1, progress)[0]

    def takes(self, scene: Scene, request: GenerationRequest, count: int, progress: Progress) -> list[Audio]:
        """`count` sounds of one request, from the seeds `request.seed`, `request.seed` + 1, ...; all are equally long.

        What the conditions cost is paid once. Raises as `generate` does.
        """
        from deepsound.generate.foleycrafter.dependencies import require_libraries

        resolved = validate_request(request, self.settings, scene.duration_s, count)
        require_libraries()
        return retry_on_oom(
            lambda execution: self._sounds(scene, resolved, execution, progress),
            self.execution,
            self.name,
            progress.say,
        )

    def files(self) -> dict[str, Path]:
        """The weights in use, by what they do. Raises EngineError where one is missing."""
        from deepsound.generate.foleycrafter.checkpoint import locate_checkpoint

        return locate_checkpoint(self.execution).weight_files()

    def _sounds(
        self, scene: Scene, request: FoleyCrafterRequest, execution: Execution, progress: Progress
    ) -> list[Audio]:
        from deepsound.generate.foleycrafter.components import FoleyCrafterComponents
        from deepsound.generate.foleycrafter.conditions import encode_conditions
        from deepsound.generate.foleycrafter.decode import decode_spectrograms, vocode
        from deepsound.generate.foleycrafter.sampling import sample_latents

        components = FoleyCrafterComponents(execution, progress)
        self._computed = report_precision(self.name, execution, components.device, components.dtype, progress)
        conditions = encode_conditions(components, scene, request, progress.part(0.0, 0.3))
        with components.stage(progress) as stage:
            latents = sample_latents(stage, conditions, request, progress.part(0.3, 0.9))
        with components.stage(progress) as stage:
            spectrograms = decode_spectrograms(stage, latents, progress.part(0.9, 0.95))
        with components.stage(progress) as stage:
            return vocode(stage, spectrograms, request.duration_s, progress.part(0.95, 1.0))

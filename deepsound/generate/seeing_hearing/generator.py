"""The generator `seeing_hearing` (arXiv 2402.17723): audio for a clip or one picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deepsound.engine_protocols import GeneratorBase
from deepsound.generate.scene_prompts import scene_notes
from deepsound.generate.seeing_hearing.request import SeeingHearingRequest, SeeingHearingSettings, validate_request
from deepsound.media.scene import Scene
from deepsound.runtime.components import without_gradients
from deepsound.runtime.execution import Execution, report_precision
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest

if TYPE_CHECKING:
    from pathlib import Path

    from deepsound.media.views import FrameConsumer


class SeeingHearingGenerator(GeneratorBase):
    """Sound of 16 kHz for up to 30 s: AudioLDM, its latents pulled towards picture and words by ImageBind."""

    name = "seeing_hearing"
    ignores = frozenset({"window_s"})

    def __init__(self) -> None:
        self.execution = Execution()
        self.settings = SeeingHearingSettings()
        self._computed: dict[str, object] = {}

    @property
    def views(self) -> tuple[FrameConsumer[Any], ...]:
        """What a clip's decoding pass computes along the way for this engine."""
        from deepsound.generate.seeing_hearing.frame_sampling import WindowEdges

        return (WindowEdges(),)

    def request_notes(self, request: GenerationRequest) -> tuple[str, ...]:
        """What of `request` plays no part: windows, spans to avoid, and the times of scene lines."""
        return (*scene_notes(self.name, request.prompt), *super().request_notes(request))

    def adjust(self, settings: SeeingHearingSettings) -> None:
        """Say how the latents are updated; without it, as the released code does."""
        self.settings = settings

    def settings_in_use(self) -> dict[str, object]:
        """The aligner's settings, and of the last run its caption, distances, device and precision."""
        return asdict(self.settings) | self._computed

    def generate(self, clip: Scene, request: GenerationRequest, progress: Progress) -> Audio:
        """Mono sound at 16 kHz, exactly as long as the clip or `request.duration_s`.

        Raises InputError for a request that cannot be met, EngineError for a library or weights that are missing or
        wrong, and where a gradient is not finite.
        """
        return self.takes(clip, request, 1, progress)[0]

    def takes(self, scene: Scene, request: GenerationRequest, count: int, progress: Progress) -> list[Audio]:
        """`count` sounds of one request, from the seeds `request.seed`, `request.seed` + 1, ...; all are equally long.

        Raises as `generate` does.
        """
        from deepsound.generate.aligner.dependencies import require_libraries

        resolved = validate_request(request, self.settings, scene.duration_s, count)
        require_libraries()

        def work(execution: Execution) -> list[Audio]:
            # A host's inference mode ends here: what is read within it could not take part in gradients.
            with without_gradients(differentiable=True):
                return self._sounds(scene, resolved, execution, progress)

        return retry_on_oom(work, self.execution, self.name, progress.say)

    def files(self) -> dict[str, Path]:
        """The weights in use, by what they do. Raises EngineError where one is missing."""
        from deepsound.generate.seeing_hearing.components import locate_weights

        return locate_weights(self.execution).weight_files()

    def _sounds(
        self, scene: Scene, request: SeeingHearingRequest, execution: Execution, progress: Progress
    ) -> list[Audio]:
        from deepsound.generate.seeing_hearing.caption import prompt_for
        from deepsound.generate.seeing_hearing.components import locate_weights
        from deepsound.generate.seeing_hearing.sampling import generate_sounds

        weights = locate_weights(execution, progress)
        weights.check()
        prompt = prompt_for(scene, request.prompt, execution, progress.part(0.0, 0.1))
        components = weights.components(execution)
        self._computed = report_precision(self.name, execution, components.device, components.dtype, progress)
        if not request.prompt:
            self._computed["caption"] = prompt
        sounds, distances = generate_sounds(weights, components, scene, request, prompt, progress.part(0.1, 1.0))
        if distances:
            self._computed["distances"] = {name: round(value, 4) for name, value in distances.items()}
        return sounds

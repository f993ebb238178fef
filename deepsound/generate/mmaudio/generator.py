"""The generators `mmaudio_*` and `selva`: audio for video, images or text alone.

arXiv 2412.15322 (MMAudio), 2512.02650 (SelVA).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepsound.engine_protocols import GeneratorBase
from deepsound.generate.mmaudio.request import SELVA, MMAudioRequest, engine_name, validate_request
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.generate.validation import spans_within
from deepsound.media.scene import Scene
from deepsound.runtime.execution import Execution, report_precision
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest, Span

if TYPE_CHECKING:
    from pathlib import Path

    from deepsound.media.views import FrameConsumer


class MMAudioGenerator(GeneratorBase):
    """One published variant; files are looked for when it first runs, and nothing is downloaded unasked."""

    avoids_spans = True
    compiles = True
    takes_loras = True

    def __init__(self, variant: str) -> None:
        self.variant = variant
        # SelVA is MMAudio's small_16k with sync features that the prompt steers, and without CLIP's picture features.
        self._is_steered = variant == SELVA
        self.name = engine_name(variant)
        self.execution = Execution()
        self._computed: dict[str, object] = {}

    @property
    def views(self) -> tuple[FrameConsumer[Any], ...]:
        """What a clip's decoding pass computes along the way for this engine."""
        from deepsound.generate.mmaudio.frame_sampling import clip_view, sync_view
        from deepsound.generate.mmaudio.window_features import cuts_view

        pictures = () if self._is_steered else (clip_view(hold_last=True),)
        return *pictures, sync_view(hold_last=True, squeezed=self._is_steered), cuts_view()

    def request_notes(self, request: GenerationRequest) -> tuple[str, ...]:
        """What of `request` plays no part: below a guidance strength of 1 that is the negative prompt."""
        if request.negative_prompt.strip() and request.guidance is not None and request.guidance < 1:
            return (f"{self.name} does not use the negative prompt at a guidance strength below 1.",)
        return ()

    def generate(self, clip: Scene, request: GenerationRequest, progress: Progress) -> Audio:
        """Mono sound at the variant's rate, exactly as long as the clip or `request.duration_s`.

        Raises InputError for a request that cannot be met, EngineError for weights that are missing or wrong.
        """
        return self.takes(VisualCondition(clip), request, 1, progress)[0]

    def takes(self, visual: VisualCondition, request: GenerationRequest, count: int, progress: Progress) -> list[Audio]:
        """`count` sounds of one request, from the seeds `request.seed`, `request.seed` + 1, ...; all are equally long.

        What the conditions cost is paid once. Raises as `generate` does.
        """
        resolved = validate_request(request, visual.scene_s, count)
        if self._is_steered and visual.still is not None:
            progress.note("selva does not look at a still picture: nothing moves in it, so the words alone lead.")
            visual = replace(visual, still=None)
        return retry_on_oom(
            lambda execution: self._sounds(visual, resolved, execution, progress),
            self.execution,
            self.name,
            progress.say,
        )

    def inpaint(
        self, clip: Scene, sound: Audio, spans: Sequence[Span], request: GenerationRequest, progress: Progress
    ) -> Audio:
        """`sound` with `spans` of it sampled anew and the latents outside held, mono at the variant's rate.

        `request.avoid` hides the picture where it is not to lead. Raises as `generate` does, and EngineError where
        `sound` has to be encoded and the autoencoder's file holds no encoder.
        """
        limit_s = min(clip.duration_s if request.duration_s is None else request.duration_s, sound.duration_s)
        resolved = validate_request(replace(request, duration_s=limit_s), clip.duration_s, 1)
        anew = spans_within("spans", spans, resolved.duration_s)
        return retry_on_oom(
            lambda execution: self._sounds(VisualCondition(clip), resolved, execution, progress, (sound, anew))[0],
            self.execution,
            self.name,
            progress.say,
        )

    def settings_in_use(self) -> dict[str, object]:
        """Device and precision of the last run; nothing before it."""
        return dict(self._computed)

    def files(self) -> dict[str, Path]:
        """The weights in use, by what they do. Raises EngineError where one is missing."""
        from deepsound.generate.mmaudio.components import locate_weights
        from deepsound.weights.lora import lora_file

        loras = {
            f"LoRA {number} at {strength:g}": lora_file(path)
            for number, (path, strength) in enumerate(self.execution.loras, 1)
        }
        return locate_weights(self.variant, self.execution)[1] | loras

    def _sounds(
        self,
        visual: VisualCondition,
        request: MMAudioRequest,
        execution: Execution,
        progress: Progress,
        partly: tuple[Audio, tuple[Span, ...]] | None = None,
    ) -> list[Audio]:
        """The sounds of `request`; `partly` is a sound to keep and the spans of it to make anew."""
        from deepsound.generate.mmaudio.components import MMAudioComponents
        from deepsound.generate.mmaudio.conditions import encode_conditions
        from deepsound.generate.mmaudio.known_latents import cache_latents, encode_known_latents
        from deepsound.generate.mmaudio.sampling import decode_spectrograms, sample_latents, vocode
        from deepsound.generate.mmaudio.windowed_sounds import windowed_sounds

        components = MMAudioComponents(self.variant, execution, progress)
        self._computed = report_precision(self.name, execution, components.device, components.dtype, progress)
        if execution.compiled:
            self._computed["compile"] = True
        hides = partly is not None or bool(request.avoid)
        if request.is_windowed and not hides:
            return windowed_sounds(components, visual, request, progress)
        if request.is_windowed:
            progress.note(f"{self.name} made the sound in one pass: it does not hide or hold spans in windows.")
        if request.schedule.edges_s(request.duration_s):
            progress.note(
                f"{self.name} made the sound in one pass, so the scene lines' texts were joined and their times not "
                "used; scenes need a window shorter than the clip."
            )
        features = encode_conditions(components, visual, request, progress.part(0.0, 0.5))
        held = None if partly is None else encode_known_latents(components, *partly, features.usable_s, progress)
        with components.stage(progress) as stage:
            latents = sample_latents(stage, features, components.rate, request, progress.part(0.5, 0.8), held)
        with components.stage(progress) as stage:
            spectrograms = decode_spectrograms(stage, latents, progress.part(0.8, 0.82))
        with components.stage(progress) as stage:
            sounds = vocode(stage, spectrograms, request.duration_s, components.rate, progress.part(0.82, 1.0))
        for audio, made in zip(sounds, latents, strict=True):
            cache_latents(components, audio, made)
        return sounds

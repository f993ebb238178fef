"""DeepSoundSeeingHearing: step 1 with Seeing and Hearing and all of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import NETWORK_PRECISIONS
from deepsound.errors import InputError
from deepsound.runtime.execution import Precision

from . import comfy_host
from .aligner_inputs import UPDATES, guide_inputs, rate_input, tune_prompt_input
from .convert import clip_of, to_comfy
from .notes import notes_ui
from .requests import request_of, require_one_picture
from .schema import (
    fps_input,
    network_inputs,
    output,
    picture_inputs,
    prompt_inputs,
    require_option,
    schema,
    takes_input,
)
from .tensors import images_of
from .values import check_values, refusal_of

if TYPE_CHECKING:
    from deepsound.media.scene import Scene
    from deepsound.runtime.progress import Progress

ENGINE = "seeing_hearing"
_STILL_S = 8.0


class SeeingHearingGenerate(io.ComfyNode):
    """Sound for a video, for images with a rate, or for one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundSeeingHearing",
            "Seeing and Hearing (DeepSound)",
            description="Step 1: AudioLDM makes 16 kHz sound, and ImageBind pulls it towards picture and words while "
            "it is sampled. Slow; it may still contain voices, which the next steps remove. Needs the Python package "
            "diffusers.",
            search_aliases=["sound effects", "video to audio", "image to audio", "v2a", "AudioLDM", "ImageBind"],
            inputs=[
                *picture_inputs(
                    "The video to make sound for, 30 s at most.",
                    "Instead of a video: images with their fps, or one picture.",
                ),
                *prompt_inputs("How long the sound is, in seconds; 0 means all of the video, or 8 s for one picture."),
                io.Int.Input("steps", default=30, min=1, max=500, tooltip="Sampling steps; 30 as published."),
                io.Float.Input(
                    "cfg",
                    default=2.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Classifier-free guidance of AudioLDM; 2.5 as published. At 1 and below the negative "
                    "prompt plays no part.",
                ),
                rate_input("rate", 0.1, "the sound's latents", "0: AudioLDM alone"),
                *guide_inputs(),
                tune_prompt_input(False),
                fps_input("Frames per second of the images; needed for more than one image."),
                takes_input(),
                *network_inputs(NETWORK_PRECISIONS),
            ],
            outputs=[output(io.Audio, "audio", "The coarse audio, one sound for each take.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(
        cls,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        duration: float | None = None,
        cfg: float | None = None,
        rate: float | None = None,
        warmup: float | None = None,
        prompt_rate: float | None = None,
        fps: float | None = None,
    ) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        steps: int,
        cfg: float,
        rate: float,
        warmup: float,
        inner_steps: int,
        update: str,
        prompt_rate: float,
        tune_prompt: bool,
        fps: float,
        takes: int,
        precision: Precision,
        offload: bool,
        download: bool,
        video: Any = None,
        images: Any = None,
    ) -> io.NodeOutput:
        from deepsound.generate.seeing_hearing.request import SeeingHearingSettings

        require_option("update", update, UPDATES)
        require_one_picture(video, images)
        check_values(cls, fps=fps, rate=rate, warmup=warmup, inner_steps=inner_steps, prompt_rate=prompt_rate)
        request = request_of(cls, prompt, negative_prompt, seed, duration, steps, cfg)
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        scene = _scene(video, images, fps, duration, progress)
        engine = engines.generator(ENGINE, comfy_host.execution(precision, offload, download))
        # require_option has seen to `update`.
        settings = SeeingHearingSettings(rate, warmup, inner_steps, update, tune_prompt, prompt_rate)  # type: ignore[arg-type]
        engines.require_settings(engine, ENGINE).adjust(settings)
        sounds = engines.require_takes(engine, ENGINE).takes(scene, request, takes, progress)
        return io.NodeOutput(to_comfy(*sounds), ui=notes_ui(progress, engines.request_notes(engine, request)))


def _scene(video: Any, images: Any, fps: float, duration: float, progress: Progress) -> Scene:
    """The video's clip, the images at their rate, or one picture for the duration."""
    from deepsound.media.sequence import ImageSequence, still_scene

    if video is not None:
        return clip_of(video, progress)
    if images is None:
        raise InputError("Neither video nor images are connected; connect one of them: the sound is to follow it.")
    batch = images_of(images)
    if len(batch) == 1:
        return still_scene(batch[0], duration or _STILL_S)
    if fps <= 0:
        raise InputError(f"images: {len(batch)} images need their rate; set fps to that of the node they come from.")
    return ImageSequence(batch, fps)

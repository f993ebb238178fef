"""DeepSoundJoint: a short video and its sound, both from words."""

from __future__ import annotations

from comfy_api.latest import io

from deepsound.choices import NETWORK_PRECISIONS
from deepsound.runtime.execution import Precision

from . import comfy_host
from .aligned_video import model_guidance_input, request_of_inputs, video_inputs, video_outputs, video_result
from .aligner_inputs import rate_input
from .schema import network_inputs, schema
from .values import refusal_of


class Joint(io.ComfyNode):
    """A video and its sound from words."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundJoint",
            "Joint Video and Sound (DeepSound)",
            description="A short video and its sound from words: AnimateDiff and AudioLDM side by side, pulled towards "
            "each other by ImageBind (Seeing and Hearing). Slow. Needs the Python package diffusers.",
            search_aliases=["text to video with sound", "joint", "AnimateDiff", "AudioLDM", "Seeing and Hearing"],
            inputs=[
                *video_inputs(),
                model_guidance_input("audio_cfg", 2.5, "AudioLDM"),
                rate_input("audio_rate", 0.1, "the sound's latents", "0: they are not aligned"),
                *network_inputs(NETWORK_PRECISIONS),
            ],
            outputs=video_outputs("The sound, mono at 16 kHz, as long as the video."),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(
        cls,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        fps: float | None = None,
        video_cfg: float | None = None,
        video_rate: float | None = None,
        warmup: float | None = None,
        prompt_rate: float | None = None,
        audio_cfg: float | None = None,
        audio_rate: float | None = None,
    ) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        prompt: str,
        negative_prompt: str,
        seed: int,
        steps: int,
        frames: int,
        fps: float,
        width: int,
        height: int,
        video_cfg: float,
        video_rate: float,
        warmup: float,
        inner_steps: int,
        update: str,
        prompt_rate: float,
        tune_prompt: bool,
        audio_cfg: float,
        audio_rate: float,
        precision: Precision,
        offload: bool,
        download: bool,
    ) -> io.NodeOutput:
        from deepsound.generate.aligned_video.generator import video_with_sound

        request = request_of_inputs(**locals())
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        execution = comfy_host.execution(precision, offload, download)
        return video_result(video_with_sound(request, execution, progress), progress)

"""DeepSoundAudioToVideo: a short video that goes with a sound."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound.choices import NETWORK_PRECISIONS
from deepsound.runtime.execution import Precision

from . import comfy_host
from .aligned_video import request_of_inputs, video_inputs, video_outputs, video_result
from .audio_input import audio_of
from .schema import network_inputs, schema
from .values import refusal_of


class AudioToVideo(io.ComfyNode):
    """A video that goes with a sound."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundAudioToVideo",
            "Audio to Video (DeepSound)",
            description="A short video that goes with a sound: AnimateDiff on Stable Diffusion 1.5, pulled towards "
            "sound and words by ImageBind (Seeing and Hearing). Slow. Needs the Python package diffusers.",
            search_aliases=[
                "audio to video",
                "a2v",
                "sound to video",
                "AnimateDiff",
                "ImageBind",
                "Seeing and Hearing",
            ],
            inputs=[
                io.Audio.Input("audio", tooltip="The sound that the video is to follow, at least as long as it."),
                *video_inputs(),
                *network_inputs(NETWORK_PRECISIONS),
            ],
            outputs=video_outputs("The sound, cut to the video's length."),
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
    ) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        audio: Any,
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
        precision: Precision,
        offload: bool,
        download: bool,
    ) -> io.NodeOutput:
        from deepsound.generate.aligned_video.generator import audio_to_video

        request = request_of_inputs(**locals())
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        execution = comfy_host.execution(precision, offload, download)
        return video_result(audio_to_video(audio_of(audio), request, execution, progress), progress)

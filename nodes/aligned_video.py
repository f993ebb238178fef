"""DeepSoundAudioToVideo and DeepSoundJoint: a video for a sound, or both from words."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io

from deepsound.choices import NETWORK_PRECISIONS
from deepsound.runtime.execution import Precision

from . import comfy_host, host_folders
from .aligner_inputs import UPDATES, guide_inputs, rate_input, tune_prompt_input
from .audio_input import audio_of
from .convert import owning, to_comfy
from .notes import notes_ui
from .schema import network_inputs, output, require_option, schema
from .values import check_values, refusal_of

if TYPE_CHECKING:
    from deepsound.generate.aligned_video.generator import AlignedVideo
    from deepsound.generate.aligned_video.request import AlignedVideoRequest
    from deepsound.runtime.progress import Progress


def video_inputs(tune_prompt: bool) -> list[io.Input]:
    """What both nodes ask of the video, and when and how it is aligned."""
    return [
        io.String.Input("prompt", default="", multiline=True, tooltip="Words for what is to be seen (and heard)."),
        io.String.Input(
            "negative_prompt", default="", multiline=True, tooltip="Words for what is not to be there. May stay empty."
        ),
        io.Int.Input(
            "seed",
            default=42,
            min=0,
            max=2**64 - 1,
            control_after_generate=True,
            tooltip="The same seed and inputs give the same video.",
        ),
        io.Int.Input("steps", default=25, min=1, max=500, tooltip="Sampling steps; 25 as published."),
        io.Int.Input("frames", default=16, min=1, max=32, tooltip="Frames of the video; AnimateDiff was made for 16."),
        io.Float.Input("fps", default=8.0, min=0.0, max=60.0, step=0.001, tooltip="Frames per second; 8 is usual."),
        io.Int.Input("width", default=512, min=64, max=1024, step=64, tooltip="Pixels; 512 is Stable Diffusion's."),
        io.Int.Input("height", default=512, min=64, max=1024, step=64, tooltip="Pixels; 512 is Stable Diffusion's."),
        _strength("video_cfg", 7.5, "AnimateDiff"),
        rate_input("video_rate", 0.01, "the video's latents", "0: they are not aligned"),
        *guide_inputs(),
        tune_prompt_input(tune_prompt),
    ]


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
                *video_inputs(True),
                *network_inputs(NETWORK_PRECISIONS),
            ],
            outputs=_outputs("The sound, cut to the video's length."),
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

        request = _request(**locals())
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        execution = comfy_host.execution(precision, offload, download)
        return _result(audio_to_video(audio_of(audio), request, execution, progress), progress)


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
                *video_inputs(True),
                _strength("audio_cfg", 2.5, "AudioLDM"),
                rate_input("audio_rate", 0.1, "the sound's latents", "0: they are not aligned"),
                *network_inputs(NETWORK_PRECISIONS),
            ],
            outputs=_outputs("The sound, mono at 16 kHz, as long as the video."),
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

        request = _request(**locals())
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        execution = comfy_host.execution(precision, offload, download)
        return _result(video_with_sound(request, execution, progress), progress)


def _strength(input_id: str, default: float, model: str) -> io.Float.Input:
    return io.Float.Input(
        input_id,
        default=default,
        min=0.0,
        max=100.0,
        step=0.1,
        tooltip=f"Classifier-free guidance of {model}; {default:g} is usual, the paper does not give it.",
    )


def _outputs(sound: str) -> list[io.Output]:
    return [
        output(io.Video, "video", "Picture and sound as a file in ComfyUI's temporary folder."),
        output(io.Image, "images", "The frames."),
        output(io.Audio, "sound", sound, label="audio"),
    ]


def _request(cls: Any, **inputs: Any) -> AlignedVideoRequest:
    """The request of node `cls`: those of its inputs that it has by these names. Raises InputError for bad values."""
    from deepsound.generate.aligned_video.request import AlignedVideoRequest

    names = {field.name for field in fields(AlignedVideoRequest)}
    settings = {name: value for name, value in inputs.items() if name in names}
    require_option("update", settings["update"], UPDATES)
    check_values(cls, **{name: value for name, value in settings.items() if name not in ("update", "tune_prompt")})
    return AlignedVideoRequest(**settings)


def _result(video: AlignedVideo, progress: Progress) -> io.NodeOutput:
    from deepsound.generate.aligned_video.output import write_video

    path = host_folders.temp_path(".mp4")
    write_video(video, path, progress.at("write"))
    shown = owning(InputImpl.VideoFromFile(str(path)), path)
    return io.NodeOutput(shown, video.images, to_comfy(video.audio), ui=notes_ui(progress))

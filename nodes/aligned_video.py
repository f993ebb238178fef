"""Inputs, request and outputs of the nodes that make a video: Audio to Video, and Joint."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io

from . import host_folders
from .aligner_inputs import UPDATES, guide_inputs, rate_input, tune_prompt_input
from .convert import owning, to_comfy
from .notes import notes_ui
from .schema import output, require_option
from .values import check_values

if TYPE_CHECKING:
    from deepsound.generate.aligned_video.generator import AlignedVideo
    from deepsound.generate.aligned_video.request import AlignedVideoRequest
    from deepsound.runtime.progress import Progress


def video_inputs() -> list[io.Input]:
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
        model_guidance_input("video_cfg", 7.5, "AnimateDiff"),
        rate_input("video_rate", 0.01, "the video's latents", "0: they are not aligned"),
        *guide_inputs(),
        tune_prompt_input(True),
    ]


def model_guidance_input(input_id: str, default: float, model: str) -> io.Float.Input:
    """How closely a model follows its prompt."""
    return io.Float.Input(
        input_id,
        default=default,
        min=0.0,
        max=100.0,
        step=0.1,
        tooltip=f"Classifier-free guidance of {model}; {default:g} is usual, the paper does not give it.",
    )


def video_outputs(sound: str) -> list[io.Output]:
    """Video, frames and sound; `sound` is the last one's tooltip."""
    return [
        output(io.Video, "video", "Picture and sound as a file in ComfyUI's temporary folder."),
        output(io.Image, "images", "The frames."),
        output(io.Audio, "sound", sound, label="audio"),
    ]


def request_of_inputs(cls: Any, **inputs: Any) -> AlignedVideoRequest:
    """The request of node `cls`: those of its inputs that it has by these names. Raises InputError for bad values."""
    from deepsound.generate.aligned_video.request import AlignedVideoRequest

    names = {field.name for field in fields(AlignedVideoRequest)}
    settings = {name: value for name, value in inputs.items() if name in names}
    require_option("update", settings["update"], UPDATES)
    check_values(cls, **{name: value for name, value in settings.items() if name not in ("update", "tune_prompt")})
    return AlignedVideoRequest(**settings)


def video_result(video: AlignedVideo, progress: Progress) -> io.NodeOutput:
    """Write the video into ComfyUI's temporary folder and hand all three outputs on."""
    from deepsound.generate.aligned_video.output import write_video

    path = host_folders.temp_path(".mp4")
    write_video(video, path, progress.at("write"))
    shown = owning(InputImpl.VideoFromFile(str(path)), path)
    return io.NodeOutput(shown, video.images, to_comfy(video.audio), ui=notes_ui(progress))

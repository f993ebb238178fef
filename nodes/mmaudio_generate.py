"""DeepSoundMMAudioGenerate: step 1 with MMAudio, with everything it can be told."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import NETWORK_PRECISIONS
from deepsound.errors import InputError
from deepsound.types import GenerationRequest

from . import comfy_host
from .convert import sight_of, to_comfy
from .schema import (
    download_input,
    offload_input,
    output,
    precision_input,
    prompt_inputs,
    require_option,
    schema,
    supported_kwargs,
)

ENGINES = tuple(info.name for info in engines.PUBLISHED if info.name.startswith("mmaudio_"))
BY_VARIANT = "by variant"
MOST_TAKES = 16


class MMAudioGenerate(io.ComfyNode):
    """Sound for a video, for images with a rate, for one picture, or for words alone."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundMMAudioGenerate",
            "MMAudio Generate (DeepSound)",
            description="Step 1: MMAudio makes sound for a video, for images, for one picture, or for words alone. It "
            "may still hold voices; the next steps see to that.",
            search_aliases=["foley", "sound effects", "video to audio", "v2a", "text to audio", "MMAudio"],
            inputs=[
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="The video to make sound for. Without video and images the prompt alone leads.",
                ),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Instead of a video: images with their fps, or one picture for a still scene.",
                ),
                io.Combo.Input(
                    "variant",
                    options=list(ENGINES),
                    default=ENGINES[0],
                    tooltip="Which published network makes the sound.\n" + _summaries(),
                ),
                *prompt_inputs("How long the sound is, in seconds; 0 means all of the video, or 8 s without one."),
                io.Int.Input(
                    "steps",
                    default=25,
                    min=1,
                    max=1000,
                    tooltip="Steps from noise to sound; 25 as published. More is slower, hardly better.",
                ),
                io.Float.Input(
                    "cfg",
                    default=4.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How strictly picture and words are followed; 4.5 as published. Below 1 the "
                    "negative prompt plays no part.",
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the images; needed for more than one image.",
                ),
                io.Int.Input(
                    "takes",
                    default=1,
                    min=1,
                    max=MOST_TAKES,
                    tooltip="Several sounds as one batch, from seed, seed + 1, ...; the picture is encoded once.",
                ),
                io.Boolean.Input(
                    "mask_away_clip",
                    default=False,
                    tooltip="Hide what the picture shows and keep its timing: only the words say what sounds.",
                    **supported_kwargs(io.Boolean.Input, advanced=True),
                ),
                io.Combo.Input(
                    "weights",
                    options=[BY_VARIANT, *comfy_host.weight_files("mmaudio")],
                    default=BY_VARIANT,
                    tooltip="A file of your own in the mmaudio models folder, such as a fine-tuned network; "
                    "what it is, is told by its tensors.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
                precision_input(NETWORK_PRECISIONS),
                offload_input(),
                download_input(),
            ],
            outputs=[output(io.Audio, "audio", "The coarse audio, one sound for each take.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        variant: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        steps: int,
        cfg: float,
        fps: float,
        takes: int,
        mask_away_clip: bool,
        weights: str,
        precision: str,
        offload: bool,
        download: bool,
        video: Any = None,
        images: Any = None,
    ) -> io.NodeOutput:
        require_option("variant", variant, ENGINES)
        if video is not None and images is not None:
            raise InputError("Both video and images are connected; connect one of them.")
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        files = (
            {}
            if weights == BY_VARIANT
            else {variant.replace("mmaudio_", "mmaudio/"): comfy_host.weight_file("mmaudio", weights)}
        )
        engine = engines.generator(variant, comfy_host.execution(precision, offload, download, files))
        request = GenerationRequest(prompt, negative_prompt, seed, duration or None, steps, cfg)
        sight = sight_of(video, images, fps, mask_away_clip, progress)
        return io.NodeOutput(to_comfy(*engines.require_takes(engine, variant).takes(sight, request, takes, progress)))


def _summaries() -> str:
    return "\n".join(f"{info.name}: {info.summary}" for info in engines.PUBLISHED if info.name in ENGINES)

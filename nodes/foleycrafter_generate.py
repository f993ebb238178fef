"""DeepSoundFoleyCrafterGenerate: step 1 with FoleyCrafter, with everything it can be told."""

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

MOST_TAKES = 16
# What CLIP sees of the 150 frames: all as published, or every tenth as in the authors' demonstration.
CLIP_FRAMES = ("150", "15")


class FoleyCrafterGenerate(io.ComfyNode):
    """Sound for a video, or for images with a rate."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundFoleyCrafterGenerate",
            "FoleyCrafter Generate (DeepSound)",
            description="Step 1: FoleyCrafter makes 16 kHz sound for a video, timed by the onsets it sees. It may "
            "still hold voices; the next steps see to that. Needs the Python package diffusers.",
            search_aliases=["foley", "sound effects", "video to audio", "v2a", "FoleyCrafter", "Auffusion"],
            inputs=[
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="The video to make sound for; one longer than 10 s is done in windows.",
                ),
                io.Image.Input("images", optional=True, tooltip="Instead of a video: images with their fps."),
                *prompt_inputs(),
                io.Int.Input(
                    "steps",
                    default=25,
                    min=1,
                    max=500,
                    tooltip="Steps from noise to sound; 25 as published. More is slower, hardly better.",
                ),
                io.Float.Input(
                    "cfg",
                    default=7.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How strictly picture and words are followed; 7.5 as published. At 1 and below "
                    "the negative prompt plays no part.",
                ),
                io.Float.Input(
                    "temporal_scale",
                    default=0.2,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How strictly the times of seen onsets are followed; 0.2 as published, 0 not at all.",
                ),
                io.Float.Input(
                    "semantic_scale",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How much what the picture shows leads; 1 as published. With 0 the words alone "
                    "say what sounds.",
                ),
                io.Float.Input(
                    "fps", default=0.0, min=0.0, max=1000.0, step=0.001, tooltip="Frames per second of the images."
                ),
                io.Int.Input(
                    "takes",
                    default=1,
                    min=1,
                    max=MOST_TAKES,
                    tooltip="Several sounds as one batch, from seed, seed + 1, ...; the picture is encoded once.",
                ),
                io.Combo.Input(
                    "clip_frames",
                    options=list(CLIP_FRAMES),
                    default=CLIP_FRAMES[0],
                    tooltip="How many frames of each 10 s CLIP looks at: 150 as published; 15 is ten times "
                    "faster to encode, and a slightly different sound.",
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
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        steps: int,
        cfg: float,
        temporal_scale: float,
        semantic_scale: float,
        fps: float,
        takes: int,
        clip_frames: str,
        precision: str,
        offload: bool,
        download: bool,
        video: Any = None,
        images: Any = None,
    ) -> io.NodeOutput:
        from deepsound.generate.foleycrafter.request import Settings

        require_option("clip_frames", clip_frames, CLIP_FRAMES)
        if video is not None and images is not None:
            raise InputError("Both video and images are connected; connect one of them.")
        progress = comfy_host.progress(cls.hidden.unique_id)
        scene = sight_of(video, images, fps, False, progress).scene
        if scene is None:
            raise InputError("FoleyCrafter makes sound for what moves: connect a video, or several images with fps.")
        engine = engines.generator("foleycrafter", comfy_host.execution(precision, offload, download))
        engines.require_settings(engine, "foleycrafter").adjust(
            Settings(temporal_scale, semantic_scale, int(clip_frames))
        )
        request = GenerationRequest(prompt, negative_prompt, seed, duration or None, steps, cfg)
        return io.NodeOutput(
            to_comfy(*engines.require_takes(engine, "foleycrafter").takes(scene, request, takes, progress))
        )

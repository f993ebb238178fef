"""DeepSoundFoleyCrafterGenerate: step 1 with FoleyCrafter and all of its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import NETWORK_PRECISIONS
from deepsound.errors import InputError
from deepsound.runtime.execution import Precision

from . import comfy_host
from .convert import sight_of, to_comfy
from .listen import with_players
from .notes import notes_ui
from .requests import request_of, require_one_picture
from .schema import (
    fps_input,
    guidance_input,
    network_inputs,
    output,
    picture_inputs,
    prompt_inputs,
    require_option,
    schema,
    steps_input,
    supported_kwargs,
    takes_input,
)
from .span_lists import avoid_input, spans_to_avoid
from .values import check_values, refusal_of

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
            "still contain voices, which the next steps remove. Needs the Python package diffusers.",
            search_aliases=["sound effects", "video to audio", "v2a", "FoleyCrafter", "Auffusion"],
            inputs=[
                *picture_inputs(
                    "The video to make sound for; one longer than 10 s is done in windows.",
                    "Instead of a video: images with their fps.",
                ),
                *prompt_inputs(),
                steps_input(500),
                guidance_input(7.5, "At 1 and below"),
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
                fps_input("Frames per second of the images."),
                takes_input(),
                io.Combo.Input(
                    "clip_frames",
                    options=list(CLIP_FRAMES),
                    default=CLIP_FRAMES[0],
                    tooltip="How many frames of each 10 s CLIP encodes: 150 as published; 15 is ten times "
                    "faster to encode, and a slightly different sound.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
                *network_inputs(NETWORK_PRECISIONS),
                avoid_input(),
            ],
            outputs=[output(io.Audio, "audio", "The coarse audio, one sound for each take.")],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(
        cls,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        duration: float | None = None,
        cfg: float | None = None,
        temporal_scale: float | None = None,
        semantic_scale: float | None = None,
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
        temporal_scale: float,
        semantic_scale: float,
        fps: float,
        takes: int,
        clip_frames: str,
        precision: Precision,
        offload: bool,
        download: bool,
        video: Any = None,
        images: Any = None,
        avoid: str = "",
    ) -> io.NodeOutput:
        from deepsound.generate.foleycrafter.request import FoleyCrafterSettings

        require_option("clip_frames", clip_frames, CLIP_FRAMES)
        require_one_picture(video, images)
        check_values(cls, fps=fps, temporal_scale=temporal_scale, semantic_scale=semantic_scale)
        request = request_of(cls, prompt, negative_prompt, seed, duration, steps, cfg)
        progress = comfy_host.progress(cls.hidden.unique_id)
        scene = sight_of(video, images, fps, False, progress).scene
        if scene is None:
            raise InputError("FoleyCrafter makes sound for what moves: connect a video, or several images with fps.")
        request = replace(request, avoid=spans_to_avoid(avoid, duration or scene.duration_s))
        engine = engines.generator("foleycrafter", comfy_host.execution(precision, offload, download))
        engines.require_settings(engine, "foleycrafter").adjust(
            FoleyCrafterSettings(temporal_scale, semantic_scale, int(clip_frames))
        )
        sounds = engines.require_takes(engine, "foleycrafter").takes(scene, request, takes, progress)
        return io.NodeOutput(
            to_comfy(*sounds),
            ui=with_players(notes_ui(progress, engines.request_notes(engine, request)), cls.hidden, audio=sounds),
        )

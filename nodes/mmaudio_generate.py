"""DeepSoundMMAudioGenerate: step 1 with MMAudio and all of its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import NETWORK_PRECISIONS
from deepsound.generate.mmaudio.request import flow_weights_id
from deepsound.runtime.execution import Precision

from . import comfy_host, host_folders
from .convert import sight_of, to_comfy
from .listen import with_players
from .lora_inputs import NO_LORA, chosen_loras, lora_inputs
from .notes import notes_ui
from .requests import request_of, require_one_picture
from .schema import (
    compile_input,
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
    window_input,
)
from .span_lists import avoid_input, spans_to_avoid
from .values import check_values, refusal_of

ENGINES = tuple(info.name for info in engines.PUBLISHED if flow_weights_id(info.name))
BY_VARIANT = "by variant"


class MMAudioGenerate(io.ComfyNode):
    """Sound for a video, for images with a rate, for one picture, or for words alone."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundMMAudioGenerate",
            "MMAudio Generate (DeepSound)",
            description="Step 1: MMAudio makes sound for a video, for images, for one picture, or for words alone. It "
            "may still contain voices, which the next steps remove. The variant selva makes only the sound that the "
            "prompt names.",
            search_aliases=["sound effects", "video to audio", "v2a", "text to audio", "MMAudio", "SelVA"],
            inputs=[
                *picture_inputs(
                    "The video to make sound for. Without video and images the prompt alone leads.",
                    "Instead of a video: images with their fps, or one picture for a still scene.",
                ),
                io.Combo.Input(
                    "variant",
                    options=list(ENGINES),
                    default=ENGINES[0],
                    tooltip="Which published network makes the sound.\n" + _summaries(),
                ),
                *prompt_inputs("How long the sound is, in seconds; 0 means all of the video, or 8 s without one."),
                steps_input(1000),
                guidance_input(4.5, "Below 1"),
                fps_input("Frames per second of the images; needed for more than one image."),
                takes_input(),
                io.Boolean.Input(
                    "mask_away_clip",
                    default=False,
                    tooltip="Hide what the picture shows and keep its timing: only the words say what sounds.",
                    **supported_kwargs(io.Boolean.Input, advanced=True),
                ),
                io.Combo.Input(
                    "weights",
                    options=[BY_VARIANT, *host_folders.weight_files("mmaudio")],
                    default=BY_VARIANT,
                    tooltip="A file of your own in the mmaudio models folder, such as a fine-tuned network. "
                    "Its variant is detected from its tensors, not from its name.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
                *network_inputs(NETWORK_PRECISIONS),
                window_input(),
                avoid_input(),
                compile_input(),
                *lora_inputs(host_folders.weight_files("loras")),
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
        fps: float | None = None,
        window: float | None = None,
        lora_strength: float | None = None,
    ) -> bool | str:
        return refusal_of(**locals())

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
        precision: Precision,
        offload: bool,
        download: bool,
        video: Any = None,
        images: Any = None,
        window: float = -1.0,
        avoid: str = "",
        compile: bool = False,
        lora: str = NO_LORA,
        lora_strength: float = 1.0,
        more_loras: str = "",
    ) -> io.NodeOutput:
        from deepsound.generate.mmaudio.request import TRAINED_S

        require_option("variant", variant, ENGINES)
        require_one_picture(video, images)
        check_values(cls, fps=fps, window=window)
        request = request_of(cls, prompt, negative_prompt, seed, duration, steps, cfg, window)
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        files = (
            {} if weights == BY_VARIANT else {flow_weights_id(variant): host_folders.weight_file("mmaudio", weights)}
        )
        chosen = chosen_loras(lora, lora_strength, more_loras)
        loras = tuple((host_folders.weight_file("loras", name), strength) for name, strength in chosen)
        execution = replace(comfy_host.execution(precision, offload, download, files, compile), loras=loras)
        engine = engines.generator(variant, execution)
        sight = sight_of(video, images, fps, mask_away_clip, progress)
        length_s = duration or sight.scene_s or TRAINED_S
        request = replace(request, avoid=spans_to_avoid(avoid, length_s))
        sounds = engines.require_takes(engine, variant).takes(sight, request, takes, progress)
        return io.NodeOutput(
            to_comfy(*sounds),
            ui=with_players(notes_ui(progress, engines.request_notes(engine, request)), cls.hidden, audio=sounds),
        )


def _summaries() -> str:
    return "\n".join(f"{info.name}: {info.summary}" for info in engines.PUBLISHED if info.name in ENGINES)

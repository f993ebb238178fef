"""DeepSoundGenerateAudio: step 1, coarse audio for a video."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import NETWORK_PRECISIONS
from deepsound.prompt_presets import NO_PRESET, join_prompt
from deepsound.runtime.execution import Precision
from deepsound.runtime.progress import Progress

from . import comfy_host
from .convert import clip_of
from .host_folders import input_folder
from .listen import with_players
from .notes import notes_ui
from .prompt_preset import prompt_preset_input
from .requests import request_of, requests_of_takes
from .run_inputs import (
    BY_ENGINE,
    execution_inputs,
    generator_weights,
    optional_takes_input,
    sampling_inputs,
    weights_input,
)
from .schema import download_input, engine_input, output, prompt_inputs, schema, supported_kwargs, window_input
from .span_lists import avoid_input, spans_to_avoid
from .takes import batch_of, take_stage
from .values import check_values, refusal_of


class GenerateAudio(io.ComfyNode):
    """Makes sound that fits what moves in the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundGenerateAudio",
            "Generate Audio (DeepSound)",
            description="Step 1: makes sound for a video. It may still contain voices, which the next steps remove.",
            search_aliases=["sound effects", "video to audio", "v2a"],
            inputs=[
                io.Video.Input("video", tooltip="The video to make sound for; of a trimmed one, what is left."),
                engine_input("generator"),
                *prompt_inputs(),
                download_input(optional=True),
                optional_takes_input(),
                *sampling_inputs(),
                *execution_inputs(NETWORK_PRECISIONS),
                weights_input("weights", "mmaudio", "MMAudio"),
                avoid_input(),
                io.String.Input(
                    "sounds",
                    default="",
                    optional=True,
                    tooltip="For the engine draft: a folder of WAV and FLAC files in ComfyUI's input folder. The names "
                    "of its folders, or the tags of its sounds.csv, are words that play them.",
                    **supported_kwargs(io.String.Input, advanced=True),
                ),
                window_input(),
                prompt_preset_input(),
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
        window: float | None = None,
    ) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        video: Any,
        engine: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        download: bool = False,
        takes: int = 1,
        steps: int = 0,
        cfg: float = 0.0,
        precision: Precision = "auto",
        offload: bool = False,
        weights: str = BY_ENGINE,
        avoid: str = "",
        sounds: str = "",
        window: float = -1.0,
        prompt_preset: str = NO_PRESET,
    ) -> io.NodeOutput:
        prompt = join_prompt(prompt_preset, prompt)
        request = request_of(cls, prompt, negative_prompt, seed, duration, steps or None, cfg or None, window)
        check_values(cls, takes=takes, window=window)
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        files = generator_weights(engine, weights, progress)
        generator = engines.generator(engine, comfy_host.execution(precision, offload, download, files))
        _use_sounds(generator, engine, sounds, progress)
        clip, made_sounds = clip_of(video, progress), []
        request = replace(request, avoid=spans_to_avoid(avoid, duration or clip.duration_s))
        if request.avoid:
            engines.require_avoiding(generator, engine)
        for note in engines.request_notes(generator, request):
            progress.note(note)
        for take, own in enumerate(requests_of_takes(request, takes)):
            made = generator.generate(clip, own, take_stage(progress, take, takes))
            made_sounds.append(engines.require_sound(made, engine))
        batch = batch_of(made_sounds, progress)
        return io.NodeOutput(batch, ui=with_players(notes_ui(progress), cls.hidden, audio=made_sounds))


def _use_sounds(generator: engines.Generator, engine: str, folder: str, progress: Progress) -> None:
    """Give `draft` a folder of the user's own sounds; another engine says that it does not use them."""
    if not folder.strip():
        return
    if engine != "draft":
        progress.note(f"{engine} does not use the folder of sounds; draft does.")
        return
    from deepsound.generate.draft.user_sounds import DraftSettings

    engines.require_settings(generator, engine).adjust(DraftSettings(str(input_folder(folder))))

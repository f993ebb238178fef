"""DeepSoundGenerateAudio: step 1, coarse audio for a video."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines

from . import comfy_host
from .convert import clip_of, to_comfy
from .notes import notes_ui
from .requests import RequestNode, request_of
from .schema import download_input, engine_input, output, prompt_inputs, schema


class GenerateAudio(RequestNode, io.ComfyNode):
    """Makes sound that fits what moves in the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundGenerateAudio",
            "Generate Audio (DeepSound)",
            description="Step 1: makes sound for a video. It may still hold voices; the next steps see to that.",
            search_aliases=["sound effects", "video to audio", "v2a"],
            inputs=[
                io.Video.Input("video", tooltip="The video to make sound for; of a trimmed one, what is left."),
                engine_input("generator"),
                *prompt_inputs(),
                download_input(optional=True),
            ],
            outputs=[output(io.Audio, "audio", "The coarse audio.")],
            hidden=[io.Hidden.unique_id],
        )

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
    ) -> io.NodeOutput:
        request = request_of(cls, prompt, negative_prompt, seed, duration)
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        generator = engines.generator(engine, comfy_host.execution(download=download))
        for note in engines.request_notes(generator, request):
            progress.note(note)
        audio = generator.generate(clip_of(video, progress), request, progress)
        return io.NodeOutput(to_comfy(engines.require_sound(audio, engine)), ui=notes_ui(progress))

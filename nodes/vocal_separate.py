"""DeepSoundVocalSeparate: step 3, separates voice and background."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines

from . import comfy_host
from .convert import audios_of, silence_like, to_comfy
from .notes import notes_ui
from .schema import download_input, engine_input, output, schema


class VocalSeparate(io.ComfyNode):
    """Splits a sound into voice and everything else; a batch item by item."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVocalSeparate",
            "Vocal Separate (DeepSound)",
            description="Step 3: takes the voice out of a sound. Background and voice add up to the sound again.",
            search_aliases=["voice removal", "vocal remover", "stems", "source separation"],
            inputs=[
                io.Audio.Input("audio", tooltip="The sound to split; a batch is split one by one."),
                engine_input("separator"),
                io.Boolean.Input(
                    "enabled",
                    default=True,
                    tooltip="Off: the sound passes unchanged, the voice is silence, nothing is loaded.",
                ),
                download_input(optional=True),
            ],
            outputs=[
                output(io.Audio, "background", "The sound without the voice."),
                output(io.Audio, "voice", "The voice alone."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, audio: Any, engine: str, enabled: bool, download: bool = False) -> io.NodeOutput:
        sounds = audios_of(audio)
        if not enabled:
            return io.NodeOutput(to_comfy(*sounds), to_comfy(*map(silence_like, sounds)))
        progress = comfy_host.progress(cls.hidden.unique_id, "separate")
        separator = engines.separator(engine, comfy_host.execution(download=download))
        stems = [engines.check_stems(sound, separator.separate(sound, progress), engine) for sound in sounds]
        background, voice = to_comfy(*(stem.background for stem in stems)), to_comfy(*(stem.voice for stem in stems))
        return io.NodeOutput(background, voice, ui=notes_ui(progress))

"""DeepSoundVocalSeparate: step 3, separates voice and background."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.types import Stems

from . import comfy_host
from .convert import silence_like
from .notes import notes_ui
from .schema import download_input, engine_input, output, schema
from .takes import Takes, at, for_each_take, take_stage


class VocalSeparate(io.ComfyNode):
    """Splits a sound into voice and everything else; takes one by one."""

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
                    tooltip="Off: the sound passes unchanged, the voice is silence, nothing is loaded. Step 2's "
                    "verdict can be wired in: then each take is split only where its own is yes.",
                ),
                download_input(optional=True),
            ],
            outputs=[
                output(io.Audio, "background", "The sound without the voice.", per_take=True),
                output(io.Audio, "voice", "The voice alone.", per_take=True),
            ],
            hidden=[io.Hidden.unique_id],
            is_input_list=True,
        )

    @classmethod
    def execute(cls, audio: Any, engine: Any, enabled: Any, download: Any = False) -> io.NodeOutput:
        takes = Takes(audio)
        wanted = for_each_take(enabled, len(takes), "enabled")
        progress = comfy_host.progress(cls.hidden.unique_id, "separate")
        separators: dict[Any, engines.Separator] = {}
        stems = []
        for take, (sound, on) in enumerate(zip(takes.sounds, wanted, strict=True)):
            if not on:
                stems.append(Stems(silence_like(sound), sound))
                continue
            element = takes.element(take)
            chosen = (at(engine, element), at(download, element))
            if chosen not in separators:
                separators[chosen] = engines.separator(chosen[0], comfy_host.execution(download=chosen[1]))
            made = separators[chosen].separate(sound, take_stage(progress, take, len(takes)))
            stems.append(engines.check_stems(sound, made, chosen[0]))
        return io.NodeOutput(
            takes.like_input([parts.background for parts in stems]),
            takes.like_input([parts.voice for parts in stems]),
            ui=notes_ui(progress),
        )

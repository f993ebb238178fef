"""DeepSoundSilenceFallback: step 4, the choice of the final sound by lazy inputs."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound.errors import InputError
from deepsound.fallback import FALLBACKS, NEG_PROMPT, fallback_mode, final_sound
from deepsound.silence import measure_residue
from deepsound.types import Audio

from . import comfy_host
from .convert import audio_of, silence_like, to_comfy
from .schema import option_input, output, schema


class SilenceFallback(io.ComfyNode):
    """Chooses between the coarse audio, the background and, where that is silent, the fallback."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundSilenceFallback",
            "Silence Fallback (DeepSound)",
            description="Step 4: no voice-over keeps the coarse audio; else the background is final, unless nothing "
            "audible is left of it. Branches that are not needed never run.",
            search_aliases=["silence detection", "fallback", "switch audio"],
            inputs=[
                io.Boolean.Input("voice_over", force_input=True, tooltip="The verdict of step 2."),
                option_input("mode", FALLBACKS, "When the background is silent."),
                io.Audio.Input("coarse", tooltip="The sound of step 1."),
                io.Audio.Input(
                    "background", lazy=True, tooltip="The sound of step 3; made only when there is voice-over."
                ),
                io.Audio.Input(
                    "regenerated",
                    lazy=True,
                    optional=True,
                    tooltip="For neg: a second Generate Audio with the negative prompt 'human voice'; made "
                    "only when the background is silent.",
                ),
            ],
            outputs=[
                output(io.Audio, "audio", "The final sound."),
                output(io.Boolean, "is_silent", "True when the background was measured and is silent."),
                output(io.String, "chosen", "coarse, background, regenerated or removed."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
        )

    @classmethod
    def check_lazy_status(
        cls,
        voice_over: bool,
        mode: str,
        coarse: Any = None,
        background: Any = None,
        regenerated: Any = None,
    ) -> list[str]:
        if not voice_over:
            return []
        if background is None:
            return ["background"]
        may_need_it = fallback_mode(mode, "mode").regenerates and regenerated is None
        if not may_need_it or not cls._is_linked("regenerated"):
            return []
        left = audio_of(background, "background")
        mix = left if coarse is None else audio_of(coarse, "coarse")
        return ["regenerated"] if cls._is_silent(mix, left) else []

    @classmethod
    def execute(
        cls,
        voice_over: bool,
        mode: str,
        coarse: Any,
        background: Any = None,
        regenerated: Any = None,
    ) -> io.NodeOutput:
        fallback_mode(mode, "mode")
        first = audio_of(coarse, "coarse")
        if not voice_over:
            return io.NodeOutput(to_comfy(first), False, "coarse")
        left = audio_of(background, "background")
        silent = cls._is_silent(first, left)

        def regenerate() -> Audio:
            if regenerated is None:
                raise InputError(
                    f"mode {mode!r} needs a sound at 'regenerated', and nothing is connected: connect a second "
                    f"Generate Audio with the negative prompt '{NEG_PROMPT}', or choose rep or rm."
                )
            return audio_of(regenerated, "regenerated")

        final = final_sound(first, left, silent, mode, regenerate)
        if silent and final.source == "coarse":
            comfy_host.show_text(f"nothing audible is left: {mode} keeps the voice", cls.hidden.unique_id)
        return io.NodeOutput(to_comfy(final.audio or silence_like(first)), silent, final.source)

    @classmethod
    def _is_silent(cls, coarse: Audio, background: Audio) -> bool:
        progress = comfy_host.progress(cls.hidden.unique_id, "measure")
        return measure_residue(coarse, background, progress=progress).is_silent

    @classmethod
    def _is_linked(cls, input_id: str) -> bool:
        """Whether anything is connected: the values alone cannot tell, an unlinked input is None like a waiting one."""
        node = cls.hidden.dynprompt.get_node(cls.hidden.unique_id)
        return isinstance(node["inputs"].get(input_id), list)

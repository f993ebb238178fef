"""DeepSoundVoiceOverCoT: step 2, does this sound contain a voice that nobody in the picture makes?"""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.types import Verdict

from . import host
from .convert import audio_of, clip_of
from .schema import engine_input, output, schema


class VoiceOverCoT(io.ComfyNode):
    """Judges video and sound together, and gives its reasons."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVoiceOverCoT", "Voice-over Chain of Thought (DeepSound)",
            description="Step 2: looks and listens, and decides whether the sound contains voice-over: a human voice "
                        "that nobody in the picture makes. When it cannot decide, the answer counts as no.",
            search_aliases=["voice over detection", "voice activity", "off-screen voice", "reasoning"],
            inputs=[
                io.Video.Input("video", tooltip="The picture the sound belongs to."),
                io.Audio.Input("audio", tooltip="The sound to judge."),
                engine_input("reasoner"),
            ],
            outputs=[
                output(io.Boolean, "voice_over", "True when the sound contains voice-over."),
                output(io.String, "verdict", "yes, no or undecided."),
                output(io.String, "category",
                       "Yes: a voice but nobody seen; No1: neither; No2: both; No3: someone seen but no voice."),
                output(io.String, "reasoning", "Summary, caption, reasoning and conclusion, as tagged text."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, video: Any, audio: Any, engine: str) -> io.NodeOutput:
        progress = host.progress(cls.hidden.unique_id)
        reasoner = engines.reasoner(engine, host.execution())
        judgement = reasoner.judge(clip_of(video, progress), audio_of(audio), progress)
        verdict, reasoning = judgement.verdict, judgement.thought.tagged()
        host.show_text(f"verdict: {verdict.value}", cls.hidden.unique_id)
        shown = {"verdict": verdict.value, "category": judgement.category, "reasoning": reasoning}
        return io.NodeOutput(verdict is Verdict.YES, verdict.value, judgement.category, reasoning,
                             ui={"deepsound": [shown]})

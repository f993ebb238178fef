"""DeepSoundVoiceOverCoT: step 2, judges whether a sound contains voice-over."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import REASONER_PRECISIONS, UNDECIDED, option
from deepsound.runtime.execution import Precision
from deepsound.types import Preferences, Verdict

from . import comfy_host, judgement_view
from .convert import audio_of, clip_of
from .notes import notes_of
from .schema import (
    engine_input,
    network_inputs,
    option_input,
    output,
    schema,
    supported_kwargs,
)


class VoiceOverCoT(io.ComfyNode):
    """Judges video and sound together, and gives its reasons."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVoiceOverCoT",
            "Voice-over Chain of Thought (DeepSound)",
            description="Step 2: looks and listens, and decides whether the sound contains voice-over: a human voice "
            "that nobody in the picture makes.",
            search_aliases=[
                "voice over detection",
                "voice-over",
                "voice activity",
                "off-screen voice",
                "narration",
                "speech detection",
                "reasoning",
                "chain of thought",
                "judge",
            ],
            inputs=[
                io.Video.Input("video", tooltip="The picture the sound belongs to."),
                io.Audio.Input("audio", tooltip="The sound to judge."),
                engine_input("reasoner"),
                option_input("undecided", UNDECIDED, "What an answer that cannot be read counts as."),
                io.Boolean.Input(
                    "whole_trace",
                    default=True,
                    tooltip="Off: a model stops writing once its verdict is there, which is quicker.",
                ),
                io.Boolean.Input(
                    "published_parser",
                    default=False,
                    tooltip="Read the model's answer by the original's own rule, for comparison.",
                    **supported_kwargs(io.Boolean.Input, advanced=True),
                ),
                *network_inputs(REASONER_PRECISIONS),
            ],
            outputs=[
                output(io.Boolean, "voice_over", "True when the sound counts as voice-over."),
                output(io.String, "verdict", "yes, no or undecided."),
                output(
                    io.String,
                    "category",
                    "Yes: a voice but nobody seen; No1: neither; No2: both; No3: someone seen but no voice.",
                ),
                output(io.String, "reasoning", "Summary, caption, reasoning and conclusion, as tagged text."),
                output(io.String, "summary", "How the question is gone about."),
                output(io.String, "caption", "What is seen and heard."),
                output(io.String, "inference", "What follows from it."),
                output(io.String, "conclusion", "The answer."),
                output(io.String, "raw", "What the model wrote, untouched."),
            ],
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        audio: Any,
        engine: str,
        undecided: str,
        whole_trace: bool,
        published_parser: bool,
        precision: Precision,
        offload: bool,
        download: bool,
    ) -> io.NodeOutput:
        option("undecided", undecided, UNDECIDED)
        progress = comfy_host.progress(cls.hidden.unique_id, "judge", in_panel=True)
        preferences = Preferences(trace=whole_trace, published_parser=published_parser)
        reasoner = engines.reasoner(engine, comfy_host.execution(precision, offload, download), preferences)
        sound = audio_of(audio)
        judgement = reasoner.judge(clip_of(video, progress), sound, progress)
        verdict, thought = judgement.verdict, judgement.thought
        is_voice_over = (undecided == "yes") if verdict is Verdict.UNDECIDED else verdict is Verdict.YES
        taken_as = f" (taken as {undecided})" if verdict is Verdict.UNDECIDED else ""
        shown = judgement_view.shown(judgement, undecided, sound, progress)
        comfy_host.show_text(f"verdict: {verdict.value}{taken_as}", cls.hidden.unique_id)
        return io.NodeOutput(
            is_voice_over,
            verdict.value,
            judgement.category,
            thought.tagged(),
            thought.summary,
            thought.caption,
            thought.reasoning,
            thought.conclusion,
            judgement.raw,
            ui={"deepsound": [{**shown, "notes": notes_of(progress)}]},
        )

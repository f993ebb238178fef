"""DeepSoundVoiceOverCoT: step 2, judges whether a sound contains voice-over."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import REASONER_PRECISIONS, UNDECIDED, option
from deepsound.repair.plan import plan_segments, resolve_undecided
from deepsound.runtime.execution import Precision
from deepsound.types import Judgement, Preferences, Verdict

from . import comfy_host, judgement_view
from .convert import audios_of, clip_of
from .notes import run_summary
from .schema import (
    engine_input,
    network_inputs,
    option_input,
    output,
    schema,
    supported_kwargs,
)
from .span_lists import segment_rows, segments_json, segments_output
from .takes import take_stage


class VoiceOverCoT(io.ComfyNode):
    """Judges video and sound together, and gives its reasons."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVoiceOverCoT",
            "Voice-over Chain of Thought (DeepSound)",
            description="Step 2: looks and listens, and decides whether the sound contains voice-over: a human voice "
            "that nobody in the picture makes. A batch of takes is judged take by take.",
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
                io.Audio.Input("audio", tooltip="The sound to judge; each take of a batch gets a verdict of its own."),
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
                output(io.Boolean, "voice_over", "True when the sound counts as voice-over.", per_take=True),
                output(io.String, "verdict", "yes, no or undecided.", per_take=True),
                output(
                    io.String,
                    "category",
                    "Yes: a voice but nobody seen; No1: neither; No2: both; No3: someone seen but no voice.",
                    per_take=True,
                ),
                output(
                    io.String, "reasoning", "Summary, caption, reasoning and conclusion, as tagged text.", per_take=True
                ),
                output(io.String, "summary", "How the question is gone about.", per_take=True),
                output(io.String, "caption", "What is seen and heard.", per_take=True),
                output(io.String, "inference", "What follows from it.", per_take=True),
                output(io.String, "conclusion", "The answer.", per_take=True),
                output(io.String, "raw", "What the model wrote, untouched.", per_take=True),
                segments_output(per_take=True),
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
        sounds, clip = audios_of(audio), clip_of(video, progress)
        judgements, panels, lists = [], [], []
        judge_spans = engines.span_verdicts(reasoner)
        for take, sound in enumerate(sounds):
            stage = take_stage(progress, take, len(sounds))
            judgements.append(reasoner.judge(clip, sound, stage))
            verdict = judgements[-1].counts_as_voice_over(undecided)
            segments = resolve_undecided(
                plan_segments(sound, judgements[-1], verdict, judge_spans, stage), undecided == "yes"
            )
            lists.append(segments_json(segments))
            panel = judgement_view.judgement_json(judgements[-1], undecided, sound, stage)
            panels.append({**panel, "segments": segment_rows(segments)})
        comfy_host.show_text("\n".join(_lines(judgements, undecided)), cls.hidden.unique_id)
        panels[0].update(run_summary(progress))
        return io.NodeOutput(*_columns(judgements, undecided), lists, ui={"deepsound": panels})


def _columns(judgements: list[Judgement], undecided: str) -> list[list[Any]]:
    """The outputs, each with one value for each take."""
    rows = [
        (
            judgement.counts_as_voice_over(undecided),
            judgement.verdict.value,
            judgement.category,
            judgement.thought.tagged(),
            judgement.thought.summary,
            judgement.thought.caption,
            judgement.thought.reasoning,
            judgement.thought.conclusion,
            judgement.raw,
        )
        for judgement in judgements
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _lines(judgements: list[Judgement], undecided: str) -> list[str]:
    """The verdicts in words, one line for each take."""
    lines = []
    for take, judgement in enumerate(judgements):
        taken_as = f" (taken as {undecided})" if judgement.verdict is Verdict.UNDECIDED else ""
        which = f"take {take + 1}: " if len(judgements) > 1 else ""
        lines.append(f"{which}verdict: {judgement.verdict.value}{taken_as}")
    return lines

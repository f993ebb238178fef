"""DeepSoundVoiceOverCoT: step 2, judges whether a sound contains voice-over."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import REASONER_PRECISIONS, UNDECIDED, VOICE_DECISIONS, option
from deepsound.reason.decided import JUDGED, DecidedReasoner
from deepsound.repair.plan import SpanVerdicts, parse_user_segments, plan_segments, resolve_undecided
from deepsound.repair.render import treated_spans
from deepsound.runtime.execution import Precision
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment
from deepsound.types import Audio, Judgement, Preferences, Verdict

from . import comfy_host, judgement_view
from .compare import content_key
from .convert import audios_of, clip_of
from .image_video import as_video, image_rate_input, picture_input
from .notes import run_summary
from .run_inputs import voice_decision_input
from .schema import (
    engine_input,
    network_inputs,
    option_input,
    output,
    schema,
    supported_kwargs,
)
from .span_lists import segments_input, segments_json, segments_output, segments_view
from .takes import take_stage
from .values import check_values, refusal_of

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

# The last judgements: whoever draws other spans does not wait for the same one again.
_JUDGEMENTS: OrderedDict[str, Judgement] = OrderedDict()
_MOST_KNOWN = 32


class VoiceOverCoT(io.ComfyNode):
    """Judges video and sound together, and gives its reasons."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVoiceOverCoT",
            "Voice-over Chain of Thought (DeepSound)",
            description="Step 2: judges from picture and sound whether there is voice-over: a human voice "
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
                picture_input("The picture the sound belongs to."),
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
                segments_input("Spans to repair in place of those that are found; the panel's waveform sets them."),
                voice_decision_input(),
                image_rate_input(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None) -> bool | str:
        return refusal_of(**locals())

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
        spans: str = "",
        voice_decision: str = JUDGED,
        fps: float = 0.0,
    ) -> io.NodeOutput:
        option("undecided", undecided, UNDECIDED)
        option("voice_decision", voice_decision, VOICE_DECISIONS)
        check_values(cls, fps=fps)
        progress = comfy_host.progress(cls.hidden.unique_id, "judge", in_panel=True)
        preferences = Preferences(trace=whole_trace, published_parser=published_parser)
        reasoner = engines.reasoner(engine, comfy_host.execution(precision, offload, download), preferences)
        reasoner = _decided(reasoner, voice_decision, spans, progress)
        spans = "[]" if voice_decision == "never" else spans
        video = as_video(video, fps, progress)
        sounds, clip = audios_of(audio), clip_of(video, progress)
        given = [parse_user_segments(spans, sound.duration_s) for sound in sounds]
        how = (engine, preferences, precision, offload, voice_decision)
        judged: list[_TakeVerdict] = []
        panels: list[dict[str, Any]] = []
        for take, (sound, own) in enumerate(zip(sounds, given, strict=True)):
            stage = take_stage(progress, take, len(sounds))
            judgement = _judgement(reasoner, clip, sound, how, own is not None, stage)
            judged.append(_take_verdict(judgement, own, sound, undecided, engines.span_verdicts(reasoner), stage))
            panel = judgement_view.judgement_json(judgement, undecided, sound, stage)
            panels.append({**panel, **segments_view(judged[-1].segments)})
        comfy_host.show_text("\n".join(_lines([each.judgement for each in judged], undecided)), cls.hidden.unique_id)
        panels[0].update(run_summary(progress))
        return io.NodeOutput(*_columns(judged), ui={"deepsound": panels})


def _decided(reasoner: engines.Reasoner, decision: str, spans: str, progress: Progress) -> engines.Reasoner:
    """The reasoner, or its stand-in where the person decides, which is noted."""
    if decision == JUDGED:
        return reasoner
    progress.note(f"The voice decision is {decision!r}: no judge is asked.")
    if decision == "never" and spans.strip():
        progress.note("The span list is not used: the voice decision 'never' keeps the sound as it is.")
    return DecidedReasoner(reasoner, decision)


class _TakeVerdict(NamedTuple):
    """The judgement on one take, whether anything of it is to be repaired, and where."""

    judgement: Judgement
    voice_over: bool
    segments: tuple[Segment, ...]


def _judgement(
    reasoner: engines.Reasoner, clip: Clip, sound: Audio, how: tuple[Any, ...], may_be_known: bool, progress: Progress
) -> Judgement:
    """The reasoner's judgement; where it `may_be_known`, that of an earlier run on the same clip and sound."""
    key = content_key({"": sound}, clip, *how)
    known = _JUDGEMENTS.pop(key, None) if may_be_known else None
    _JUDGEMENTS[key] = known or reasoner.judge(clip, sound, progress)
    while len(_JUDGEMENTS) > _MOST_KNOWN:
        _JUDGEMENTS.popitem(last=False)
    return _JUDGEMENTS[key]


def _take_verdict(
    judgement: Judgement,
    given: tuple[Segment, ...] | None,
    sound: Audio,
    undecided: str,
    span_verdicts: SpanVerdicts | None,
    progress: Progress,
) -> _TakeVerdict:
    """A judgement with its segments: a person's, who then has the say on whether there is anything to repair."""
    verdict = judgement.counts_as_voice_over(undecided)
    if given is not None:
        segments = resolve_undecided(given, undecided == "yes")
        return _TakeVerdict(judgement, bool(treated_spans(segments)), segments)
    found = plan_segments(sound, judgement, verdict, span_verdicts, progress)
    return _TakeVerdict(judgement, verdict, resolve_undecided(found, undecided == "yes"))


def _columns(judged: list[_TakeVerdict]) -> list[list[Any]]:
    """The outputs, each with one value for each take."""
    rows = [
        (
            each.voice_over,
            each.judgement.verdict.value,
            each.judgement.category,
            each.judgement.thought.tagged(),
            each.judgement.thought.summary,
            each.judgement.thought.caption,
            each.judgement.thought.reasoning,
            each.judgement.thought.conclusion,
            each.judgement.raw,
            segments_json(each.segments),
            _details(each.judgement),
        )
        for each in judged
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _details(judgement: Judgement) -> str:
    """Everything of a judgement but its spans, as JSON."""
    thought = judgement.thought
    return json.dumps(
        {
            "verdict": judgement.verdict.value,
            "category": judgement.category,
            "summary": thought.summary,
            "caption": thought.caption,
            "inference": thought.reasoning,
            "conclusion": thought.conclusion,
            "raw": judgement.raw,
        },
        ensure_ascii=False,
        indent=1,
    )


def _lines(judgements: list[Judgement], undecided: str) -> list[str]:
    """The verdicts in words, one line for each take."""
    lines = []
    for take, judgement in enumerate(judgements):
        taken_as = f" (taken as {undecided})" if judgement.verdict is Verdict.UNDECIDED else ""
        which = f"take {take + 1}: " if len(judgements) > 1 else ""
        lines.append(f"{which}verdict: {judgement.verdict.value}{taken_as}")
    return lines


def _outputs() -> list[io.Output]:
    return [
        output(
            io.Boolean,
            "voice_over",
            "True when the sound counts as voice-over; with spans given, when any is to be repaired.",
            per_take=True,
        ),
        output(io.String, "verdict", "yes, no or undecided.", per_take=True),
        output(
            io.String,
            "category",
            "Yes: a voice that nobody seen speaks; No1: neither; No2: both; No3: someone seen but no voice.",
            per_take=True,
        ),
        output(io.String, "reasoning", "Summary, caption, reasoning and conclusion, as tagged text.", per_take=True),
        output(io.String, "summary", "How the question is approached.", per_take=True),
        output(io.String, "caption", "What is seen and heard.", per_take=True),
        output(io.String, "inference", "What follows from it.", per_take=True),
        output(io.String, "conclusion", "The answer.", per_take=True),
        output(io.String, "raw", "The model's answer, unchanged.", per_take=True),
        segments_output(per_take=True),
        output(
            io.String,
            "details",
            "All of these but voice_over, reasoning and segments in one JSON; the single ones are for graphs that use "
            "them.",
            per_take=True,
        ),
    ]

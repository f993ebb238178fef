"""DeepSoundScore: quality measures of one sound, with or without video and reference."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import comfy_host
from .convert import audio_of, clip_of
from .notes import notes_ui
from .schema import download_input, offload_input, output, schema, seconds_input
from .values import check_values, refusal_of


class ScoreNode(io.ComfyNode):
    """Measures one sound: against its picture, against one reference, its voice and its loudness."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundScore",
            "Score (DeepSound)",
            description="Measures a sound: whether it fits the picture in meaning (IB) and in time (DeSync, AV-Align), "
            "how much of it is a human voice, how loud it is. What cannot be measured is named, and what it takes.",
            search_aliases=[
                "evaluate",
                "metrics",
                "quality",
                "sync",
                "ImageBind",
                "DeSync",
                "AV-Align",
                "loudness",
                "voice rate",
            ],
            inputs=[
                io.Audio.Input("audio", tooltip="The sound to measure."),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="The picture it belongs to, for IB, DeSync, AV-Align and ImpactSync. May stay unconnected.",
                ),
                io.Audio.Input(
                    "reference",
                    optional=True,
                    tooltip="The sound it should resemble, such as the original one, for KL. May stay unconnected.",
                ),
                seconds_input(
                    "duration",
                    "How many seconds from the start are analysed, except for voice and loudness; 0 means 8 s, as "
                    "in published tables, or less where sound or picture end before.",
                ),
                offload_input(),
                download_input(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, duration: float | None = None) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        audio: Any,
        duration: float,
        offload: bool,
        download: bool,
        video: Any = None,
        reference: Any = None,
    ) -> io.NodeOutput:
        from deepsound.evaluate.single import score_clip

        check_values(cls, duration=duration)
        progress = comfy_host.progress(cls.hidden.unique_id)
        clip = clip_of(video, progress) if video is not None else None
        other = audio_of(reference, "reference") if reference is not None else None
        found = score_clip(
            audio_of(audio), clip, other, comfy_host.execution("fp32", offload, download), progress, duration or None
        )
        text = "\n".join(found.lines())
        comfy_host.show_text(text, cls.hidden.unique_id)
        levels, voice = found.levels, found.voice
        loudness = levels.loudness if levels is not None else None
        return io.NodeOutput(
            text,
            found.scores.get("IB"),
            found.scores.get("DeSync"),
            voice.rate if voice else None,
            loudness.integrated_lufs if loudness else None,
            loudness.true_peak_dbtp if loudness else None,
            levels.silence_ratio if levels else None,
            found.scores.get("KL_PANNs"),
            voice.has_voice if voice else None,
            found.scores.get("AV-Align"),
            found.scores.get("ImpactSync"),
            ui={"text": [text], **notes_ui(progress, text=text)},
        )


def _outputs() -> list[io.Output]:
    return [
        output(io.String, "text", "All of it, to read or to show, with what is missing and why."),
        output(
            io.Float,
            "ib",
            "ImageBind's likeness of picture and sound, times 100; higher is better. None "
            "where it is missing, as for all numbers here.",
        ),
        output(io.Float, "desync", "How far sound and picture are apart, in seconds; lower is better."),
        output(io.Float, "voice_rate", "The share of the time with a human voice, 0 to 1."),
        output(io.Float, "lufs", "Integrated loudness in LUFS."),
        output(io.Float, "true_peak", "True peak in dBTP."),
        output(io.Float, "silence", "The silent share of the frames, 0 to 1."),
        output(
            io.Float, "kl", "PANNs: divergence of the sound classes from the reference's, in nats; lower is better."
        ),
        output(io.Boolean, "has_voice", "True when a human voice is detected anywhere."),
        output(
            io.Float,
            "av_align",
            "AV-Align as published: onsets of the sound against peaks of the optical flow, higher is better. "
            "Needs no download.",
        ),
        output(
            io.Float,
            "impact_sync",
            "The same with floors and one match per peak, 0 to 1: strong onsets paired with visible impacts; "
            "what takes are ranked by. Needs no download.",
        ),
    ]

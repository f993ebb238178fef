"""DeepSoundRegenerateSpan: makes spans of a sound anew and leaves the rest as it is."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.repair.plan import parse_user_segments, resolve_undecided
from deepsound.repair.regenerate import regenerate_segments
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment
from deepsound.types import Audio

from . import comfy_host
from .convert import audio_of, clip_of, to_comfy
from .listen import with_players
from .requests import RequestNode, request_of
from .schema import download_input, engine_input, output, prompt_inputs, schema
from .span_lists import segments_input, segments_json, segments_output, spans_ui


class RegenerateSpan(RequestNode, io.ComfyNode):
    """Audio inpainting: the spans are new, everything else is bit for bit the sound that came in."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundRegenerateSpan",
            "Regenerate Span (DeepSound)",
            description="Makes stretches of a sound anew and leaves the rest bit for bit as it is. MMAudio continues "
            "what is around a stretch; other generators make one of their own that is faded in.",
            search_aliases=["inpaint audio", "audio inpainting", "replace part of sound", "fix audio", "retake"],
            inputs=[
                io.Video.Input("video", tooltip="The picture the sound belongs to."),
                io.Audio.Input("audio", tooltip="The sound to make a part of anew."),
                segments_input(
                    "Which stretches are made anew; words behind a colon are the prompt of that one.", optional=False
                ),
                engine_input("generator", "engine"),
                *prompt_inputs("Of how much of the video the sound is, in seconds from its start; 0 means all of it."),
                io.Boolean.Input(
                    "hide_picture",
                    default=False,
                    optional=True,
                    tooltip="On: within the stretches the picture does not lead, so that a speaker who is seen brings "
                    "no voice (the fallback mask).",
                ),
                download_input(optional=True),
            ],
            outputs=[output(io.Audio, "regenerated", "The sound with its new stretches."), segments_output()],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        audio: Any,
        spans: str,
        engine: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        hide_picture: bool = False,
        download: bool = False,
    ) -> io.NodeOutput:
        sound = audio_of(audio)
        segments = parse_user_segments(spans, sound.duration_s)
        request = request_of(cls, prompt, negative_prompt, seed, duration)
        progress = comfy_host.progress(cls.hidden.unique_id, "generate")
        if not segments:
            progress.note(
                "spans is empty, so that the sound passes unchanged: drag over the waveform, or write 1.2-3.4."
            )
            return io.NodeOutput(to_comfy(sound), segments_json(()), ui=_ui(cls.hidden, sound, (), progress))
        segments = resolve_undecided(segments, False)
        generator = engines.generator(engine, comfy_host.execution(download=download))
        for note in engines.request_notes(generator, request):
            progress.note(note)
        made = regenerate_segments(
            generator, engine, clip_of(video, progress), sound, segments, request, hide_picture, progress
        )
        return io.NodeOutput(to_comfy(made), segments_json(segments), ui=_ui(cls.hidden, made, segments, progress))


def _ui(hidden: Any, made: Audio, segments: tuple[Segment, ...], progress: Progress) -> dict[str, Any]:
    return with_players(spans_ui([made], [segments], (), progress), hidden, audio=[made])

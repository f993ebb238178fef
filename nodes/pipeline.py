"""DeepSoundPipeline: all steps in one node."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import pipeline
from deepsound.choices import MODES
from deepsound.fallback import FALLBACKS

from . import comfy_host, judgement_view
from .convert import clip_of, silence_like, to_comfy
from .notes import notes_of
from .requests import RequestNode, request_of
from .schema import download_input, engine_input, option_input, output, prompt_inputs, schema


class PipelineNode(RequestNode, io.ComfyNode):
    """Generates, judges, removes and falls back; the steps not needed are not taken."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundPipeline",
            "DeepSound Pipeline",
            description="All steps in one: makes sound, decides whether it contains voice-over, removes the voice, and "
            "falls back when nothing audible is left.",
            search_aliases=[
                "foley",
                "sound effects",
                "sfx",
                "video to audio",
                "v2a",
                "voice removal",
                "add sound to video",
                "all in one",
                "DeepSound-V1",
            ],
            inputs=[
                io.Video.Input("video", tooltip="The video that gets its sound."),
                engine_input("generator", "generator", automatic=True),
                engine_input("reasoner", "reasoner", automatic=True),
                engine_input("separator", "separator", automatic=True),
                option_input("mode", MODES, ""),
                option_input("fallback", FALLBACKS, "When the voice was all there was."),
                *prompt_inputs(),
                download_input(optional=True),
            ],
            outputs=[
                output(io.Audio, "audio", "The final sound."),
                output(io.Audio, "coarse", "The sound of step 1."),
                output(io.Audio, "voice", "The voice that was removed; silence when none was."),
                output(io.Boolean, "voice_over", "True when the coarse sound contains voice-over."),
                output(io.String, "reasoning", "Summary, caption, reasoning and conclusion, as tagged text."),
            ],
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        generator: str,
        reasoner: str,
        separator: str,
        mode: str,
        fallback: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        download: bool = False,
    ) -> io.NodeOutput:
        request = request_of(cls, prompt, negative_prompt, seed, duration)
        comfy_host.require_weights((generator, reasoner, separator), download)
        progress = comfy_host.progress(cls.hidden.unique_id, in_panel=True)
        runner = pipeline.Pipeline(generator, reasoner, separator, comfy_host.execution(download=download))
        outcome = runner.think(clip_of(video, progress), request, mode, fallback, progress)
        silent = silence_like(outcome.coarse)
        judgement_json = judgement_view.judgement_json(outcome.judgement, outcome.undecided, outcome.coarse, progress)
        taken = [f"{step.name}: {step.note} ({step.seconds:.1f} s)" for step in outcome.steps]
        said = [*(f"note: {note}" for note in outcome.notes), f"final sound: {outcome.final_from}"]
        comfy_host.show_text("\n".join(said), cls.hidden.unique_id)
        return io.NodeOutput(
            to_comfy(outcome.final or silent),
            to_comfy(outcome.coarse),
            to_comfy(outcome.stems.voice if outcome.stems else silent),
            outcome.is_voice_over,
            judgement_json["reasoning"],
            ui={
                "deepsound": [{**judgement_json, "steps": [*taken, *said], "notes": notes_of(progress, outcome.notes)}]
            },
        )

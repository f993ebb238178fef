"""DeepSoundCoTPlan: step 0, the plan of the four steps."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import REASONER_PRECISIONS
from deepsound.runtime.execution import Precision
from deepsound.types import Preferences

from . import comfy_host
from .convert import clip_of
from .notes import notes_ui
from .schema import engine_input, network_inputs, output, schema


class CoTPlan(io.ComfyNode):
    """The plan of the four steps: the published one, or the model's own answer."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundCoTPlan",
            "Chain-of-Thought Plan (DeepSound)",
            description="Step 0: plans how the video gets its sound. The published plan is the same for every video; a "
            "model can write its own.",
            search_aliases=["plan", "chain of thought", "step by step", "reasoning"],
            inputs=[
                io.Video.Input("video", tooltip="The video that is to get its sound."),
                engine_input("reasoner"),
                io.Boolean.Input(
                    "ask_model",
                    default=False,
                    tooltip="Off: the published plan, without loading anything. On: the engine's model "
                    "writes one, where it has a model.",
                ),
                *network_inputs(REASONER_PRECISIONS),
            ],
            outputs=[output(io.String, "plan", "The steps, one a line.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        engine: str,
        ask_model: bool,
        precision: Precision,
        offload: bool,
        download: bool,
    ) -> io.NodeOutput:
        progress = comfy_host.progress(cls.hidden.unique_id, "plan")
        reasoner = engines.reasoner(engine, comfy_host.execution(precision, offload, download), Preferences(ask_model))
        plan = reasoner.plan(clip_of(video, progress), progress)
        text = "\n".join(plan.steps)
        return io.NodeOutput(text, ui=notes_ui(progress, text=text))

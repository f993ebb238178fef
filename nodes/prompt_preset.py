"""DeepSoundPromptPreset: a prompt from a menu, for any node with a prompt."""

from __future__ import annotations

from comfy_api.latest import io

from deepsound.prompt_presets import NO_PRESET, PROMPT_PRESETS, join_prompt, prompt_preset

from .run_inputs import advanced
from .schema import option_input, output, schema, supported_kwargs
from .values import check_values, refusal_of

_TOOLTIP = "Words that the generators are known to follow:"


def prompt_preset_input() -> io.Combo.Input:
    """A preset before the prompt, where saved graphs lack the input."""
    labels = {row.name: row.label for row in PROMPT_PRESETS}
    return io.Combo.Input(
        "prompt_preset",
        options=[NO_PRESET, *labels],
        default=NO_PRESET,
        tooltip="A prompt from the menu, put before your own words.",
        **advanced(io.Combo.Input),
        **supported_kwargs(io.Combo.Input, extra_dict={"labels": labels}),
    )


class PromptPresetNode(io.ComfyNode):
    """A preset's prompt and negative prompt, joined with one's own words."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundPromptPreset",
            "Prompt Preset (DeepSound)",
            description="A prompt from a menu by category, with your own words behind it, for any node with a prompt. "
            "The embedded draft knows every word of them.",
            search_aliases=["prompt", "preset", "sound effects list", "foley words"],
            inputs=[
                option_input("preset", PROMPT_PRESETS, _TOOLTIP),
                io.String.Input(
                    "words",
                    default="",
                    multiline=True,
                    tooltip="Your own words, behind the preset's. May stay empty.",
                ),
            ],
            outputs=[
                output(io.String, "prompt", "The words for the sound you want."),
                output(io.String, "negative_prompt", "The words for what should not be heard with it."),
            ],
        )

    @classmethod
    def validate_inputs(cls, words: str | None = None) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(cls, preset: str, words: str) -> io.NodeOutput:
        check_values(cls, words=words)
        return io.NodeOutput(join_prompt(preset, words), prompt_preset(preset).negative_prompt)

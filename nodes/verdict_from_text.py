"""DeepSoundVerdictFromText: a verdict on voice-over from any text, or by one's own decision."""

from __future__ import annotations

from comfy_api.latest import io

from deepsound.choices import UNDECIDED, Option, option
from deepsound.types import Verdict

from . import comfy_host
from .notes import notes_ui
from .schema import option_input, output, schema

DECISIONS = (
    Option("auto", "as the text says", "as the text says"),
    Option("always", "always: the voice is removed", "counts as voice-over, whatever the text says"),
    Option("never", "never: the sound is kept", "counts as none, whatever the text says"),
)


class VerdictFromText(io.ComfyNode):
    """Reads a verdict from text as the pack reads its own model's answers; the text never becomes an instruction."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVerdictFromText",
            "Verdict from Text (DeepSound)",
            description="Turns the text of any language model into the verdict that steps 3 and 4 take, or decides "
            "without one. What cannot be read is undecided, never a guess.",
            search_aliases=["parse verdict", "yes no", "always remove voice", "never remove voice", "LLM answer"],
            inputs=[
                io.String.Input(
                    "text",
                    default="",
                    multiline=True,
                    tooltip="An answer such as 'A. Yes', 'no', or <CONCLUSION> A </CONCLUSION>. May stay empty with "
                    "always and never.",
                ),
                option_input("decision", DECISIONS, "What decides."),
                option_input("undecided", UNDECIDED, "When the text says neither."),
            ],
            outputs=[
                output(io.Boolean, "voice_over", "True when the sound counts as voice-over."),
                output(io.String, "verdict", "yes, no or undecided."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, text: str, decision: str, undecided: str) -> io.NodeOutput:
        option("decision", decision, DECISIONS)
        option("undecided", undecided, UNDECIDED)
        progress = comfy_host.progress(cls.hidden.unique_id, "verdict")
        verdict = _verdict(text, decision)
        counts = undecided == "yes" if verdict is Verdict.UNDECIDED else verdict is Verdict.YES
        notes = []
        if verdict is Verdict.UNDECIDED:
            notes.append(f"The text says neither yes nor no: it counts as {undecided}.")
        elif decision != "auto" and str(text).strip():
            notes.append(f"decision is {decision}: the text is not read.")
        return io.NodeOutput(counts, verdict.value, ui=notes_ui(progress, notes, f"verdict: {verdict.value}"))


def _verdict(text: object, decision: str) -> Verdict:
    from deepsound.reason.answer_parser import read_verdict

    if decision != "auto":
        return Verdict.YES if decision == "always" else Verdict.NO
    return read_verdict(str(text))

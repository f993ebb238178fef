"""Progress panel of a run as escaped HTML: steps, plan and the four sections."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

from deepsound.reason.answer_parser import read_thought
from deepsound.runtime.progress import ProgressEvent
from deepsound.types import ChainOfThought, Verdict

STEPS = {
    "plan": "0 Plan",
    "generate": "1 Generate",
    "judge": "2 Voice-over?",
    "remove": "3 Remove the voice",
    "silence": "4 Silence?",
    "generate again": "4 Generate again",
    "write": "Write the files",
}
VERDICTS = {Verdict.YES: "Voice-over", Verdict.NO: "No voice-over", Verdict.UNDECIDED: "Undecided"}
_SECTIONS = ("summary", "caption", "reasoning", "conclusion")
_MOST_LINES = 400
# The page's own template language would read these.
_TEMPLATE = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;"})


def escape(text: object) -> str:
    """Text that stays text, whatever it holds: no markup, nothing of the page's template language."""
    return html.escape(str(text)).translate(_TEMPLATE)


@dataclass
class _Stage:
    fraction: float = 0.0
    seconds: float | None = None
    note: str = ""


@dataclass
class StatusView:
    """Takes events in, gives HTML out; `notice` says what the run as a whole is doing or came to."""

    notice: str = "Waiting for a video."
    state: str = "idle"
    thought: ChainOfThought | None = None
    verdict: str = ""
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _lines: dict[str, list[str]] = field(default_factory=dict)
    _notes: dict[str, None] = field(default_factory=dict)
    _is_take_over: bool = False

    def take(self, event: ProgressEvent) -> None:
        """Note what has happened."""
        if event.is_note:
            self._notes[event.text] = None
            return
        if self._is_take_over:
            self._is_take_over = False
            self._stages.clear()
            self._lines.clear()
        stage = self._stages.setdefault(event.stage, _Stage())
        if event.seconds is not None:
            stage.fraction, stage.seconds, stage.note = 1.0, event.seconds, event.text
        elif event.text:
            lines = self._lines.setdefault(event.stage, [])
            lines.append(event.text.rstrip())
            del lines[:-_MOST_LINES]
        elif event.fraction is not None:
            stage.fraction = event.fraction

    def end_take(self) -> None:
        """A take of several is done; the next one's first step clears its steps and reasoning, not the notes."""
        self._is_take_over = True

    def steps_html(self) -> str:
        """The notice, every step with its bar, its time in seconds and what came of it, and the notes on the result."""
        rows = "".join(self._row(name, title) for name, title in STEPS.items())
        notes = "".join(f'<p class="ds-remark">Note: {escape(text)}</p>' for text in self._notes)
        return (
            f'<div class="ds-notice ds-{escape(self.state)}" role="status">{escape(self.notice)}</div>'
            f'<ol class="ds-steps">{rows}</ol>{notes}'
        )

    def thought_html(self) -> str:
        """The plan's lines and the four sections, as far as they are written; the verdict once it is known."""
        lines = "\n".join(self._lines.get("judge", ()))
        thought = self.thought or read_thought(lines)
        sections = "".join(
            f'<div class="ds-section" data-section="{name}"><h4>{name.capitalize()}</h4>'
            f"<p>{escape(getattr(thought, name))}</p></div>"
            for name in _SECTIONS
        )
        plan = "".join(f"<li>{escape(line)}</li>" for line in self._lines.get("plan", ()))
        verdict = f'<div class="ds-verdict">{escape(self.verdict)}</div>' if self.verdict else ""
        return f'<ul class="ds-plan">{plan}</ul>{verdict}<div class="ds-thought">{sections}</div>'

    def _row(self, name: str, title: str) -> str:
        stage = self._stages.get(name)
        state = "waiting" if stage is None else "done" if stage.seconds is not None else self._open_step_state()
        if stage is None and self.state == "done":
            state = "unneeded"
        stage = stage or _Stage()
        told = f"{stage.seconds:.1f} s · {stage.note}" if stage.seconds is not None else ""
        return (
            f'<li class="ds-step ds-{state}" data-step="{escape(name)}"><span class="ds-title">{title}</span>'
            f'<progress max="1" value="{stage.fraction:.3f}"></progress>'
            f'<span class="ds-note">{escape(told)}</span></li>'
        )

    def _open_step_state(self) -> str:
        return "stopped" if self.state in ("cancelled", "failed") else "active"

"""Terminal display of a run: steps with times, the reasoning as it is written, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import TaskID

from deepsound.cli.steps import STEP_TITLES
from deepsound.cli.terminal import Estimates, LoggedConsole, SharedNotes, bar_columns, without_tags
from deepsound.outputs import Result
from deepsound.runtime.paths import escaped
from deepsound.runtime.progress import ProgressEvent
from deepsound.types import Loudness

# A terminal has room for these; the record lists all.
_MOST_SEGMENTS = 20


class Display:
    """Shows progress events on `console`; text from engines is escaped, it is data."""

    def __init__(self, console: Console, bars: Bars | None) -> None:
        self._console = console
        self._bars = bars
        self._task: TaskID | None = None
        self._estimates = Estimates()
        self._notes = SharedNotes()
        self._clip = ""

    def show(self, event: ProgressEvent) -> None:
        if event.is_note:
            if self._notes.is_shown(event.text, self._clip):
                self.note(event.text)
        elif event.seconds is not None:
            self._close_bar()
            title = STEP_TITLES.get(event.stage, event.stage)
            self._console.print(f"[bold]{title:<18}[/] {event.seconds:6.2f} s  {escape(event.text)}", soft_wrap=True)
        elif event.text:
            if text := without_tags(event.text):
                self._console.print(f"[dim]{escape(text)}[/]", soft_wrap=True)
        elif event.fraction is not None:
            self._move(event.stage, event.fraction)

    def note(self, text: str) -> None:
        self._console.print(f"[yellow]note[/] {escape(text)}", soft_wrap=True)

    def name_clip(self, video: str, number: int, count: int) -> None:
        """The clip whose steps follow, where there are several."""
        self._clip = f"{number} {video}"
        if count > 1:
            self._console.print(f"\n[bold]{number}/{count} {escape(escaped(video))}[/]", soft_wrap=True)

    def fail(self, video: str, error: Exception) -> None:
        """A clip of several that could not be done; the next one follows."""
        self._close_bar()
        self._console.print(f"[red]failed[/] {escape(escaped(video))}: {escape(str(error))}", soft_wrap=True)

    def tally(self, count: int, failed: int) -> None:
        """How many of several clips are done, and how many are not; which notes more than one of them had."""
        for line in self._notes.lines():
            self.note(line)
        if count > 1:
            self._console.print(f"\n{count - failed} of {count} done" + (f", {failed} failed" if failed else ""))

    def summarise(self, result: Result) -> None:
        """The choices made, the loudness, where the files are, and what became of the picture and its tracks."""
        choices = result.outcome.choices
        used = [("generator", choices.generator), ("reasoner", choices.reasoner), ("separator", choices.separator)]
        for step, choice in used if result.outcome.stems is not None else used[:2]:
            why = f" ({choice.why})" if choice.why else ""
            self._console.print(f"{step:<10} {escape(choice.name + why)}", soft_wrap=True)
        if (by := result.outcome.regenerated_by) is not None and by != choices.generator:
            self._console.print(f"{'again by':<10} {escape(f'{by.name} ({by.why})')}", soft_wrap=True)
        for segment in result.outcome.segments[:_MOST_SEGMENTS]:
            silent = "" if segment.silence_ratio is None else f", {segment.silence_ratio:.0%} silent"
            line = f"{segment.span}: {segment.verdict.value}, {segment.action} ({segment.why}{silent})"
            self._console.print(f"{'span':<10} {escape(line)}", soft_wrap=True)
        if (more := len(result.outcome.segments) - _MOST_SEGMENTS) > 0:
            self._console.print(f"{'':<10} and {more} more; the record lists them")
        for name, level in result.loudness.items():
            self._console.print(f"{name:<10} {_describe(level)}")
        for label, path in (
            ("coarse", result.step1_audio_path),
            ("cleaned", result.step3_audio_path),
            ("again", result.neg_audio_path),
            ("final", result.final_audio_path),
            ("video", result.final_video_path),
            ("voice", result.voice_audio_path),
            ("step 1", result.step1_video_path),
            ("step 3", result.step3_video_path),
            ("step 4", result.neg_video_path),
            ("record", result.result_path),
        ):
            if path is not None:
                self._console.print(f"{label:<10} {escape(str(path))}", soft_wrap=True)
        for line in result.mux.lines() if result.mux is not None else ():
            self._console.print(f"[dim]{escape(escaped(line))}[/]", soft_wrap=True)
        self._console.print(f"[bold green]done[/] in {result.total_s:.1f} s")

    def compare_takes(self, results: Sequence[Result]) -> None:
        """The verdicts of several takes side by side; nothing for one."""
        for number, result in enumerate(results if len(results) > 1 else (), 1):
            outcome = result.outcome
            said = (
                f"seed {outcome.request.seed}: voice-over {outcome.judgement.verdict.value}, {outcome.final_from} final"
            )
            self._console.print(f"{f'take {number}':<10} {escape(said)}", soft_wrap=True)

    def _move(self, stage: str, fraction: float) -> None:
        """Move the bar of a stage; where there is none, say now and then how long it still takes."""
        if self._bars is None:
            if line := self._estimates.line(stage, fraction):
                self._console.print(f"[dim]{STEP_TITLES.get(stage, stage):<18} {line}[/]", soft_wrap=True)
            return
        if self._task is None:
            self._task = self._bars.add_task(STEP_TITLES.get(stage, stage), total=1.0)
        self._bars.update(self._task, completed=fraction)

    def _close_bar(self) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


@contextmanager
def open_display(quiet: bool) -> Iterator[Display]:
    """A Display on stderr (stdout is for `--json`); bars only on a terminal."""
    console = LoggedConsole(quiet)
    if not console.has_bars:
        yield Display(console, None)
        return
    with Bars(*bar_columns(), console=console, transient=True) as bars:
        yield Display(console, bars)


def _describe(level: Loudness) -> str:
    loud = "below the gate" if level.integrated_lufs is None else f"{level.integrated_lufs:.1f} LUFS"
    peak = "silence" if level.true_peak_dbtp is None else f"true peak {level.true_peak_dbtp:.1f} dBTP"
    return f"{loud}, {peak}"

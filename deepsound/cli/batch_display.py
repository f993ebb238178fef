"""Terminal display of a batch: progress bar, a line per failed clip, a final table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from deepsound.batch.clips import Job, Skipped
from deepsound.batch.run import Listener, Tally
from deepsound.batch.summary import Summary
from deepsound.batch.worker import ClipReport
from deepsound.cli.steps import STEP_TITLES
from deepsound.cli.terminal import LoggedConsole, SharedNotes
from deepsound.runtime.paths import escaped
from deepsound.runtime.progress import ProgressEvent

FAILURES_SHOWN = 20


class BatchDisplay(Listener):
    """Shows a batch on `console`, with a bar on a terminal and a line for each clip elsewhere; quiet: errors alone."""

    def __init__(self, console: Console, bars: Progress | None, quiet: bool = False) -> None:
        self._console, self._bars, self._quiet = console, bars, quiet
        self._task: TaskID | None = None
        self._clip = ""
        # What is expected of so many clips from this one on; nothing where that is not known.
        self.expected: Callable[[Job, int], str] = lambda job, count: ""
        self._notes = SharedNotes()

    def on_count(self, tally: Tally) -> None:
        if self._bars is not None:
            self._task = self._bars.add_task("clips", total=tally.total, left="", now="")
        else:
            self._note(f"{tally.total} {'clip' if tally.total == 1 else 'clips'}")

    def on_skip(self, refused: Skipped) -> None:
        if refused.is_loss:
            self._console.print(f"[red]refused[/] {_text(refused.label)}: {_text(refused.why)}", soft_wrap=True)

    def on_begin(self, job: Job, tally: Tally) -> None:
        if expected := self.expected(job, tally.total - tally.already):
            self._note(_text(f"expected: {expected}"))

    def on_report(self, report: ClipReport, tally: Tally) -> None:
        seen = tally.done + tally.already + tally.failed
        left = "" if tally.eta_s is None else f"{_clock(tally.eta_s)} left"
        label = _text(report.job.label)
        if report.status == "failed":
            self._console.print(f"[red]failed[/]  {label}: {_text(report.message)}", soft_wrap=True)
        elif report.status == "done" and self._bars is None:
            self._note(f"{seen}/{tally.total} done {label} {report.seconds:.1f} s, {left}")
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=seen, left=left, now=label)

    def on_damaged_record(self, job: Job, why: str) -> None:
        self._console.print(f"[yellow]redone[/]  {_text(job.label)}: {_text(why)}", soft_wrap=True)

    def on_retry(self, count: int) -> None:
        self._note(f"{count} failed; trying them once more")

    def note_all(self, texts: Iterable[str]) -> None:
        """What is said of the whole batch, before the first clip."""
        for text in texts:
            self._note(f"[yellow]note[/]    {_text(text)}")

    def stage(self, event: ProgressEvent) -> None:
        """A clip's own progress: its name and the step it is at."""
        if event.is_note:
            if self._notes.is_shown(event.text, self._clip):
                self._note(f"[yellow]note[/]    {_text(self._clip)}: {_text(event.text)}")
            return
        if event.stage == "clip":
            self._clip = event.text
        if self._bars is not None and self._task is not None:
            step = STEP_TITLES.get(event.stage, "").strip()
            self._bars.update(self._task, now=_text(f"{self._clip} {step}"))

    def summarise(self, summary: Summary) -> None:
        """The sums, the mean time of each step, the notes of several clips, and the first failures."""
        self.note_all(self._notes.lines())
        table = Table(
            "", "", title="Batch" if summary.shard == "1/1" else f"Batch, shard {summary.shard}", show_header=False
        )
        for name, value in _lines(summary):
            table.add_row(name, value)
        if not self._quiet:
            self._console.print(table)
        for failure in summary.failures[:FAILURES_SHOWN]:
            self._note(f"[red]{failure['status']}[/] {_text(failure['clip'])}: {_text(failure['message'])}")
        if len(summary.failures) > FAILURES_SHOWN:
            self._note(f"... and {len(summary.failures) - FAILURES_SHOWN} more; summary.csv has them all")
        if summary.unwritten:
            self._console.print(f"[red]No summary files: {_text(summary.unwritten)}[/]", soft_wrap=True)

    def _note(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, soft_wrap=True)


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "done", f"{summary.done} of {summary.clips} clips, {summary.done_now} of them now"
    for name, count in (
        ("failed", summary.failed),
        ("not reached", summary.not_reached),
        ("rows refused", summary.refused),
        ("other files", summary.not_videos),
        ("workers replaced", summary.workers_replaced),
    ):
        if count:
            yield name, str(count)
    if summary.clips_per_minute is not None:
        yield "clips a minute", f"{summary.clips_per_minute:.2f}"
    for title, counts in (("voice-over", summary.verdicts), ("final sound", summary.final_from)):
        if counts:
            yield title, ", ".join(f"{_text(name)} {count}" for name, count in sorted(counts.items()))
    for name, seconds in summary.step_seconds.items():
        yield STEP_TITLES.get(name, _text(name)), f"{seconds:.2f} s a clip"
    yield "time", _clock(summary.seconds)


def _text(text: str) -> str:
    """Text of a file's name or an error as it may go to a terminal: no markup, no control characters."""
    return escape(escaped(text))


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


@contextmanager
def open_batch_display(quiet: bool) -> Iterator[BatchDisplay]:
    """A BatchDisplay on stderr; a bar only on a terminal, and with `quiet` nothing but errors."""
    console = LoggedConsole()
    if quiet or not console.has_bars:
        yield BatchDisplay(console, None, quiet)
        return
    columns = (
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield BatchDisplay(console, bars)

"""Tables of `deepsound evaluate`: scores by set, voice rates, levels, omissions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepsound.evaluate.clips import Problem
from deepsound.evaluate.metrics import METRICS, MetricScore
from deepsound.evaluate.report import EvaluationReport, SetReport, VoiceRate

_SHOWN_PROBLEMS = 10
_ARROWS = {"lower": "↓", "higher": "↑"}


def show_report(report: EvaluationReport, paths: Sequence[Path] = ()) -> None:
    """Print the report on stdout."""
    console = Console(highlight=False)
    # Not the table's title, which would be broken at the table's width.
    console.print(f"[bold]{_title(report)}[/]", soft_wrap=True)
    console.print(_scores(report))
    if any(one.voice for one in report.sets):
        console.print("[bold]Human voice[/]")
        console.print(_voices(report))
    for line in _about(report):
        console.print(line, soft_wrap=True)
    for path in paths:
        console.print(f"written    {escape(str(path))}", soft_wrap=True)


def _scores(report: EvaluationReport) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("metric", no_wrap=True)
    for one in report.sets:
        table.add_column(escape(one.name), justify="right")
    for name in report.settings["measured"]:
        if name in METRICS:
            table.add_row(
                f"{name} {_ARROWS[METRICS[name].better]}", *(_score(one.scores.get(name)) for one in report.sets)
            )
    table.add_section()
    table.add_row("clips", *(str(one.clips) for one in report.sets))
    if report.reference is not None:
        table.add_row("with a partner", *(str(one.pairs) for one in report.sets))
    for label, row in (("LUFS, mean", _lufs), ("true peak, dBTP", _peak), ("silent share", _silence)):
        if any(one.levels is not None for one in report.sets):
            table.add_row(label, *map(row, report.sets))
    return table


def _title(report: EvaluationReport) -> str:
    reference = report.reference
    if reference is None:
        return "Scores, without a reference set"
    return (
        f"Scores against {escape(reference.name)} ({reference.clips} clips, fingerprint {reference.fingerprint}), "
        f"first {report.settings['duration_s']:g} s"
    )


def _score(score: MetricScore | None) -> str:
    if score is None or score.value is None:
        return "[yellow]-[/]"
    spread = "" if score.spread is None else f" ± {score.spread:.3g}"
    return f"{score.value:.4g}{spread}"


def _lufs(one: SetReport) -> str:
    if one.levels is None or one.levels.lufs_mean is None:
        return "-"
    return f"{one.levels.lufs_mean:.1f} ± {one.levels.lufs_std or 0.0:.1f}"


def _peak(one: SetReport) -> str:
    return "-" if one.levels is None or one.levels.true_peak_dbtp is None else f"{one.levels.true_peak_dbtp:.1f}"


def _silence(one: SetReport) -> str:
    if one.levels is None or one.levels.silence_ratio is None:
        return "-"
    return f"{one.levels.silence_ratio:.0%}, {one.levels.silent_clips} silent"


def _voices(report: EvaluationReport) -> Table:
    """The share of clips, and of time, with a human voice."""
    table = Table("set", "clips that", "sound", box=SIMPLE_HEAD)
    for heading in ("clips with voice", "of time"):
        table.add_column(heading, justify="right", no_wrap=True)
    if report.reference is not None and report.reference.voice is not None:
        table.add_row("reference", "all", "", *_rate(report.reference.voice))
    for one in report.sets:
        groups = dict.fromkeys(group for rates in one.voice.values() for group in rates)
        for group in groups:
            for moment, rates in one.voice.items():
                if group in rates:
                    table.add_row(escape(one.name), escape(group), moment, *_rate(rates[group]))
    return table


def _rate(rate: VoiceRate) -> tuple[str, str]:
    if rate.of_clips is None or rate.of_time is None:
        return "-", "-"
    return f"{rate.of_clips:.1%} ({rate.with_voice} of {rate.clips})", f"{rate.of_time:.1%}"


def _about(report: EvaluationReport) -> list[str]:
    lines = []
    reasons: dict[str, list[str]] = {}
    for absent in report.missing:
        # Of missing weights the reason names the command already.
        fetch = f" Fetch with: {absent.fetch}" if absent.fetch and absent.fetch not in absent.why else ""
        reasons.setdefault(absent.why + fetch, []).append(absent.metric)
    lines += [f"[yellow]missing[/]    {', '.join(names)}: {escape(why)}" for why, names in reasons.items()]
    lines += [
        f"[yellow]no score[/]   {escape(one.name)}, {name}: {escape(score.why)}"
        for one in report.sets
        for name, score in one.scores.items()
        if score.value is None
    ]
    for one in report.sets:
        for names, what in ((one.without_reference, "reference clip"), (one.without_prediction, "prediction")):
            if names:
                lines.append(
                    f"[yellow]unpaired[/]   {escape(one.name)}: {len(names)} without a {what} of their name "
                    f"({escape(', '.join(names[:3]))}{', ...' if len(names) > 3 else ''})"
                )
    lines += _problem_lines(report)
    if report.ignored:
        lines.append(
            f"[dim]ignored    {len(report.ignored)} files that are no media, such as "
            f"{escape(report.ignored[0].name)}[/]"
        )
    return lines + [f"[dim]note       {escape(note)}[/]" for note in report.notes]


def _problem_text(problem: Problem) -> str:
    """A reason that names the file itself is left as it is."""
    whose = f" ({problem.extractor})" if problem.extractor else ""
    return problem.what if str(problem.file) in problem.what else f"{problem.file}{whose}: {problem.what}"


def _problem_lines(report: EvaluationReport) -> list[str]:
    lines = ["[red]left out[/]   " + escape(_problem_text(one)) for one in report.problems[:_SHOWN_PROBLEMS]]
    rest = len(report.problems) - _SHOWN_PROBLEMS
    if rest > 0:
        lines.append(f"[red]left out[/]   {rest} more; report.json has them all (--out, or --json)")
    return lines

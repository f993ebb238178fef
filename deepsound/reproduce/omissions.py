"""Omissions of a reproduction: missing weights, clips without a partner, too few clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from deepsound.evaluate.report import EvaluationReport

_NAMED = 5


def omissions(reports: Iterable[EvaluationReport], clips: Sequence[str], reference: Sequence[str]) -> tuple[str, ...]:
    """One sentence each, and each once, whatever number of systems and references it concerns.

    `clips` and `reference` are the names of the videos and of the ground truth.
    """
    reports = list(reports)
    return tuple(
        dict.fromkeys((*_weights(reports), *_partners(clips, reference), *_counts(reports), *_caveats(reports)))
    )


def _weights(reports: Iterable[EvaluationReport]) -> Iterable[str]:
    """Every set of weights that is missing, once, with the metrics that need it."""
    metrics: dict[tuple[str, str], dict[str, None]] = {}
    for report in reports:
        for missing in report.missing:
            metrics.setdefault((missing.why, missing.fetch), {})[missing.metric] = None
    for (why, fetch), names in metrics.items():
        how = f" (`{fetch}`)" if fetch and fetch not in why else ""
        yield f"Not measured: {', '.join(names)}: {why.rstrip('.')}{how}."


def _partners(clips: Sequence[str], reference: Sequence[str]) -> Iterable[str]:
    for names, others, what in (
        (clips, reference, "have no ground truth and are in no metric that compares with it"),
        (reference, clips, "of the ground truth have no video and are in no row"),
    ):
        alone = sorted(set(names) - set(others))
        if alone:
            more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
            yield f"{len(alone)} clips {what}: {', '.join(alone[:_NAMED])}{more}."


def _counts(reports: Iterable[EvaluationReport]) -> Iterable[str]:
    """Metrics that have no value for want of clips, with the reason, once per reason."""
    sets: dict[tuple[str, str], dict[str, None]] = {}
    for report in reports:
        for one in report.sets:
            for name, score in one.scores.items():
                if score.value is None and score.why:
                    sets.setdefault((name, score.why), {})[one.name] = None
    for (name, why), names in sets.items():
        yield f"{name} has no value for {', '.join(names)}: {why.rstrip('.')}."


def _caveats(reports: Iterable[EvaluationReport]) -> Iterable[str]:
    """What limits a comparison by the number of clips."""
    for report in reports:
        yield from (note for note in report.notes if "fewer clips than features" in note)


def as_markdown(sentences: Sequence[str], settings: Mapping[str, object]) -> str:
    """How it was done and what is left out, as a list below the tables."""
    lines = ["", "## How this was measured", ""]
    lines += [f"- {name}: {value}" for name, value in settings.items()]
    lines += [f"- {sentence}" for sentence in sentences]
    return "\n".join(lines) + "\n"

"""Report files: `report.json`, `scores.csv` by set, `clips.csv` by clip, `scores.png`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsound.evaluate.chart import chart
from deepsound.evaluate.metrics import METRICS
from deepsound.evaluate.report import EvaluationReport, SetReport
from deepsound.media.files import atomic_write, output_error
from deepsound.media.plots import write_png
from deepsound.runtime.json_files import finite, json_bytes

_MOMENTS = (("before", "voice_before"), ("after", "voice"))


def write_report(report: EvaluationReport, folder: Path) -> tuple[Path, ...]:
    """Write the four files, each whole; gives back their paths. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    paths = tuple(folder / name for name in ("report.json", "scores.csv", "clips.csv", "scores.png"))
    with atomic_write(paths[0]) as partial:
        partial.write_bytes(json_bytes(finite(report.to_json())))
    _write_table(paths[1], [_scores_row(one, report) for one in report.sets])
    _write_table(paths[2], [row for one in report.sets for row in _clip_rows(one)])
    write_png(chart(report), paths[3])
    return paths


def _scores_row(one: SetReport, report: EvaluationReport) -> dict[str, Any]:
    """A set in a line; a metric that there is none of is an empty field."""
    reference = report.reference
    row: dict[str, Any] = {
        "set": one.name,
        "clips": one.clips,
        "pairs": one.pairs,
        "reference": "" if reference is None else reference.name,
        "reference_fingerprint": "" if reference is None else reference.fingerprint,
    }
    for name in METRICS:
        if name in report.settings["measured"]:
            row[name] = one.scores[name].value if name in one.scores else None
    for moment, column in _MOMENTS:
        for group, rate in one.voice.get(moment, {}).items():
            suffix = "" if group == "all" else f"[{group}]"
            row |= {f"{column}_clips{suffix}": rate.of_clips, f"{column}_time{suffix}": rate.of_time}
    if one.levels is not None:
        row |= {
            "lufs": one.levels.lufs_mean,
            "true_peak_dbtp": one.levels.true_peak_dbtp,
            "silence_ratio": one.levels.silence_ratio,
            "silent_clips": one.levels.silent_clips,
        }
    return row


def _clip_rows(one: SetReport) -> Iterable[dict[str, Any]]:
    for row in one.rows:
        yield {
            "set": one.name,
            "name": row.name,
            "group": row.group,
            "sound": str(row.sound),
            "video": "" if row.video is None else str(row.video),
            **row.numbers,
        }


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)

"""The report of a data set: counts by split and category, what was left out, licence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
from deepsound.train.cot_items import CATEGORIES, SPLITS, CotItem, class_counts
from deepsound.train.labelling import LabelledData

LICENCE = (
    "The clips keep the licences they came with: this folder holds labels, and names or copies the media. Of VGGSound, "
    "the list of clips is CC BY 4.0, and the media are YouTube videos of their owners. Labels that a model wrote are "
    "under the terms of that model."
)


def data_report(data: LabelledData) -> dict[str, Any]:
    """Counts and names of everything, as JSON."""
    return {
        VERSION_KEY: SCHEMAS["training_data"].version,
        "clips": len({item.evidence.get("clip", item.video) for item in data.items}),
        "items": len(data.items),
        "checked": sum(item.checked for item in data.items),
        "unchanged_clips": data.unchanged,
        "by_split": {split: class_counts(_of(data.items, split)) for split in SPLITS},
        "unreadable": [{"clip": problem.id, "why": problem.why} for problem in data.unreadable],
        "duplicates": [{"clip": clip, "of": other} for clip, other in data.duplicates],
        "licence": LICENCE,
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    """The report for a person: a table of splits, and notes on what is missing or was left out."""
    lines = [f"{report['clips']} clips, {report['items']} items, {report['checked']} checked", ""]
    lines += ["| split | " + " | ".join(CATEGORIES) + " |", "| --- |" + " ---: |" * len(CATEGORIES)]
    for split, counts in report["by_split"].items():
        lines.append(f"| {split} | " + " | ".join(str(counts.get(name, 0)) for name in CATEGORIES) + " |")
    lines.append("")
    empty = [name for name in CATEGORIES if not report["by_split"]["train"].get(name)]
    if empty:
        lines.append(f"No training item is of {', '.join(empty)}: the model will not learn what it is not shown.")
    for split in SPLITS[1:]:
        if not sum(report["by_split"][split].values()):
            lines.append(f"The split {split} is empty: add clips, or change --split.")
    lines += [f"left out, unreadable: {row['clip']}: {row['why']}" for row in report["unreadable"]]
    lines += [f"left out, a copy: {row['clip']} of {row['of']}" for row in report["duplicates"]]
    return lines


def readme(report: dict[str, Any]) -> str:
    """README.md of the data set's folder."""
    return "# Training data\n\n" + "\n".join(report_lines(report)) + f"\n\n## Licence\n{report['licence']}\n"


def _of(items: Sequence[CotItem], split: str) -> list[CotItem]:
    return [item for item in items if item.split == split]

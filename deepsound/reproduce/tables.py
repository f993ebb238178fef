"""The paper's Tables 1 to 3 from finished clips, beside the published numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.evaluate.evaluation import EvaluationSettings, Sets, evaluate, find_sets
from deepsound.evaluate.report import EVERYONE, EvaluationReport, SetReport
from deepsound.evaluate.summary import AFTER
from deepsound.reproduce.systems import OUR_BEST, SYSTEMS
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress

COLUMNS = ("FD_PaSST", "FD_PANNs", "FD_VGG", "KL_PANNs", "KL_PaSST", "IS", "IB", "DeSync")
ORIGINAL, VOICE_FREE = "original", "voice-free"


@dataclass(frozen=True)
class SystemRow:
    """One generator's system against one reference set.

    `scores` are the measured metrics (None where not computed), `published` the paper's (empty where it has none);
    `ih_vid` and `ih_dur` are the shares of clips and of time with a human voice (IH@vid, IH@dur, arXiv 2510.08078).
    """

    generator: str
    seed: int
    system: str
    label: str
    reference: str
    clips: int
    scores: Mapping[str, float | None]
    published: Mapping[str, float]
    ih_vid: float | None
    ih_dur: float | None


@dataclass(frozen=True)
class JudgeRow:
    """Table 3: of one generator's coarse sounds, how many a judge calls voice-over, and how much voice those hold.

    `voice_energy_ratio` is the sum of the voice stem's energy over the sum of the mix's, both over the clips that this
    judge calls voice-over: sum(v^2) / sum(x^2), from the separator's stems; None where it calls none.
    """

    generator: str
    seed: int
    judge: str
    clips: int
    voice_over: int
    undecided: int
    voice_energy_ratio: float | None


@cache
def published() -> dict[str, Any]:
    """The published numbers: their source, the metrics in order, and rows by generator, system and reference."""
    text = (files("deepsound.reproduce") / "published.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def system_rows(
    generator: str,
    seed: int,
    folder: Path,
    references: Mapping[str, Path],
    settings: EvaluationSettings,
    execution: Execution,
    records: Mapping[str, Mapping[str, Any]],
    progress: Progress = Progress(),
) -> tuple[list[SystemRow], dict[str, EvaluationReport]]:
    """The rows of every system against every reference (`original`, `voice-free`), and the reports behind them.

    The clips are those of `records` alone, whatever else lies in the folder; where the reference has no pictures, they
    are the clips' own. The metrics' networks run in fp32, as in `deepsound evaluate`.
    """
    places = {system.name: folder / "sets" / system.name for system in SYSTEMS}
    present = {name: place for name, place in places.items() if any(is_file(place / f"{stem}.wav") for stem in records)}
    if not present:
        raise InputError(f"No finished clips of {generator} lie below {folder}; run the clips first.")
    rows, reports = [], {}
    execution = replace(execution, precision="fp32", offload=False)
    for number, (reference, place) in enumerate(references.items()):
        part = progress.part(number / len(references), (number + 1) / len(references))
        sets = _of_records(find_sets(list(present.values()), place, reference, settings=settings), records)
        report = evaluate(sets, settings, execution, progress=part)
        reports[reference] = report
        by_place = {one.place: one for one in report.sets}
        rows += [
            _row(generator, seed, system.name, system.label, reference, by_place[present[system.name]])
            for system in SYSTEMS
            if system.name in present
        ]
    return rows, reports


def _of_records(sets: Sets, records: Mapping[str, Mapping[str, Any]]) -> Sets:
    """`sets` with the clips that have a record, each with the picture that its sound was made for."""
    videos = {name: Path(record["video"]) for name, record in records.items()}
    predicted = {
        name: replace(
            found,
            clips={
                stem: replace(clip, video=clip.video or videos[stem])
                for stem, clip in found.clips.items()
                if stem in videos
            },
        )
        for name, found in sets.predicted.items()
    }
    return replace(sets, predicted=predicted)


def _row(generator: str, seed: int, system: str, label: str, reference: str, measured: SetReport) -> SystemRow:
    voice = measured.voice.get(AFTER, {}).get(EVERYONE)
    return SystemRow(
        generator,
        seed,
        system,
        label,
        reference,
        measured.clips,
        {name: score.value if (score := measured.scores.get(name)) else None for name in COLUMNS},
        published_scores(generator, system, reference),
        voice.of_clips if voice else None,
        voice.of_time if voice else None,
    )


def published_scores(generator: str, system: str, reference: str) -> dict[str, float]:
    """The published values of a row by metric; empty where there are none.

    "Our best" of Table 1 stands at `s3`: for MMAudio-L, whose systems Table 2 prints, it is that one.
    """
    table = published()
    wanted = {(generator, system, reference), (generator, "best" if system == OUR_BEST else system, reference)}
    for row in table["rows"]:
        if (row["generator"], row["system"], row["reference"]) in wanted:
            return dict(zip(table["metrics"], row["values"], strict=True))
    return {}


def judge_rows(generator: str, seed: int, records: Mapping[str, Mapping[str, Any]]) -> list[JudgeRow]:
    """Table 3's rows of one generator, a judge each."""
    judges = sorted({name for record in records.values() for name in record["judges"]})
    return [_judge_row(generator, seed, judge, list(records.values())) for judge in judges]


def _judge_row(generator: str, seed: int, judge: str, records: Iterable[Mapping[str, Any]]) -> JudgeRow:
    judged = [record for record in records if judge in record["judges"]]
    voiced = [record for record in judged if record["judges"][judge]["is_voice_over"]]
    voice = sum(record["energy"]["voice"] for record in voiced)
    mix = sum(record["energy"]["mix"] for record in voiced)
    undecided = sum(record["judges"][judge]["verdict"] == "undecided" for record in judged)
    return JudgeRow(generator, seed, judge, len(judged), len(voiced), undecided, voice / mix if mix else None)


def markdown(rows: Iterable[SystemRow], judges: Iterable[JudgeRow]) -> str:
    """The tables as Markdown; published numbers stand in brackets behind the measured ones."""
    head = ["generator", "seed", "system", "reference", "clips", *COLUMNS, "IH@vid", "IH@dur"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        cells = [row.generator, str(row.seed), row.label, row.reference, str(row.clips)]
        cells += [_cell(row.scores[name], row.published.get(name)) for name in COLUMNS]
        cells += ["" if share is None else f"{share:.1%}" for share in (row.ih_vid, row.ih_dur)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| generator | seed | judge | clips | voice-over | undecided | voice energy ratio |"]
    lines.append("|" + " --- |" * 7)
    for one in judges:
        ratio = "" if one.voice_energy_ratio is None else f"{one.voice_energy_ratio:.3f}"
        counts = (one.seed, one.judge, one.clips, one.voice_over, one.undecided)
        lines.append(f"| {one.generator} | " + " | ".join(map(str, counts)) + f" | {ratio} |")
    return "\n".join(lines) + "\n"


def _cell(measured: float | None, known: float | None) -> str:
    value = "not measured" if measured is None else f"{measured:.3g}"
    return value if known is None else f"{value} ({known:g})"


def as_json(rows: Iterable[SystemRow], judges: Iterable[JudgeRow]) -> dict[str, Any]:
    """Both tables as plain data."""
    return {"systems": [asdict(row) for row in rows], "judges": [asdict(row) for row in judges]}

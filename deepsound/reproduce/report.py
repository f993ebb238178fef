"""The report of a reproduction: VO-Free set, Tables 1 to 3, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.evaluate.clips import find_clips
from deepsound.evaluate.evaluation import EvaluationSettings
from deepsound.evaluate.extractors import DURATION_S
from deepsound.evaluate.report import EvaluationReport
from deepsound.media.files import atomic_write, require_writable
from deepsound.reproduce.clip_run import is_done
from deepsound.reproduce.figure import FOLDER, figure_of, write_figure
from deepsound.reproduce.omissions import as_markdown, omissions
from deepsound.reproduce.run import ClipWork, records_of, videos_of
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.reproduce.tables import (
    ORIGINAL,
    VOICE_FREE,
    JudgeRow,
    SystemRow,
    as_json,
    judge_rows,
    markdown,
    published,
    system_rows,
)
from deepsound.reproduce.vo_free import LIST, SOUNDS, make_vo_free
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.json_schemas import versioned
from deepsound.runtime.progress import Progress
from deepsound.weights.missing import MissingWeightsError, missing_weights
from deepsound.weights.search_paths import default_search_paths

# Which numbers are published; what the columns mean that the paper names without a formula, or that are not its own.
DEFINITIONS = {
    "published numbers": "in brackets, from Tables 1 and 2 in DeepSound-V1's README; its 'Our best' stands at Ours-s3, "
    "which it is for MMAudio-L (the README does not name the system for the others); Table 3 is in the paper alone and "
    "has no published numbers here",
    "voice energy ratio": "sum of v² / sum of x² over the clips that this judge calls voice-over, v the separator's "
    "voice stem and x the coarse sound",
    "IH@vid, IH@dur": "the share of clips and of time with a human voice, by voice activity detection "
    "(arXiv 2510.08078)",
}


@dataclass(frozen=True)
class ReproductionReport:
    """The rows of Tables 1 and 2 (`systems`) and 3 (`judges`), what they leave out, and how they were measured."""

    systems: Sequence[SystemRow]
    judges: Sequence[JudgeRow]
    omissions: Sequence[str]
    how: Mapping[str, object]

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        rows = as_json(self.systems, self.judges)
        return versioned("reproduction", {**rows, "omissions": list(self.omissions), "measured": dict(self.how)})

    def to_markdown(self) -> str:
        """The tables, and below them how they were measured and what they leave out."""
        return markdown(self.systems, self.judges) + as_markdown(self.omissions, self.how)


@dataclass(frozen=True)
class Reproduction:
    """Where a reproduction's clips and ground truth are and where it goes; one entry of `every` per row of systems."""

    clips: Path
    reference: Path
    folder: Path
    every: Sequence[ReproductionSettings]

    def folder_of(self, settings: ReproductionSettings) -> Path:
        """Where the sounds of a generator and seed lie."""
        return self.folder / settings.generator / f"seed_{settings.seed}"

    def count(self) -> int:
        """How many clips each generator and seed is to make."""
        return len(videos_of(self.clips, self.folder))

    def finished(self, settings: ReproductionSettings) -> int:
        """How many of the clips have all their sounds of a generator and seed."""
        folder, fingerprint = self.folder_of(settings), settings.fingerprint()
        return sum(is_done(folder, stem, fingerprint) for stem in videos_of(self.clips, self.folder))

    def check(self, figures: Sequence[str] = ()) -> None:
        """What can be known before the work.

        Raises MissingWeightsError naming all that the engines lack, EngineError or InputError for engines that cannot
        be made so, InputError for a ground truth without clips or figures of clips that are not in it or not among the
        videos, OutputError for a folder that takes no files.
        """
        truth = find_clips(self.reference).clips
        if not truth:
            raise InputError(f"There are no sounds or videos in {self.reference}; name the folder of the ground truth.")
        videos = videos_of(self.clips, self.folder)
        for name in figures:
            if name not in videos:
                raise InputError(f"The figure {name!r} is of no clip in {self.clips}; name one of them.")
            if name not in truth:
                raise InputError(
                    f"The figure {name!r} needs a ground truth of that name in {self.reference}; add one, or name "
                    "another."
                )
        execution = self.every[0].execution
        engines = dict.fromkeys(name for one in self.every for name in (one.generator, *one.all_judges, one.separator))
        missing = None if execution.download else missing_weights(engines, default_search_paths(execution.weights))
        if missing is not None:
            raise MissingWeightsError(missing)
        for settings in self.every:
            ClipWork(settings).check()
        require_writable(self.folder)

    def report(self, only: Sequence[str] = (), progress: Progress = Progress()) -> ReproductionReport:
        """Make the VO-Free set and measure every system against both references.

        `only` are some of the metrics (none for all). A generator that made no clip has no rows, which is said.
        Raises InputError where none made any.
        """
        first, videos = self.every[0], videos_of(self.clips, self.folder)
        voice_free = make_vo_free(self.reference, self.folder, first, videos, progress.part(0.0, 0.3).at("VO-Free set"))
        references = {ORIGINAL: self.reference}
        if any(not row.get("problem") for row in voice_free):
            references[VOICE_FREE] = self.folder / SOUNDS
        measured = EvaluationSettings(first.duration_s or DURATION_S, only=tuple(only))
        rows: list[SystemRow] = []
        judges: list[JudgeRow] = []
        reports: list[EvaluationReport] = []
        made: set[str] = set()
        without: list[str] = [*_unjudged(voice_free)]
        for number, settings in enumerate(self.every):
            part = progress.part(0.3 + 0.7 * number / len(self.every), 0.3 + 0.7 * (number + 1) / len(self.every))
            folder = self.folder_of(settings)
            records = records_of(folder, settings.fingerprint(), videos)
            if not records and settings is not self.every[-1]:
                without.append(f"{settings.generator} with seed {settings.seed} made no clip and has no row.")
                continue
            here, behind = system_rows(
                settings.generator, settings.seed, folder, references, measured, settings.execution, records, part
            )
            rows += here
            without += _other_generator(settings, records)
            reports += behind.values()
            made |= records.keys()
            judges += judge_rows(settings.generator, settings.seed, records)
        left_out = omissions(reports, sorted(made), sorted(find_clips(self.reference).clips))
        return ReproductionReport(rows, judges, (*without, *left_out), self._how(voice_free))

    def _how(self, voice_free: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        changed = sum(row["changed"] is True for row in voice_free)
        return {
            **_protocol_summary(self.every),
            "VO-Free set": f"{changed} of {len(voice_free)} clips of the ground truth changed, listed in {LIST} "
            f"(published: {published()['vo_free_changed_clips']:,} of VGGSound's test clips)",
            **DEFINITIONS,
        }

    def write(self, report: ReproductionReport) -> None:
        """Leave tables.json and tables.md. Raises OutputError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.folder / "tables.json") as partial:
            partial.write_bytes(json_bytes({**report.to_json(), "published": published()}))
        with atomic_write(self.folder / "tables.md") as partial:
            partial.write_text(report.to_markdown(), encoding="utf-8")

    def draw(self, names: Sequence[str], progress: Progress = Progress()) -> None:
        """Figure 6 of these clips, for every generator and seed. Raises InputError for a clip that was not made."""
        for settings in self.every if names else ():
            folder = self.folder_of(settings)
            records = records_of(folder, settings.fingerprint())
            for name in names:
                if name not in records:
                    raise InputError(
                        f"The figure {name!r} cannot be drawn: {settings.generator} did not make it; name another clip."
                    )
                figure = figure_of(name, records[name], folder, self.reference, settings.reasoner)
                write_figure(figure, folder / FOLDER / name, progress)


def _unjudged(voice_free: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What of the ground truth is not in the VO-Free set, in one sentence."""
    bad = [row for row in voice_free if row.get("problem")]
    if bad:
        yield (
            f"{len(bad)} clips of the ground truth are not in the VO-Free set; {LIST} says why, "
            f"of {bad[0]['clip']}: {str(bad[0]['problem']).rstrip('.')}."
        )


def _other_generator(settings: ReproductionSettings, records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Where a generator cannot avoid voices: which row it has not, and what made the sound of `neg`."""
    others = {record["regenerated_by"] for record in records.values()} - {settings.generator}
    if others:
        yield (
            f"{settings.generator} cannot generate again without voices: it has no row for Direct-neg, and what "
            f"Ours-s4-neg falls back to is generated by {', '.join(sorted(others))}."
        )


def _protocol_summary(every: Sequence[ReproductionSettings]) -> dict[str, object]:
    first = every[0]
    seconds = "all of" if first.duration_s is None else f"the first {first.duration_s:g} s of"
    return {
        "duration": f"{seconds} every clip",
        "judge": first.reasoner,
        "separator": f"{first.separator}, cut {first.separation.mode or 'by its own default'}",
        "seeds": ", ".join(dict.fromkeys(str(one.seed) for one in every)),
        "undecided": f"counts as {first.undecided}",
    }

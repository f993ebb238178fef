"""Evaluation of sets of clips: find, extract uncached features, score, list omissions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from deepsound.errors import InputError
from deepsound.evaluate.clips import ClipFiles, ClipListing, Problem, find_clips, with_groups
from deepsound.evaluate.extraction import ExtractedFeatures, extract
from deepsound.evaluate.extractor_set import LEVELS, VOICE, ExtractorSet
from deepsound.evaluate.extractors import DURATION_S
from deepsound.evaluate.metrics import METRICS, PICTURE_EXTRACTORS, Metric, MetricInputs, MetricScore
from deepsound.evaluate.notes import notes_on
from deepsound.evaluate.offsets import offset_logits
from deepsound.evaluate.report import EvaluationReport, Missing, ReferenceReport, SetReport
from deepsound.evaluate.store import FeatureStore
from deepsound.evaluate.summary import reference_report, set_report
from deepsound.runtime.background import run_in_background
from deepsound.runtime.execution import Execution, torch_device
from deepsound.runtime.progress import Progress
from deepsound.weights.search_paths import own_cache

T = TypeVar("T")
MEASURED = (*METRICS, VOICE, LEVELS)


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation goes about it.

    The networks look at the first `duration_s` seconds; voice and levels are of the whole sound. `paired` compares by
    name, as the published tables do. `clean_names` takes the published clean-up of names. `only` are some of MEASURED,
    none for all. `also_before` scores the sounds from before the voice was removed as sets of their own. Raises
    InputError for a duration that is not positive or a name that is not measured.
    """

    duration_s: float = DURATION_S
    paired: bool = True
    clean_names: bool = False
    only: tuple[str, ...] = ()
    also_before: bool = False

    def __post_init__(self) -> None:
        if not self.duration_s > 0:
            raise InputError(
                f"The duration is {self.duration_s} s; expected more than 0 seconds; leave it out for the whole sound."
            )
        for name in self.only:
            if name not in MEASURED:
                raise InputError(f"Nothing is measured under the name {name!r}; choose from: {', '.join(MEASURED)}.")

    @property
    def measured_names(self) -> tuple[str, ...]:
        return tuple(name for name in MEASURED if not self.only or name in self.only)


@dataclass(frozen=True)
class Sets:
    """What is measured: predictions by their set's name, and what they are compared with under the name it is given."""

    predicted: Mapping[str, ClipListing]
    reference: ClipListing | None = None
    reference_name: str = ""


def find_sets(
    predicted: Sequence[Path],
    reference: Path | None = None,
    reference_name: str = "",
    before: Path | None = None,
    groups: Mapping[str, str] | None = None,
    settings: EvaluationSettings = EvaluationSettings(),
) -> Sets:
    """The clips of every folder. A picture is taken from the reference where it has one, else from beside the sound.

    `before` holds the sounds from before the voice was removed, where runs do not say. Raises InputError for a folder
    that is not there or holds no clips, and for `before` or `groups` that have no clip's name.
    """
    against = None if reference is None else _some_clips(find_clips(reference, settings.clean_names))
    earlier = {} if before is None else _some_clips(find_clips(before, settings.clean_names)).clips
    sets: dict[str, ClipListing] = {}
    for place in predicted:
        found = with_groups(_some_clips(find_clips(place, settings.clean_names)), groups or {})
        clips = {
            name: replace(
                clip, before=earlier[name].sound if name in earlier else clip.before, video=_picture(clip, against)
            )
            for name, clip in found.clips.items()
        }
        name = place.name if place.name and place.name not in sets else str(place)
        sets[name] = replace(found, clips=clips)
        if settings.also_before and any(clip.before for clip in clips.values()):
            sets[f"{name} (before)"] = ClipListing(place, _clips_before(clips))
    if settings.also_before and not any(clip.before for found in sets.values() for clip in found.clips.values()):
        raise InputError(
            "No sound from before the voice was removed is known: these folders are not a run's own. Name "
            "the folder that holds them with --before, or leave --also-before out."
        )
    _require_common(f"sounds in {before}", earlier, sets)
    _require_common("names in the table of groups", groups or {}, sets)
    return Sets(sets, against, reference_name or (str(reference) if reference is not None else ""))


def evaluate(
    sets: Sets,
    settings: EvaluationSettings = EvaluationSettings(),
    execution: Execution = Execution(),
    cache: Path | None = None,
    progress: Progress = Progress(),
) -> EvaluationReport:
    """Measure every set. What is in `cache` (own cache below `features`) is not computed again, so a run that was
    stopped goes on where it was. The report lists bad files and missing networks. Raises Cancelled.
    """
    began = time.perf_counter()
    tools = ExtractorSet.of(settings.measured_names, settings.duration_s, execution)
    with FeatureStore(cache or own_cache() / "features") as store:
        wanted = _files_by_extractor(sets, settings, tools)
        features = _timed_stage(
            "features", progress, lambda p: extract(wanted, tools.extractors, store, execution, p), _describe
        )
        reports = _timed_stage(
            "scores",
            progress,
            lambda p: _score(sets, settings, tools, features, execution, p),
            lambda reports: f"{len(reports)} set{'s' * (len(reports) > 1)}",
        )
        reference = None if sets.reference is None else reference_report(sets.reference, sets.reference_name, features)
        report = _report(sets, settings, execution, tools, features, reports, reference)
    return replace(report, total_s=time.perf_counter() - began)


def _files_by_extractor(sets: Sets, settings: EvaluationSettings, tools: ExtractorSet) -> dict[str, list[Path]]:
    """Which files each extractor has to see; a metric that lacks one of its extractors asks nothing of the others."""
    wanted: dict[str, list[Path]] = {}

    def want(name: str, files: Sequence[Path | None]) -> None:
        if name in tools.extractors:
            wanted.setdefault(name, []).extend(file for file in files if file is not None)

    clips = [clip for found in sets.predicted.values() for clip in found.clips.values()]
    references = list(sets.reference.clips.values()) if sets.reference is not None else []
    for metric in (METRICS[name] for name in settings.measured_names if name in METRICS):
        if _reason_unavailable(metric, sets, tools):
            continue
        seen = [clip for clip in clips if clip.video is not None] if metric.needs == "video" else clips
        for name in metric.extractors:
            want(name, [clip.video if name in PICTURE_EXTRACTORS else clip.sound for clip in seen])
            if metric.needs == "reference":
                want(name, [clip.sound for clip in references])
    want(VOICE, [file for clip in clips for file in (clip.sound, clip.before)] + [clip.sound for clip in references])
    want(LEVELS, [clip.sound for clip in clips])
    return wanted


def _reason_unavailable(metric: Metric, sets: Sets, tools: ExtractorSet) -> str:
    """Why a metric cannot be had for any set; empty where it can."""
    if absent := tools.absence_reason(metric.extractors):
        return absent
    if metric.needs == "reference" and sets.reference is None:
        return "there is no reference set; name one with --gt"
    if metric.needs == "video" and not any(
        clip.video for found in sets.predicted.values() for clip in found.clips.values()
    ):
        return "no clip has a picture: neither the reference set nor the predictions hold its video"
    return ""


def _score(
    sets: Sets,
    settings: EvaluationSettings,
    tools: ExtractorSet,
    features: ExtractedFeatures,
    execution: Execution,
    progress: Progress,
) -> tuple[SetReport, ...]:
    reports = []
    chosen = [
        METRICS[name]
        for name in settings.measured_names
        if name in METRICS and not _reason_unavailable(METRICS[name], sets, tools)
    ]
    reference = sets.reference.clips if sets.reference is not None else {}
    for number, (name, found) in enumerate(sets.predicted.items()):
        part = progress.part(number / len(sets.predicted), (number + 1) / len(sets.predicted))
        material = MetricInputs(found.clips, reference, features, settings.paired)
        if tools.scorer is not None and any(metric.name == "DeSync" for metric in chosen):
            offsets = offset_logits(found.clips, features, tools.scorer, execution, part.part(0.0, 0.5))
            material = replace(material, offsets=offsets)
        usable = [metric for metric in chosen if not set(metric.extractors) & set(features.failed)]
        scores = {metric.name: _score_of(metric, material, part.part(0.5, 1.0)) for metric in usable}
        reports.append(set_report(name, found, material, scores))
    return tuple(reports)


def _score_of(metric: Metric, material: MetricInputs, progress: Progress) -> MetricScore:
    try:
        # The root of a covariance of 2048 features takes long, and cannot be stopped from within.
        return run_in_background(lambda stop: metric.score(material), progress)
    except InputError as error:
        return MetricScore(None, why=str(error))


def _report(
    sets: Sets,
    settings: EvaluationSettings,
    execution: Execution,
    tools: ExtractorSet,
    features: ExtractedFeatures,
    reports: tuple[SetReport, ...],
    reference: ReferenceReport | None,
) -> EvaluationReport:
    places = [*sets.predicted.values(), *([sets.reference] if sets.reference is not None else [])]
    problems = [problem for found in places for problem in found.problems] + features.problems
    return EvaluationReport(
        settings={
            **asdict(settings),
            "only": list(settings.only),
            "measured": list(settings.measured_names),
            "device": str(torch_device(execution)),
            "precision": "fp32",
        },
        reference=reference,
        sets=reports,
        missing=tuple(_missing(sets, settings, tools, features)),
        problems=_unique(problems),
        ignored=tuple(dict.fromkeys(file for found in places for file in found.ignored)),
        notes=notes_on(reports, reference, settings.duration_s, features.store.trouble),
        computed=features.computed,
        identities=features.identities,
    )


def _missing(
    sets: Sets, settings: EvaluationSettings, tools: ExtractorSet, features: ExtractedFeatures
) -> list[Missing]:
    missing = []
    for name in settings.measured_names:
        needed = METRICS[name].extractors if name in METRICS else (name,)
        why = _reason_unavailable(METRICS[name], sets, tools) if name in METRICS else tools.absence_reason(needed)
        why = why or " ".join(features.failed[one] for one in needed if one in features.failed)
        if why:
            lacking = [one for one in needed if one in tools.absent or one in features.failed]
            missing.append(Missing(name, why, tools.fetch_command(lacking)))
    return missing


def _unique(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))


def _some_clips(found: ClipListing) -> ClipListing:
    if not found.clips:
        listed = "".join(f" {problem.file.name}: {problem.what}." for problem in found.problems[:3])
        raise InputError(
            f"There is no sound or video in {found.place} that can be measured.{listed} Give another folder."
        )
    return found


def _require_common(what: str, given: Mapping[str, object], sets: Mapping[str, ClipListing]) -> None:
    """Raise InputError where what belongs to the clips has none of their names: it would be passed over in silence."""
    if given and not any(found.clips.keys() & given.keys() for found in sets.values()):
        clip = next(name for found in sets.values() for name in found.clips)
        raise InputError(
            f"None of the {len(given)} {what} has the name of a clip: the first is {next(iter(given))!r}, "
            f"the first clip {clip!r}. Give them the clips' names."
        )


def _picture(clip: ClipFiles, reference: ClipListing | None) -> Path | None:
    theirs = reference.clips.get(clip.name) if reference is not None else None
    return theirs.video if theirs is not None and theirs.video is not None else clip.video


def _clips_before(clips: Mapping[str, ClipFiles]) -> dict[str, ClipFiles]:
    return {
        name: replace(clip, sound=clip.before, before=None) for name, clip in clips.items() if clip.before is not None
    }


def _timed_stage(name: str, progress: Progress, work: Callable[[Progress], T], describe: Callable[[T], str]) -> T:
    stage = progress.at(name)
    began = time.perf_counter()
    made = work(stage)
    stage.finish(describe(made), time.perf_counter() - began)
    return made


def _describe(features: ExtractedFeatures) -> str:
    new = ", ".join(f"{name} {count}" for name, count in features.computed.items() if count) or "nothing"
    count = len(features.problems)
    return f"computed: {new}; {count} problem{'s' * (count != 1)}"

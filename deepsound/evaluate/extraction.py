"""Extracts uncached features of many files; a bad file is reported, not fatal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.engines import views
from deepsound.errors import DeepSoundError, EngineError, InputError, MediaError
from deepsound.evaluate.clips import Problem
from deepsound.evaluate.store import FeatureStore, Key
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import numpy as np

    from deepsound.evaluate.extractors import Extractor, InputKind

# What is decoded together: enough for a device to work on several at once, little enough for any memory. No more than
# this is lost when a run is stopped.
_SOUNDS, _CLIPS = 16, 4
_SOUND_BYTES = 256 << 20


@dataclass
class ExtractedFeatures:
    """What was extracted, by extractor and file; `computed` counts what was not there before, by extractor.

    `failed` are extractors that could not run at all, with the reason.
    """

    store: FeatureStore
    identities: Mapping[str, str]
    digests: Mapping[Path, str]
    problems: list[Problem] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)

    def get(self, extractor: str, file: Path | None) -> dict[str, np.ndarray] | None:
        """The extractor's outputs for a file; None where there are none."""
        if file is None or extractor not in self.identities or file not in self.digests:
            return None
        return self.store.get(Key(extractor, self.identities[extractor], self.digests[file]))


@dataclass(frozen=True)
class _Work:
    """One file and the extractors that have not seen its content yet."""

    file: Path
    digest: str
    extractors: tuple[Extractor, ...]


def extract(
    wanted: Mapping[str, Iterable[Path]],
    extractors: Mapping[str, Extractor],
    store: FeatureStore,
    execution: Execution,
    progress: Progress = Progress(),
) -> ExtractedFeatures:
    """The features of the files that are `wanted` of each extractor, by name; what is kept in `store` is not redone.

    A file that cannot be read or used is a problem of the result, an extractor that cannot run is `failed`; the rest
    goes on. Raises Cancelled.
    """
    wanted = {name: tuple(dict.fromkeys(files)) for name, files in wanted.items()}
    files = dict.fromkeys(file for paths in wanted.values() for file in paths)
    digests, unreadable = _digests(list(files), store, progress.part(0.0, 0.05))
    failed: dict[str, str] = {}
    identities = _identities(wanted, extractors, execution, failed, progress)
    features = ExtractedFeatures(store, identities, digests, unreadable, failed)
    work = _missing(wanted, extractors, features)
    total = sum(len(item.extractors) for items in work.values() for item in items)
    rest, done = progress.part(0.05, 1.0), 0
    for input_kind, items in work.items():
        for batch in _open_batches(items, input_kind, features, rest):
            done += _run_batch(batch, features, execution, rest, done, total)
    features.problems += [
        Problem(file, problem.what, problem.extractor) for file, problem in _of_the_same_content(features, files)
    ]
    progress.update(1.0)
    return features


def _digests(files: list[Path], store: FeatureStore, progress: Progress) -> tuple[dict[Path, str], list[Problem]]:
    digests, problems = {}, []
    for file in progress.track(files, len(files)):
        try:
            digests[file] = store.digest(file)
        except MediaError as error:
            problems.append(Problem(file, str(error)))
    return digests, problems


def _identities(
    wanted: Iterable[str],
    extractors: Mapping[str, Extractor],
    execution: Execution,
    failed: dict[str, str],
    progress: Progress,
) -> dict[str, str]:
    identities = {}
    for name in wanted:
        try:
            identities[name] = extractors[name].identity(execution, progress)
        except EngineError as error:
            failed[name] = str(error)
    return identities


def _missing(
    wanted: Mapping[str, Iterable[Path]],
    extractors: Mapping[str, Extractor],
    features: ExtractedFeatures,
) -> dict[InputKind, list[_Work]]:
    """By what is taken, sound or clip: every content once, with the extractors that lack it."""
    lacking: dict[tuple[InputKind, str], tuple[Path, list[Extractor]]] = {}
    for name, files in wanted.items():
        features.computed.setdefault(name, 0)
        seen: set[str] = set()
        for file in files:
            digest = features.digests.get(file)
            if digest is None or digest in seen or name not in features.identities:
                continue
            seen.add(digest)
            if Key(name, features.identities[name], digest) not in features.store:
                input_kind = extractors[name].input_kind
                lacking.setdefault((input_kind, digest), (file, []))[1].append(extractors[name])
    work: dict[InputKind, list[_Work]] = {}
    for (input_kind, digest), (file, lackers) in lacking.items():
        work.setdefault(input_kind, []).append(_Work(file, digest, tuple(lackers)))
    return work


_Batch = list[tuple[_Work, Audio | Clip]]


def _open_batches(
    items: list[_Work], input_kind: InputKind, features: ExtractedFeatures, progress: Progress
) -> Iterator[_Batch]:
    """The files decoded, or opened where pictures are taken, some at a time; what cannot be is a problem."""
    batch: _Batch = []
    held = 0
    for item in items:
        progress.check()
        try:
            subject = _open(item, input_kind, Progress(check=progress.check))
        except (InputError, MediaError) as error:
            features.problems.append(Problem(item.file, str(error)))
            continue
        batch.append((item, subject))
        held += subject.channels * subject.samples * 4 if isinstance(subject, Audio) else 0
        if len(batch) >= (_SOUNDS if input_kind == "audio" else _CLIPS) or held >= _SOUND_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _open(item: _Work, input_kind: InputKind, progress: Progress) -> Audio | Clip:
    if input_kind == "audio":
        return decode_audio(item.file, progress=progress)
    clip = Clip.open(item.file)
    for extractor in item.extractors:
        clip.expect(*views(extractor))
    return clip


def _run_batch(
    batch: _Batch,
    features: ExtractedFeatures,
    execution: Execution,
    progress: Progress,
    done: int,
    total: int,
) -> int:
    """Run every extractor over those of the batch that it lacks; gives back how many results that was."""
    count = 0
    for name, extractor in {lacking.name: lacking for item, _ in batch for lacking in item.extractors}.items():
        mine = [(item, subject) for item, subject in batch if extractor in item.extractors]
        part = progress.part((done + count) / total, (done + count + len(mine)) / total)
        part.update(0.0)
        count += len(mine)
        if name in features.failed:
            continue
        try:
            results = extractor.extract_many([subject for _, subject in mine], execution, part)
        except EngineError as error:
            features.failed[name] = str(error)
            continue
        for (item, _), result in zip(mine, results, strict=True):
            _keep(item, result, name, features)
    return count


def _keep(item: _Work, result: Mapping[str, object] | DeepSoundError, name: str, features: ExtractedFeatures) -> None:
    if isinstance(result, DeepSoundError):
        features.problems.append(Problem(item.file, str(result), name))
        return
    features.store.put(Key(name, features.identities[name], item.digest), result)  # type: ignore[arg-type]
    features.computed[name] += 1


def _of_the_same_content(features: ExtractedFeatures, files: Iterable[Path]) -> list[tuple[Path, Problem]]:
    """The problems of a file are also those of its copies."""
    by_digest: dict[str, list[Path]] = {}
    for file in files:
        if file in features.digests:
            by_digest.setdefault(features.digests[file], []).append(file)
    return [
        (copy, problem)
        for problem in features.problems
        if problem.file in features.digests
        for copy in by_digest[features.digests[problem.file]]
        if copy != problem.file
    ]

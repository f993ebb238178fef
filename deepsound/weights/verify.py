"""Verifies weights on disk against the published hashes, and that they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepsound.errors import EngineError
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import Weights
from deepsound.weights.integrity import TENSOR_SUFFIXES, mismatch, not_a_checkpoint
from deepsound.weights.load import read_tensors
from deepsound.weights.locate import find
from deepsound.weights.search_paths import SearchPaths, default_search_paths

# verified: size and hash are the published ones. readable: it opens, and nobody states what its hash should be.
Status = Literal["verified", "readable", "damaged", "missing"]


@dataclass(frozen=True)
class VerifyResult:
    """What was found of one file; `path` is None where there is none, `detail` says what the status rests on."""

    id: str
    status: Status
    detail: str
    path: Path | None = None


def verify(
    weights: Weights, places: SearchPaths | None = None, progress: Progress = Progress()
) -> tuple[VerifyResult, ...]:
    """Read every file of the weights, compare it with what is published, and open it; reports the share read.

    Nothing is raised for a file that is wrong, only said: one bad file does not keep the others from being checked.
    """
    try:
        path = find(weights, places or default_search_paths())
    except EngineError as error:
        return (VerifyResult(weights.id, "missing", str(error)),)
    if path is None:
        return (VerifyResult(weights.id, "missing", "not on this machine"),)
    files = _files(weights, path)
    return tuple(
        _check(weights, file, progress.part(number / len(files), (number + 1) / len(files)))
        for number, file in enumerate(files)
    )


def _files(weights: Weights, path: Path) -> list[Path]:
    if weights.kind == "folder":
        return sorted(file for file in path.rglob("*") if is_file(file, EngineError) and not file.name.startswith("."))
    beside = (path.with_name(file.name) for file in weights.files[1:])
    return [path, *(file for file in beside if is_file(file, EngineError) and file != path)]


def _check(weights: Weights, path: Path, progress: Progress) -> VerifyResult:
    try:
        wrong = not_a_checkpoint(path, path.name)
        if wrong is None and path.name.endswith(TENSOR_SUFFIXES):
            read_tensors(path)
    except EngineError as error:
        return VerifyResult(weights.id, "damaged", str(error), path)
    except OSError as error:
        return VerifyResult(weights.id, "damaged", f"it cannot be read: {error.strerror or error}", path)
    if wrong is not None:
        return VerifyResult(weights.id, "damaged", wrong, path)
    return _compare(weights, path, progress)


def _compare(weights: Weights, path: Path, progress: Progress) -> VerifyResult:
    published = [file for file in weights.published(path.name) if file.sha256 or file.md5 or file.bytes]
    problems = []
    for file in published:
        problem = mismatch(path, file, progress)
        if problem is None:
            proof = " and ".join(kind for kind in ("sha256", "md5") if getattr(file, kind))
            return (
                VerifyResult(weights.id, "verified", f"{proof} as published", path)
                if proof
                else VerifyResult(weights.id, "readable", "size as published, no hash is stated", path)
            )
        problems.append(problem)
    if problems:
        return VerifyResult(weights.id, "damaged", problems[0], path)
    return VerifyResult(weights.id, "readable", "opens; no hash of this file is stated", path)

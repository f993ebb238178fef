"""Cached Synchformer offset logits of many clips, each sound against its picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deepsound.errors import EngineError, InputError
from deepsound.evaluate.clips import ClipFiles, Problem
from deepsound.evaluate.extraction import ExtractedFeatures
from deepsound.evaluate.metrics import FEATURES, OFFSET, stack_rows
from deepsound.evaluate.store import Key
from deepsound.runtime.digests import digest_of
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from deepsound.evaluate.extractors import OffsetScorer

_SIDES = ("synchformer_video", "synchformer_audio")


def offset_logits(
    clips: Mapping[str, ClipFiles],
    features: ExtractedFeatures,
    scorer: OffsetScorer,
    execution: Execution,
    progress: Progress = Progress(),
) -> dict[str, np.ndarray]:
    """Logits [2, 21] of the first and the last 4.8 s of every clip whose sound and picture have been looked at.

    A clip that is too short becomes one of the features' problems; a head that cannot run is `failed`.
    """
    try:
        identity = scorer.identity(execution, progress)
    except EngineError as error:
        features.failed[OFFSET] = str(error)
        return {}
    features.computed.setdefault(OFFSET, 0)
    found = {}
    for name, clip in progress.track(clips.items(), len(clips)):
        key = _key(clip, identity, features)
        if key is None:
            continue
        try:
            logits = _logits(key, clip, features, scorer, execution, Progress(check=progress.check))
        except InputError as error:
            features.problems.append(Problem(clip.sound, str(error), OFFSET))
        except EngineError as error:
            features.failed[OFFSET] = str(error)
            return {}
        else:
            if logits is not None:
                found[name] = logits
    return found


def _key(clip: ClipFiles, identity: str, features: ExtractedFeatures) -> Key | None:
    """The logits depend on both files, and on what looked at them."""
    files = (clip.video, clip.sound)
    if any(file is None or file not in features.digests for file in files) or any(
        side not in features.identities for side in _SIDES
    ):
        return None
    digests = (features.digests[file] for file in files if file is not None)
    return Key(OFFSET, identity, digest_of(*digests, *(features.identities[side] for side in _SIDES)))


def _logits(
    key: Key,
    clip: ClipFiles,
    features: ExtractedFeatures,
    scorer: OffsetScorer,
    execution: Execution,
    progress: Progress,
) -> np.ndarray | None:
    kept = features.store.get(key)
    if kept is None:
        import torch

        seen, heard = (features.get(side, file) for side, file in zip(_SIDES, (clip.video, clip.sound), strict=True))
        if seen is None or heard is None:
            return None
        video, audio = (torch.from_numpy(side[FEATURES]) for side in (seen, heard))
        features.store.put(key, scorer.score(video, audio, execution, progress))
        features.computed[OFFSET] += 1
        kept = features.store.get(key)
    return None if kept is None else stack_rows((kept["first"], kept["last"]))

"""Golden: frames of a real video, decoded, sampled and resized."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsound.generate.mmaudio.frame_sampling import TickedFrames, clip_view, sync_view, usable_duration_s
from deepsound.media.clip import Clip
from deepsound.models.synchformer.preprocess import clip_values, sync_values
from tests.goldens import frame_selection

DATA = Path(__file__).parents[3] / "shared" / "data"
# The reference's own decoder converts colours likewise, but another build of it may round another way.
SAME_BUILD, OTHER_BUILD = 1e-6, 2e-3


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    source = golden["source"]
    video = _find(source["file_name"], source["md5"])
    row = source | {"source_fps": source["average_rate"], "frames": source["decoded_frames"]}
    for case in golden["cases"]:
        name = f"{case['requested_duration']} s"
        yield from frame_selection.against(
            case, f"{name}, by times", frame_selection.times_s(row), case["requested_duration"]
        )
    if video is None:
        yield f"pictures ({source['file_name']} is not at hand)", None, None, 0.0
        return
    clip = Clip.open(video)
    for case in golden["cases"]:
        clip.expect(clip_view(case["requested_duration"]), sync_view(case["requested_duration"]))
    for case in golden["cases"]:
        yield from _case(clip, case, _tolerance(source["pyav"]))


def _case(clip: Clip, case: dict[str, Any], tolerance: float) -> Iterator[tuple[str, Any, Any, float]]:
    name, requested_s = f"{case['requested_duration']} s", case["requested_duration"]
    views = {
        "clip": (clip.view(clip_view(requested_s)), clip_values),
        "sync": (clip.view(sync_view(requested_s)), sync_values),
    }
    seconds = usable_duration_s(requested_s, *(len(ticked.rows) for ticked, _ in views.values()))
    yield f"{name}, seconds", seconds, case["duration_sec"], 0.0
    for kind, (ticked, values) in views.items():
        yield f"{name}, {kind} indices", ticked.frame_numbers(), case[f"{kind}_indices"], 0.0
        used = _used(ticked, values, case[f"{kind}_frames_shape"][0])
        yield f"{name}, {kind} shape", used.shape, case[f"{kind}_frames_shape"], 0.0
        yield f"{name}, {kind} means", used.mean(dim=(2, 3)), case[f"{kind}_frame_mean_rgb"], tolerance
        yield f"{name}, {kind} deviations", used.std(dim=(1, 2, 3)), case[f"{kind}_frame_std"], tolerance
        for corner, expected in case[f"{kind}_corner_values_frame0"].items():
            _, y, x = corner.strip("[]").split(",")
            yield f"{name}, {kind} {corner}", used[0, :, int(y), int(x)], expected, tolerance


def _used(ticked: TickedFrames, values: Any, count: int) -> torch.Tensor:
    first = ticked.first(count)
    return values(first.pictures)[list(first.rows)].double()


def _find(name: str, md5: str) -> Path | None:
    for path in DATA.glob(f"*{name}"):
        if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == md5:
            return path
    return None


def _tolerance(reference_pyav: str) -> float:
    import av

    return SAME_BUILD if av.__version__ == reference_pyav else OTHER_BUILD

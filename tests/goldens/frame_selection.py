"""Which frames are taken, as a function of the frames' times alone."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from deepsound.generate.mmaudio.frame_sampling import CLIP_FPS, SYNC_FPS, Ticks, usable_duration_s


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    for number, row in enumerate(golden["rows"]):
        name = f"{number}: {row['frames']} frames at {row['source_fps']} fps"
        yield from against(row, name, times_s(row), row["requested_duration"])
        duration_s = row["duration_sec"]
        yield f"{name}, clip frames", int(CLIP_FPS * duration_s), row["clip_frames_used"], 0.0
        yield f"{name}, sync frames", int(SYNC_FPS * duration_s), row["sync_frames_used"], 0.0


def against(
    row: dict[str, Any],
    name: str,
    times: list[float],
    requested_s: float,
) -> Iterator[tuple[str, Any, Any, float]]:
    clip, sync = (taken(times, rate, requested_s) for rate in (CLIP_FPS, SYNC_FPS))
    yield f"{name}, clip indices", clip, row["clip_indices"], 0.0
    yield f"{name}, sync indices", sync, row["sync_indices"], 0.0
    yield f"{name}, seconds", usable_duration_s(requested_s, len(clip), len(sync)), row["duration_sec"], 0.0


def taken(times: list[float], rate: float, requested_s: float) -> list[int]:
    ticks = Ticks(rate)
    return [
        index for index, time_s in enumerate(times) if time_s <= requested_s for _ in range(ticks.ticks_until(time_s))
    ]


def times_s(row: dict[str, Any]) -> list[float]:
    base, start = Fraction(row["time_base"]), row.get("start_pts", 0)
    fps = Fraction(row["source_fps"])
    return [float((round(index / fps / base) + start) * base) for index in range(row["frames"])]

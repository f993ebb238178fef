"""Golden: the silence rule against the original's (librosa 0.11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepsound.silence import SilenceRule, frame_levels_db, frame_rms, measure
from deepsound.types import Audio

# float32 sums of 2048 squares in another order: relative 1e-6 of the value; levels of that in dB.
RMS_RELATIVE = 1e-6
LEVEL_DB = 1e-4
# Any rate does: the rule counts samples.
SAMPLE_RATE = 44100


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    rule = _rule(golden["settings"])
    for case in golden["cases"]:
        name = case["name"]
        samples = tensors.get(f"inputs/{name}", np.zeros((1, 0), dtype=np.float32))
        audio = Audio.from_numpy(samples, SAMPLE_RATE)
        result = measure(audio, rule)
        yield f"{name}/is_silent", result.is_silent, case["is_silent"], 0.0
        if "ratio" in case:
            yield f"{name}/ratio", result.ratio, case["ratio"], 1e-12
            yield f"{name}/frames", result.frames, case["frames"], 0.0
        if f"outputs/{name}/rms" in tensors:
            expected = tensors[f"outputs/{name}/rms"]
            rms = frame_rms(audio.numpy(), rule)
            yield f"{name}/rms", rms, expected, RMS_RELATIVE * max(float(expected.max()), 1e-5)
            yield f"{name}/db", frame_levels_db(rms, rule), tensors[f"outputs/{name}/db"], LEVEL_DB


def _rule(settings: dict[str, Any]) -> SilenceRule:
    return SilenceRule(
        frame_length=settings["frame_length"],
        hop_length=settings["hop_length"],
        silent_below_db=settings["silence_thresh_db"],
        dynamic_range_db=settings["top_db"],
        min_amplitude=settings["amin"],
        max_silent_ratio=settings["ratio_thresh"],
    )

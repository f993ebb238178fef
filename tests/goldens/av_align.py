"""AV-Align and its onset detector against the published script and librosa 0.11."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from deepsound.evaluate.av_align import FlowCurve, av_align, count_hits, flow_peaks_s, pair_magnitude
from deepsound.evaluate.onsets import load_mono, mel_power, onset_frames, onset_strength
from deepsound.types import Audio

Row = tuple[str, Any, Any, float]

# librosa transforms in float32: 1e-6 of the loudest power. In dB the reference cannot be closer than that where the
# level is 60 dB and more under its loudest, so powers are compared, and the envelope (a mean of 128 differences of
# two levels) with what such an error makes of a level 30 dB down: 10 log10(1 + 1e-6 * 1e3) = 4.3e-3 dB.
POWER_RELATIVE = 2e-6
ENVELOPE_DB = 5e-3
# Farneback's iterations differ by 1e-11 from run to run, and by its build's vector width in float32.
FLOW_PIXELS = 1e-4


def compare_onsets(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    for name, times in golden["onset_times"].items():
        mono = tensors[f"inputs/pcm.{name}"].astype(np.float32) / 32768
        expected_db = tensors[f"outputs/mel_db.{name}"].astype(np.float64)
        power = mel_power(mono)[:, : expected_db.shape[1]]
        floor = max(mel_power(mono).max(), 1e-10) * 1e-8
        expected = np.maximum(10 ** (expected_db / 10), floor)
        # The expected levels are float32: near 100 dB half a unit is 3.8e-6 dB, 8.8e-7 of the power.
        tolerance = POWER_RELATIVE * max(float(mel_power(mono).max()), 1e-10)
        yield f"mel_power.{name}", np.maximum(np.maximum(power, 1e-10), floor), expected, tolerance
        envelope = onset_strength(mono)
        yield f"envelope.{name}", envelope, tensors[f"outputs/envelope.{name}"], ENVELOPE_DB
        frames = onset_frames(envelope)
        yield f"onset_frames.{name}", frames, tensors[f"outputs/onset_frames.{name}"], 0.0
        yield f"onset_times.{name}", frames * (512 / 22050), np.array(times), 1e-12
    for name, rate in golden["rates"].items():
        samples = tensors[f"inputs/load.{name}"].astype(np.float32) / 32768
        audio = Audio.from_numpy(samples.T if samples.ndim == 2 else samples, rate)
        yield f"loaded.{name}", load_mono(audio), tensors[f"outputs/loaded.{name}"], 1e-6


def compare_av_align(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    for clip in golden["clips"]:
        name, fps = clip["name"], clip["fps"]
        gray = tensors[f"inputs/gray.{name}"]
        pairs = [pair_magnitude(before, after, exact=True) for before, after in pairwise(gray)]
        curve = FlowCurve(np.array(pairs[:1] + pairs), fps)
        yield f"flow.{name}", curve.magnitude, tensors[f"outputs/flow.{name}"], FLOW_PIXELS
        peaks, onsets = flow_peaks_s(curve), np.array(clip["audio_peaks"])
        yield f"video_peaks.{name}", peaks, np.array(clip["video_peaks"]), 1e-12
        yield f"hits.{name}", count_hits(onsets, peaks, fps), clip["hits"], 0.0
        score = av_align(onsets, peaks, fps)
        yield f"iou.{name}", -1.0 if score is None else score, -1.0 if clip["iou"] is None else clip["iou"], 1e-12

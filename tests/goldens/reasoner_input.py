"""Golden: VideoLLaMA2's audio and frame preprocessing against the original's."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.views import Frame, Timeline
from deepsound.reason.videollama2 import frames, sound
from tests.goldens import logarithms

DATA = Path(__file__).parents[3] / "shared" / "data"
LOG_MEL, PIXEL = 1e-3, 1e-6
# Other decoders and resamplers than the original's: half a grey level of 255, and a twentieth in log-mel means.
GREY_LEVEL, DECODED_LOG_MEL, DECODED_SAMPLE = 0.5, 0.05, 5e-4

Row = tuple[str, Any, Any, float]
Tensors = dict[str, np.ndarray]


def compare_audio(golden: dict[str, Any], tensors: Tensors) -> Iterator[Row]:
    for name, case in golden["cases"].items():
        pcm = tensors.get(f"inputs/{name}.pcm16", np.zeros(sound.PADDED_SAMPLES, np.int16))
        waveform = torch.from_numpy(pcm.astype(np.float32)) / 32768
        exact = sound.filterbank(waveform)
        rounded = exact.bfloat16()
        expected = {
            key.removeprefix(f"outputs/{name}."): value
            for key, value in tensors.items()
            if key.startswith(f"outputs/{name}.")
        }
        rows = torch.from_numpy(expected["row_index"]).long()
        yield f"{name} spans", sound.segment_bounds(len(pcm)), case["spans"], 0.0
        yield f"{name} stored spans", sound.segment_bounds(len(pcm)), expected["spans"], 0.0
        yield f"{name} shape", rounded.shape, case["shape"], 0.0
        yield (
            f"{name} kept samples",
            sum(end - start for start, end in sound.segment_bounds(len(pcm))),
            case["kept_samples"],
            0.0,
        )
        yield f"{name} padded to", len(sound.join_segments(waveform)), case["padded_to"], 0.0
        yield f"{name} row mean", exact[0].mean(1), expected["fbank_f32_row_mean"], LOG_MEL
        yield f"{name} column mean", exact[0].mean(0), expected["fbank_f32_col_mean"], LOG_MEL
        stored = torch.from_numpy(expected["fbank_f32_rows"])
        got = exact[0][_stored(rows, expected["fbank_f32_rows"])]
        # The values are natural logarithms of powers, and a power's logarithm is twice that of its magnitude.
        yield from logarithms.compare(f"{name} rows", got, stored, LOG_MEL, lambda log: log / 2, dim=-1)
        largest = float(np.abs(expected["fbank_bf16_rows"]).max())
        yield f"{name} rounded rows", rounded[0, rows].float(), expected["fbank_bf16_rows"], _bfloat16_step(largest)


def _stored(rows: torch.Tensor, float_rows: np.ndarray) -> torch.Tensor:
    """Of many rounded rows only every eighth is stored unrounded."""
    return rows if len(rows) == len(float_rows) else rows[::8]


def _bfloat16_step(largest: float) -> float:
    return 2.0 ** (math.floor(math.log2(largest)) - 7)


def compare_frames(golden: dict[str, Any], tensors: Tensors) -> Iterator[Row]:
    given = tensors["inputs/frames"]
    for name, expected in tensors.items():
        if name.startswith("outputs/"):
            name = name.removeprefix("outputs/")
            size = int("".join(filter(str.isdigit, name.split("_stride")[0])))
            shown = [frames.pad_to_square(picture) if name.startswith("pad") else picture for picture in given]
            got = frames.pixel_values(np.stack([frames.resize_to_square(picture, size) for picture in shown]))
            if name.endswith("_mean"):
                got = got.mean(dim=(2, 3))
            elif "_stride" in name:
                step = int(name.split("_stride")[1])
                got = got[..., ::step, ::step]
            yield name, got, expected, PIXEL


def compare_sampling(golden: dict[str, Any], tensors: Tensors) -> Iterator[Row]:
    for count, table in golden["table"].items():
        for number, expected in table.items():
            yield f"{count} of {number} frames", frames.frame_numbers(int(number), int(count)), expected, 0.0


class _Shown:
    """A view of frames by number, as they are decoded."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers

    def start(self, timeline: Timeline) -> _Shown:
        self._kept: dict[int, np.ndarray] = {}
        self._seen = 0
        return self

    def see(self, frame: Frame) -> None:
        if self._seen in self._numbers:
            self._kept[self._seen] = frame.rgb(frames.UNSCALED)
        self._seen += 1

    def result(self) -> list[np.ndarray]:
        return [self._kept[number] for number in self._numbers]


def compare_clip(golden: dict[str, Any], tensors: Tensors) -> Iterator[Row]:
    expected = {
        name.removeprefix("outputs/"): output for name, output in tensors.items() if name.startswith("outputs/")
    }
    yield "frame_index", frames.frame_numbers(golden["frames"], 16), expected.pop("frame_index"), 0.0
    path = next(
        (path for path in DATA.glob("*.mp4") if hashlib.sha256(path.read_bytes()).hexdigest() == golden["sha256"]), None
    )
    got = {} if path is None else _decoded(golden, path)
    for name, output in expected.items():
        missing = "" if path is not None else " (the clip is not at hand)"
        yield f"{name}{missing}", got.get(name), output, _decoded_tolerance(name)


def _decoded(golden: dict[str, Any], path: Path) -> dict[str, torch.Tensor]:
    # The original's decoder counts hidden frames and returns shown ones, so these are what it saw, not what it wanted.
    pictures = Clip.open(path).view(_Shown(golden["edit_list_effect"]["shown_frame_actually_returned_by_decord"]))
    raw = torch.from_numpy(np.stack(pictures)).double()
    processed = frames.pixel_values(np.stack([frames.resize_to_square(picture, 384) for picture in pictures]))
    waveform = sound.mono_16_bit(decode_audio(path))
    values = sound.filterbank(waveform)[0]
    seconds = waveform[: len(waveform) // 1600 * 1600].reshape(-1, 1600).abs().mean(1)
    return {
        "raw_rgb_mean": raw.mean((1, 2)),
        "raw_rgb_std": raw.std((1, 2)),
        "processed_mean": processed.mean((2, 3)),
        "processed_std": processed.std((2, 3)),
        "processed_pool12": torch.nn.functional.adaptive_avg_pool2d(processed, 12),
        "fbank_f32_row_mean": values.mean(1),
        "fbank_f32_col_mean": values.mean(0),
        "fbank_bf16_every_50th_row": values.bfloat16().float()[::50],
        "waveform_abs_mean_per_100ms": seconds[:100],
    }


def _decoded_tolerance(name: str) -> float:
    if name.startswith("processed"):
        return GREY_LEVEL / 127.5
    if name.startswith("raw"):
        return GREY_LEVEL
    if "bf16" in name:
        return _bfloat16_step(16.0)
    return DECODED_SAMPLE if name.startswith("waveform") else DECODED_LOG_MEL

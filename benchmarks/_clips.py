"""Clips for the benchmarks: moving shapes, encoded once and repeated packet by packet."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def moving_shapes(index: int, width: int, height: int, shade: int = 0) -> np.ndarray:
    """A gradient with a drifting square and a ball that bounces, uint8 [height, width, 3]; `shade` makes another."""
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[..., 0] = np.linspace(40, 90, width)[None, :]
    picture[..., 1] = np.linspace(60, 120, height)[:, None]
    picture[..., 2] = 110 + 2 * shade % 100
    side = height // 6
    left = (index * width // 300) % (width - side)
    picture[height // 8 : height // 8 + side, left : left + side] = (200, 120, 60)
    drop = abs((index % 50) - 25) / 25
    top = int((height - side) * (1 - drop**2))
    picture[top : top + side, width // 2 : width // 2 + side] = (230, 220, 90)
    return picture


def make_clip(
    path: Path, width: int, height: int, seconds: int, fps: int = 25, pattern_s: int = 4, shade: int = 0
) -> Path:
    """An H.264 clip of `seconds` without sound: `pattern_s` seconds are encoded, the rest repeats their packets."""
    packets = _encode(path.with_suffix(".pattern.mp4"), width, height, fps * pattern_s, fps, shade)
    source = av.open(str(packets))
    with av.open(str(path), "w") as target:
        out = target.add_stream_from_template(source.streams.video[0])
        for repeat in range(-(-seconds // pattern_s)):
            source.seek(0)
            for packet in source.demux(video=0):
                if packet.pts is None or packet.dts is None or packet.time_base is None:
                    continue
                shift = round(repeat * pattern_s / packet.time_base)
                packet.pts += shift
                packet.dts += shift
                if packet.pts * packet.time_base < seconds:
                    packet.stream = out
                    target.mux(packet)
    source.close()
    packets.unlink()
    return path


def _encode(path: Path, width: int, height: int, frames: int, fps: int, shade: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "bf": "0", "g": str(fps)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(moving_shapes(index, width, height, shade), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path

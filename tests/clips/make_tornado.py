"""Makes tornado.mp4, the storm clip: `python -m tests.clips.make_tornado [TARGET]`.

A funnel under drifting clouds, 480x360 at 30 fps, H.264: 300 shown frames behind an edit list that hides the first 42,
as files cut by copying have them. Wind in stereo, AAC at 44100 Hz. No voice, no person, no impact. Numpy alone paints
it, from one seed; the encoders' builds decide the bytes, so the file is stored rather than made on each machine.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.signal import butter, sosfilt

TARGET = Path(__file__).with_name("tornado.mp4")
WIDTH, HEIGHT, FPS = 480, 360, 30
HIDDEN, SHOWN = 42, 300
RATE, SECONDS = 44100, 10.0
AUDIO_BITS, CRF = 64_000, 25
HORIZON = 300


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Cosine-interpolated value noise in [0, 1], [height, width], periodic along the width."""
    grid = rng.random((cells[0] + 1, cells[1]))
    grid = np.concatenate([grid, grid[:, :1]], axis=1)

    def weights(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        at = np.arange(length) * count / length
        whole = at.astype(int)
        return whole, 0.5 - 0.5 * np.cos(np.pi * (at - whole))

    row, down = weights(shape[0], cells[0])
    column, across = weights(shape[1], cells[1])
    upper = grid[row][:, column] * (1 - across) + grid[row][:, column + 1] * across
    lower = grid[row + 1][:, column] * (1 - across) + grid[row + 1][:, column + 1] * across
    return upper * (1 - down[:, None]) + lower * down[:, None]


class Storm:
    """Pictures of the storm by frame number, uint8 [360, 480, 3]."""

    def __init__(self, seed: int = 750) -> None:
        rng = np.random.default_rng(seed)
        wide = (HEIGHT, 2 * WIDTH)
        self._clouds = sum(smooth_noise(rng, wide, cells) / 2**o for o, cells in enumerate([(4, 6), (8, 12), (16, 24)]))
        self._bands = smooth_noise(rng, (HEIGHT, WIDTH), (9, 6))
        self._field = 0.8 + 0.4 * smooth_noise(rng, (HEIGHT, WIDTH), (40, 60))
        self._y, self._x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)

    def frame(self, index: int) -> np.ndarray:
        """Frame `index`; negative numbers are the hidden lead-in."""
        time_s = index / FPS
        drift = round(6 * time_s) % (2 * WIDTH)
        clouds = np.roll(self._clouds, -drift, axis=1)[:, :WIDTH]
        light = 88 + 42 * (self._y / HORIZON) + 26 * (clouds - 0.9)
        height = np.clip(self._y / HORIZON, 0, 1)
        axis = 250 + 7 * time_s + 24 * (1 - height) * np.sin(0.5 * time_s) + 14 * np.sin(5 * height + 0.7 * time_s)
        width = 10 + 78 * (1 - height) ** 2.2
        inside = 1 / (1 + np.exp((np.abs(self._x - axis) - width) / 5))
        turned = np.roll(self._bands, round(20 * time_s), axis=1)
        light += inside * (-44 + 22 * (turned - 0.5)) * (self._y < HORIZON)
        dust = np.exp(-(((self._x - axis) / 66) ** 2) - ((self._y - HORIZON) / 22) ** 2)
        ground = (self._y >= HORIZON)[..., None]
        sky = light[..., None] * np.array([0.93, 1.0, 1.02])
        land = (52 * self._field)[..., None] * np.array([0.95, 1.0, 0.7])
        picture = np.where(ground, land, sky) + dust[..., None] * np.array([34.0, 26.0, 16.0])
        return np.clip(picture, 0, 255).astype(np.uint8)


def wind(seed: int = 750) -> np.ndarray:
    """Rumble, roar and hiss in gusts, float32 [2, samples]; the channels share half of their power."""
    rng = np.random.default_rng(seed)
    samples = round((SECONDS + 0.2) * RATE)
    time_s = np.arange(samples) / RATE
    total = np.zeros((2, samples))
    for (low, high), level, period_s in (((25, 110), 1.0, 4.1), ((110, 500), 0.4, 2.7), ((600, 5000), 0.05, 1.9)):
        noise = rng.normal(size=(3, samples))
        both = (noise[:1] + noise[1:]) / np.sqrt(2)
        band = sosfilt(butter(2, (low, high), "bandpass", fs=RATE, output="sos"), both)
        gusts = 1 + 0.35 * np.sin(2 * np.pi * time_s / period_s + rng.uniform(0, 6))
        total += level * gusts * band / np.sqrt((band**2).mean())
    return (0.11 * total / np.sqrt((total**2).mean())).astype(np.float32)


def make(target: Path = TARGET) -> None:
    """Write the clip; frames before time zero become the part that the edit list hides."""
    storm, sound = Storm(), wind()
    with av.open(str(target), "w") as container:
        video = container.add_stream("libx264", rate=FPS, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        video.options = {"crf": str(CRF), "preset": "veryslow", "bf": "0", "g": "400", "sc_threshold": "0"}
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=RATE, layout="stereo", bit_rate=AUDIO_BITS)
        # The decoder draws substituted noise anew: a part of the sound would differ from the same part of the whole.
        audio.options = {"aac_pns": "0"}
        for index in range(-HIDDEN, SHOWN):
            frame = av.VideoFrame.from_ndarray(storm.frame(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, sound.shape[1] - 1023, 1024):
            block = np.ascontiguousarray(sound[:, start : start + 1024])
            samples = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
            samples.sample_rate, samples.pts, samples.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(samples))
        container.mux(audio.encode(None))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)

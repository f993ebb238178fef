"""Renders a test set with known voices, on which `deepsound reproduce` is proved.

`python scripts/render_test_set.py FOLDER [--clips 60] [--seconds 2] [--fps 15] [--seed 1]`.

Leaves FOLDER/clips/NAME.mp4 (videos with sound, also the ground truth), FOLDER/background/NAME.wav and
FOLDER/voice/NAME.wav (what the sound is the sum of) and FOLDER/truth.csv. A third of the clips has no voice, half a
voice over a background, a sixth a voice alone, which leaves silence once it is removed. Nobody is in the picture, so
every voice is a voice-over. The voice is the narrator of demo/narrated_landscape.mp4 at other speeds, the backgrounds
are those the separator is trained on. The same seed gives the same set.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import soxr

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from deepsound import engines  # noqa: E402
from deepsound.media.audio import decode_audio  # noqa: E402
from deepsound.media.vad import voice_spans  # noqa: E402
from deepsound.media.wav import write_wav  # noqa: E402
from deepsound.runtime.progress import Progress  # noqa: E402
from deepsound.train import backgrounds  # noqa: E402
from deepsound.train.voices import active_rms  # noqa: E402
from deepsound.types import Audio  # noqa: E402

NARRATED = ROOT / "demo" / "narrated_landscape.mp4"
RATE = backgrounds.SAMPLE_RATE
FPS, WIDTH, HEIGHT = 15, 96, 72
NONE, OVER, ALONE = "none", "over", "alone"
# One of six clips after the other.
KINDS = (NONE, OVER, OVER, NONE, OVER, ALONE)
BACKGROUNDS = (backgrounds.scene, backgrounds.noise, backgrounds.engine, backgrounds.hits)
_BACKGROUND_RMS, _PEAK = 0.05, 0.8


@dataclass(frozen=True)
class Truth:
    """What is known of a clip: its `kind` of voice, when it speaks, and how far it stands above the background."""

    clip: str
    kind: str
    voice_start_s: float | None = None
    voice_end_s: float | None = None
    voice_over_background_db: float | None = None


@dataclass(frozen=True)
class RenderedClip:
    """A clip to be: `background` and `voice`, mono float32 at 44100 Hz and equally long, and what is known of it."""

    background: np.ndarray
    voice: np.ndarray
    truth: Truth


def render(folder: Path, clips: int = 60, seconds: float = 2.0, seed: int = 1, fps: int = FPS) -> list[Truth]:
    """Write the set below `folder` and return what is known of it."""
    for name in ("clips", "background", "voice"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    known = []
    for number, clip in enumerate(sounds_of_clips(clips, seconds, seed)):
        name = clip.truth.clip
        for part in ("background", "voice"):
            write_wav(Audio.from_numpy(getattr(clip, part), RATE), folder / part / f"{name}.wav")
        encode(folder / "clips" / f"{name}.mp4", pictures(seconds, number, fps), clip.background + clip.voice, fps)
        known.append(clip.truth)
    with (folder / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(asdict(known[0])))
        table.writeheader()
        table.writerows(map(asdict, known))
    return known


def sounds_of_clips(count: int, seconds: float, seed: int) -> Iterator[RenderedClip]:
    """The sounds of `count` clips and what is known of each."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        kind, samples = KINDS[number % len(KINDS)], round(seconds * RATE)
        made = BACKGROUNDS[number % len(BACKGROUNDS)](seconds, rng)[:samples].astype(np.float32)
        if not made.any():
            made = backgrounds.noise(seconds, rng)[:samples].astype(np.float32)
        background = backgrounds.scale_to_rms(made, _BACKGROUND_RMS) if kind != ALONE else np.zeros(samples, np.float32)
        voice, truth = np.zeros(samples, np.float32), Truth(f"clip{number:02d}", kind)
        if kind != NONE:
            words = spoken(seconds, rng)
            first = int(rng.integers(samples - len(words) + 1))
            # A voice alone is quiet, so that what a small separator leaves of it is silence.
            decibels = float(rng.uniform(-10, -4) if kind == ALONE else rng.uniform(3, 12))
            voice[first : first + len(words)] = words * _BACKGROUND_RMS * 10 ** (decibels / 20) / active_rms(words)
            above = None if kind == ALONE else round(decibels, 2)
            truth = Truth(truth.clip, kind, round(first / RATE, 3), round((first + len(words)) / RATE, 3), above)
        gain = min(1.0, _PEAK / float(np.abs(background + voice).max()))
        yield RenderedClip(gain * background, gain * voice, truth)


def spoken(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A stretch of speech of half to nine tenths of `seconds`, a little faster or slower than it was spoken."""
    speed, wanted = rng.uniform(0.87, 1.15), rng.uniform(0.5, 0.9) * seconds
    sentence = narration()[rng.integers(len(narration()))]
    words = np.asarray(soxr.resample(sentence, RATE * speed, RATE, quality="HQ"), np.float32)
    samples = min(round(wanted * RATE), len(words))
    first = int(rng.integers(len(words) - samples + 1))
    return words[first : first + samples] * _faded(samples)


@cache
def narration() -> tuple[np.ndarray, ...]:
    """The demo clip's narrator sentence by sentence, mono at 44100 Hz, taken out of its background."""
    stems = engines.separator("bs_roformer_tiny").separate(decode_audio(NARRATED), Progress())
    mono, rate = stems.voice.numpy().mean(axis=0), stems.voice.sample_rate
    spans = voice_spans(stems.voice, Progress())
    return tuple(
        soxr.resample(mono[round(span.start_s * rate) : round(span.end_s * rate)], rate, RATE) for span in spans
    )


def _faded(samples: int, fade: int = 441) -> np.ndarray:
    at = np.arange(samples)
    return np.clip(np.minimum(at, samples - 1 - at) / fade, 0, 1).astype(np.float32)


def pictures(seconds: float, number: int, fps: int = FPS) -> Iterator[np.ndarray]:
    """A ball that bounces on a floor, uint8 [72, 96, 3], another for each clip."""
    rng = np.random.default_rng(number)
    colour, period_s, speed = rng.integers(80, 255, 3), rng.uniform(0.5, 1.0), rng.uniform(10, 40)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for index in range(round(seconds * fps)):
        phase = (index / fps / period_s) % 1.0
        height = 4 * phase * (1 - phase)
        across = (12 + speed * index / fps) % (WIDTH - 24) + 12
        cover = np.clip(9 - np.hypot(x - across, y - (HEIGHT - 19 - 40 * height)), 0, 1)[..., None]
        ground = np.where(y[..., None] > HEIGHT - 11, 60, 150) * np.ones(3)
        yield np.round(ground + (colour - ground) * cover).astype(np.uint8)


def encode(target: Path, frames: Iterator[np.ndarray], sound: np.ndarray, fps: int = FPS) -> None:
    """Write H.264 with AAC in an mp4; one thread, so that equal calls give equal files."""
    with av.open(str(target), "w") as container:
        video = container.add_stream("libx264", rate=fps, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=RATE, layout="mono", bit_rate=128_000)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None], np.float32), "fltp", "mono")
        samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
        container.mux([*audio.encode(samples), *audio.encode(None)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--fps", type=int, default=FPS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    known = render(arguments.folder, arguments.clips, arguments.seconds, arguments.seed, arguments.fps)
    voiced = sum(truth.kind != NONE for truth in known)
    print(f"{len(known)} clips in {arguments.folder / 'clips'}, {voiced} of them with a voice; see truth.csv")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

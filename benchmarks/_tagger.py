"""YAMNet as an independent tagger of the draft's sounds.

Its files are brought along by the person who measures.

It is no dependency of this project, of development neither: no package was found that states a licence for AudioSet
weights which it carries. `Tagger(FOLDER)` reads `model.onnx`, which takes log-mel patches [1, 1, 96, 64], and
`yamnet_class_map.csv`; it needs onnx and onnxruntime.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from deepsound.media.audio import resample
from deepsound.types import Audio

RATE = 16_000
# YAMNet's features: 25 ms every 10 ms, 64 mel bands from 125 to 7500 Hz, patches of 96 frames every 48.
WINDOW, HOP, FFT, BANDS, PATCH = 400, 160, 512, 64, 96
LOWEST_HZ, HIGHEST_HZ, OFFSET = 125.0, 7500.0, 0.001

# AudioSet's names for what each recording of the draft is, any of which is right.
CLASSES = {
    "applause": ("Applause", "Clapping"),
    "bird": ("Bird", "Bird vocalization, bird call, bird song", "Chirp, tweet"),
    "bubbles": ("Boiling", "Gurgling", "Water", "Liquid", "Stomach rumble"),
    "car_crash": ("Smash, crash", "Breaking", "Car", "Vehicle", "Explosion"),
    "car_pass": ("Car passing by", "Car", "Vehicle", "Motor vehicle (road)", "Race car, auto racing"),
    "car_start": ("Engine starting", "Engine", "Idling", "Car", "Vehicle"),
    "car_stop": ("Skidding", "Tire squeal", "Car", "Vehicle", "Squeal"),
    "click": ("Clicking", "Typing", "Typewriter", "Computer keyboard", "Tick"),
    "crash": ("Smash, crash", "Breaking", "Glass", "Shatter", "Explosion"),
    "creak": ("Creak", "Squeak", "Door"),
    "dog": ("Dog", "Bark", "Bow-wow", "Domestic animals, pets"),
    "door": ("Door", "Slam", "Thump, thud", "Knock"),
    "explosion": ("Explosion", "Boom", "Artillery fire"),
    "footstep": ("Walk, footsteps", "Run"),
    "gallop": ("Clip-clop", "Horse"),
    "gun": ("Gunshot, gunfire", "Cap gun", "Artillery fire"),
    "heartbeat": ("Heart sounds, heartbeat", "Heart murmur", "Throbbing"),
    "helicopter": ("Helicopter", "Aircraft", "Propeller, airscrew"),
    "machine_gun": ("Machine gun", "Fusillade", "Gunshot, gunfire"),
    "punch": ("Slap, smack", "Whack, thwack", "Thump, thud", "Bang"),
    "rain": ("Rain", "Rain on surface", "Raindrop"),
    "river": ("Stream", "Waterfall", "Water", "Water tap, faucet", "Sink (filling or washing)"),
    "scratch": ("Scratching (performance technique)", "Hip hop music", "Scratch"),
    "sea": ("Ocean", "Waves, surf"),
    "siren": ("Siren", "Emergency vehicle", "Police car (siren)", "Ambulance (siren)", "Alarm", "Civil defense siren"),
    "spaceship": ("Sound effect", "Synthesizer", "Whoosh, swoosh, swish", "Theremin"),
    "telephone": ("Telephone", "Telephone bell ringing", "Ringtone"),
    "thunder": ("Thunder", "Thunderstorm"),
    "tick": ("Tick", "Tick-tock", "Clock"),
    "train": ("Train", "Rail transport", "Railroad car, train wagon", "Clickety-clack"),
    "wind_chime": ("Wind chime", "Chime", "Bell", "Jingle, tinkle"),
}


class Tagger:
    """YAMNet's classes of a sound, the likeliest first."""

    def __init__(self, folder: Path) -> None:
        import onnx
        import onnxruntime

        self._session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        with (folder / "yamnet_class_map.csv").open(encoding="utf-8") as file:
            self._names = [row["display_name"] for row in csv.DictReader(file)]
        constants = onnx.load(folder / "model.onnx").graph.initializer
        values = {each.name: onnx.numpy_helper.to_array(each) for each in constants if each.name.startswith("audio_")}
        self._scale, self._zero = (float(values[f"audio_{name}"]) for name in ("scale", "zero_point"))

    def top(self, sound: Audio, count: int = 5) -> list[str]:
        """The names of the `count` classes with the highest mean score over the patches that are not silent."""
        mono = resample(sound, RATE).numpy().mean(axis=0)
        parts = patches(mono)
        loud = [part for part in parts if part.max() > np.log(2 * OFFSET)] or parts
        scores = [self._scores(part) for part in loud]
        best = np.argsort(-np.mean(scores, axis=0), kind="stable")[:count]
        return [self._names[index] for index in best]

    def _scores(self, patch: np.ndarray) -> np.ndarray:
        quantised = np.clip(np.round(patch / self._scale + self._zero), 0, 255).astype(np.uint8)
        (scores,) = self._session.run(None, {"audio": quantised[None, None]})
        return np.asarray(scores[0], np.float64)


def patches(mono: np.ndarray) -> list[np.ndarray]:
    """Log-mel patches [96, 64] of a mono sound at 16 kHz; a short one is padded with silence."""
    padded = np.pad(mono, (0, max(WINDOW + (PATCH - 1) * HOP - len(mono), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * window, FFT))
    features = np.log(magnitude @ _mel_weights() + OFFSET)
    return [features[start : start + PATCH] for start in range(0, len(features) - PATCH + 1, PATCH // 2)]


def _mel_weights() -> np.ndarray:
    """Triangles that are linear in mel, [257, 64]; the lowest bin is left out."""

    def mel(hz: np.ndarray) -> np.ndarray:
        return np.asarray(1127 * np.log1p(hz / 700))

    lowest, highest = mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = np.linspace(lowest, highest, BANDS + 2)
    bins = mel(np.linspace(0, RATE / 2, FFT // 2 + 1))[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clip(0)
    weights[0] = 0
    return np.asarray(weights)

"""Table of lip sync on rendered faces: people who speak, keep silent or chew.

One photograph (NASA's, of scikit-image), whose mouth is warped: weak evidence for real faces, and it is all that
can be rendered here under a licence. Speakers' mouths follow the loudness of their own voice.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks._voices import RATE, made_up_bed, mixture, voices
from deepsound.media.clip import Clip
from deepsound.media.vad import voice_probabilities
from deepsound.reason.rules import RulesReasoner
from deepsound.reason.voice_envelope import voice_envelope
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from tests.conftest import write_video
from tests.reason.talking_face import Camera, film, speaking

SECONDS = 3.0
FPS = Fraction(25, 2)
# Faces from 45 to 150 pixels wide in pictures of 640, held and moved, clean and grainy.
CAMERAS = (
    Camera(0.6, 4, 1, 3, 11),
    Camera(0.9, 10, 3, 6, 12),
    Camera(1.3, -8, 5, 3, 13),
    Camera(1.6, 0, 2, 10, 14),
)
MOUTHS = ("speaks", "is silent, smiling", "is silent, lips closed", "smiles slowly", "chews")


def mouths(count: int) -> list[dict[str, object]]:
    """The cases of `count` clips of each kind, all of which are No2 by the paper's table."""
    from skimage import data

    person, spoken = np.asarray(data.astronaut()), voices()
    rows: list[dict[str, object]] = []
    for mouth in MOUTHS:
        said: Counter[str] = Counter()
        for number in range(count):
            kind = list(spoken)[number % len(spoken)]
            voice = np.resize(spoken[kind], round(SECONDS * RATE))
            sound = _sound(mixture(made_up_bed(300 + number)[: len(voice)], voice, (3, 6, 9, 12)[number % 4]))
            with tempfile.TemporaryDirectory() as folder:
                frames = film(person, _openings(mouth, voice, number), float(FPS), CAMERAS[number % len(CAMERAS)])
                path = Path(folder, "clip.mp4")
                write_video(path, size=(640, 360), fps=FPS, seconds=SECONDS, paint=frames.__getitem__)
                said[RulesReasoner().judge(Clip.open(path), sound, Progress()).category] += 1
        rows.append({"the person on screen": mouth, "clips": count, **said})
        print(rows[-1], flush=True)
    return rows


def _openings(mouth: str, voice: np.ndarray, seed: int) -> np.ndarray:
    """The lower lip in each frame, in pixels of the photograph."""
    times_s = np.arange(round(SECONDS * FPS)) / float(FPS)
    if mouth == "speaks":
        clean = _sound(voice)
        envelope = voice_envelope(clean, voice_probabilities(clean, Progress()))
        levels = np.interp(times_s, np.arange(len(envelope.levels)) * envelope.window_s, envelope.levels)
        return speaking(levels / levels.max(), (2.0, 5.0, 8.0)[seed % 3])
    if mouth == "chews":
        return -3 + 3 * np.sin(2 * np.pi * 1.4 * times_s + seed)
    if mouth == "smiles slowly":
        return np.interp(times_s, (1.0, 3.0), (-6.0, 0.0))
    return np.full(len(times_s), 0.0 if mouth == "is silent, smiling" else -6.0)


def _sound(mono: np.ndarray) -> Audio:
    return Audio.from_numpy(mono[None].astype(np.float32), RATE)

"""Voices that do not speak: singing, laughter, crying, shouting, crowds.

Laughter and screams are also those recorded in Debian's fluid-soundfont-gs (MIT), where it is installed; all else is
synthesised, by a glottal source and formants here, or by espeak-ng, and stands for the real thing only as far as that.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import signal

from benchmarks._voices import ENGLISH, RATE, SECONDS
from deepsound.media.audio import decode_audio, resample

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GS.sf2")
# Formants in Hz of a man's vowels (Peterson and Barney 1952); a woman's are a sixth higher, a child's a third.
VOWELS = {"a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410)}
_BANDWIDTHS_HZ = (80.0, 100.0, 140.0)
# The notes of "Frere Jacques" in half tones above the first.
_MELODY = (0, 2, 4, 0, 0, 2, 4, 0, 4, 5, 7, 4, 5, 7)


def vocal_sounds(soundfont: Path = SOUNDFONT) -> dict[str, np.ndarray]:
    """Mono sounds at 44100 Hz by kind and origin; what is not installed is left out."""
    found = {
        "singing (synthetic man)": _sung(110.0, 1.0),
        "singing (synthetic woman)": _sung(220.0, 1.17),
        "laughter (synthetic man)": _laughter(170.0, 1.0),
        "laughter (synthetic woman)": _laughter(300.0, 1.17),
        "crying (synthetic infant)": _crying(420.0, 1.5),
    }
    if soundfont.is_file():
        found |= {
            "laughter (recorded)": _recorded(soundfont, "Laugh"),
            "scream (recorded)": _recorded(soundfont, "Scream"),
        }
    if (program := shutil.which("espeak-ng")) is not None:
        found |= {"shouting (espeak-ng)": _shouted(program), "crowd (16 voices of espeak-ng)": _crowd(program)}
    return found


def _vocal(hz: np.ndarray, vowel: str, scale: float, breath: float, seed: int = 0) -> np.ndarray:
    """A vowel with the pitch `hz` at each sample; formants times `scale`, noise of `breath` in the source."""
    phase = np.cumsum(hz) / RATE
    source = sum(
        np.sin(2 * np.pi * number * phase) / number**1.5 for number in range(1, 40) if number * hz.max() < RATE / 2
    )
    source = source + breath * np.random.default_rng(seed).standard_normal(len(hz))
    for formant, width in zip(VOWELS[vowel], _BANDWIDTHS_HZ, strict=True):
        radius, angle = np.exp(-np.pi * width * scale / RATE), 2 * np.pi * formant * scale / RATE
        source = signal.lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], source)
    return np.asarray(source / np.abs(source).max())


def _shape(count: int, rise_s: float, fall_s: float) -> np.ndarray:
    at = np.arange(count)
    return np.asarray(np.minimum(1, np.minimum(at / (rise_s * RATE), (count - at) / (fall_s * RATE))).clip(0))


def _join(parts: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(parts))[: round(SECONDS * RATE)]


def _sung(lowest_hz: float, scale: float) -> np.ndarray:
    """A round sung on changing vowels, with vibrato."""

    def notes() -> Iterator[np.ndarray]:
        for number, step in enumerate(_MELODY):
            at = np.arange(round(0.34 * RATE)) / RATE
            hz = lowest_hz * 2 ** (step / 12) * (1 + 0.012 * np.sin(2 * np.pi * 5.5 * at))
            yield _vocal(hz, "aeio"[number % 4], scale, 0.02, number) * _shape(len(at), 0.04, 0.05)

    return _join(notes())


def _laughter(highest_hz: float, scale: float) -> np.ndarray:
    """Bouts of breathy "ha", five a second, that fall in pitch."""

    def bursts() -> Iterator[np.ndarray]:
        for number in range(22):
            at = np.arange(round(0.11 * RATE)) / RATE
            hz = highest_hz * (1 - 0.03 * (number % 8)) * (1 - 0.8 * at)
            breath = np.random.default_rng(number).standard_normal(round(0.08 * RATE))
            yield 0.05 * breath * _shape(len(breath), 0.02, 0.02)
            yield _vocal(hz, "a", scale, 0.3, number) * _shape(len(at), 0.02, 0.05)

    return _join(bursts())


def _crying(middle_hz: float, scale: float) -> np.ndarray:
    """Cries of 0.9 s that rise and fall, with a breath after each."""

    def cries() -> Iterator[np.ndarray]:
        for number in range(4):
            at = np.arange(round(0.9 * RATE)) / RATE
            hz = middle_hz * (1 + 0.25 * np.sin(np.pi * at / 0.9)) * (1 + 0.02 * np.sin(2 * np.pi * 7 * at))
            yield _vocal(hz, "e", scale, 0.1, number) * _shape(len(at), 0.08, 0.25)
            yield np.zeros(round(0.25 * RATE))

    return _join(cries())


def _spoken(program: str, voice: str, pitch: int, speed: int, text: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "voice.wav")
        command = [program, "-v", voice, "-p", str(pitch), "-s", str(speed), "-w", str(path), text]
        subprocess.run(command, check=True, timeout=60)
        return resample(decode_audio(path), RATE).numpy()[0]


def _shouted(program: str) -> np.ndarray:
    """Speech at a high pitch with the flat spectrum of effort, driven into clipping."""
    spoken = _spoken(program, "en+m3", 95, 140, "Hey! Over here! Stop! Look out! Come back! Help!")
    brighter = signal.lfilter([1, -0.85], [1], spoken)
    return np.asarray(np.tanh(4 * brighter / np.abs(brighter).max()))


def _crowd(program: str) -> np.ndarray:
    """Sixteen voices at once, each from another place in the text, at distances up to four to one."""
    rng = np.random.default_rng(16)
    length, mixed = round(SECONDS * RATE), np.zeros(round(SECONDS * RATE))
    for number in range(16):
        variant = f"en+{'mf'[number % 2]}{1 + number % 4}"
        voice = _spoken(program, variant, 30 + 4 * number, 140 + 4 * number, ENGLISH)
        mixed += np.roll(np.resize(voice, length), int(rng.integers(length))) * rng.uniform(0.25, 1)
    return mixed


def _recorded(soundfont: Path, name: str) -> np.ndarray:
    """A sample of the sound font at 44100 Hz."""
    from scripts.cut_samples import lists, sample_headers

    content = soundfont.read_bytes()
    begin, _ = dict(lists(content))[b"smpl"]
    start, end, *_, rate = next(header for found, *header in sample_headers(content) if found == name)
    samples = np.frombuffer(content, "<i2", end - start, begin + 2 * start) / 32768
    return np.asarray(signal.resample_poly(samples, RATE, rate))

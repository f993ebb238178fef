"""The landscape's sound at 48 kHz: wind, a brook, birds, and a narrator over them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt, sosfiltfilt

RATE = 48_000
DURATION_S = 8.0
VOICE = "cmu_us_slt_arctic_hts"
SENTENCES = (
    (1.3, "The wind has turned this mill for two hundred years."),
    (5.2, "It still grinds the wheat of the whole valley."),
)
VOICE_OVER_BACKGROUND_DB = 5.0
BACKGROUND_RMS = 0.05
PEAK = 0.7


@dataclass(frozen=True)
class Soundtrack:
    """`background` and `voice` [2, samples], apart, and the seconds at which each sentence starts and ends."""

    background: np.ndarray
    voice: np.ndarray
    spoken_s: tuple[tuple[float, float], ...]

    @property
    def mix(self) -> np.ndarray:
        return self.background + self.voice


def make_soundtrack(seed: int = 3, sentences: list[np.ndarray] | None = None) -> Soundtrack:
    """The whole sound; `sentences` (mono, 48 kHz) are spoken by Festival unless they are given."""
    rng = np.random.default_rng(seed)
    background = make_background(rng)
    spoken = [speak(text) for _, text in SENTENCES] if sentences is None else sentences
    voice = np.zeros(background.shape[1])
    times = []
    for (start_s, _), words in zip(SENTENCES, spoken, strict=True):
        first = round(start_s * RATE)
        voice[first : first + len(words)] = words
        times.append((start_s, start_s + len(words) / RATE))
    said = np.concatenate([voice[round(start * RATE) : round(end * RATE)] for start, end in times])
    gain = BACKGROUND_RMS * 10 ** (VOICE_OVER_BACKGROUND_DB / 20) / rms(said)
    track = Soundtrack(background, gain * in_room(voice, rng), tuple(times))
    level = min(PEAK / np.abs(track.mix).max(), 1.0)
    return Soundtrack(level * track.background, level * track.voice, track.spoken_s)


def make_background(rng: np.random.Generator, duration_s: float = DURATION_S) -> np.ndarray:
    """Wind, brook and birds, [2, samples], BACKGROUND_RMS loud."""
    samples = round(duration_s * RATE)
    wind = _wind(rng, samples)
    brook = _brook(rng, samples)
    sound = wind / rms(wind) + 0.75 * brook / rms(brook)
    sound *= BACKGROUND_RMS / rms(sound)
    # Birds call where nobody speaks: a separator that knows only steady backgrounds would take them for the voice.
    for at_s, place, pitch_hz in ((0.35, 0.25, 4300), (0.72, 0.3, 4600), (4.55, 0.8, 5200), (7.4, 0.2, 4400)):
        chirp = 0.35 * BACKGROUND_RMS * _chirp(rng, pitch_hz)
        first = round(at_s * RATE)
        last = min(first + len(chirp), samples)
        sound[:, first:last] += np.outer([np.cos(place * np.pi / 2), np.sin(place * np.pi / 2)], chirp[: last - first])
    return sound * _fade(samples, 0.15)


def _wind(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Rumble, rush and hiss, each with gusts of its own that come from the left and go to the right."""
    wind = np.zeros((2, samples))
    for low, high, weight, depth in ((50, 180, 1.0, 0.45), (180, 700, 0.62, 0.4), (700, 2600, 0.26, 0.45)):
        gusts = _slow(rng, samples, 0.55)
        for channel, lag_s in enumerate((0.0, 0.25)):
            strength = 1 + depth * np.roll(gusts, round(lag_s * RATE))
            wind[channel] += weight * strength * _band(rng, samples, low, high)
    return wind


def _brook(rng: np.random.Generator, samples: int) -> np.ndarray:
    """A steady rush that ripples a little, differently left and right."""
    rush = np.zeros((2, samples))
    for low, high, weight in ((500, 1400, 0.8), (1200, 4200, 1.0), (4000, 9000, 0.45)):
        for channel in (0, 1):
            rush[channel] += weight * (1 + 0.18 * _slow(rng, samples, 9.0)) * _band(rng, samples, low, high)
    return rush


def _band(rng: np.random.Generator, samples: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies, RMS 1."""
    noise = sosfilt(butter(2, (low_hz, high_hz), "bandpass", fs=RATE, output="sos"), rng.normal(size=samples + RATE))
    return np.asarray(noise[RATE:] / rms(noise))


def _slow(rng: np.random.Generator, samples: int, fastest_hz: float) -> np.ndarray:
    """A slow random swing, about -1 to 1."""
    points = rng.normal(size=int(np.ceil(samples / RATE * fastest_hz * 2)) + 8)
    swing = np.interp(np.arange(samples) * fastest_hz * 2 / RATE, np.arange(len(points)), points)
    smooth = sosfiltfilt(butter(2, fastest_hz, fs=RATE, output="sos"), swing)
    return np.asarray(np.tanh(smooth / max(smooth.std(), 1e-9) / 1.5))


def _chirp(rng: np.random.Generator, pitch_hz: float) -> np.ndarray:
    """Three short falling whistles, peak 1, far enough away to have a soft echo."""
    length = round(0.07 * RATE)
    at = np.arange(length) / length
    call = np.zeros(round(0.6 * RATE))
    for number in range(3):
        glide = pitch_hz * (1.12 - 0.3 * at + 0.05 * np.sin(2 * np.pi * 2 * at + rng.uniform(0, 1)))
        first = round((0.01 + 0.105 * number) * RATE)
        call[first : first + length] = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * np.sin(np.pi * at) ** 2
    echo = rng.normal(size=round(0.25 * RATE)) * np.exp(-np.arange(round(0.25 * RATE)) / (0.06 * RATE)) * 0.012
    return np.asarray(call + fftconvolve(call, echo)[: len(call)])


def speak(text: str) -> np.ndarray:
    """One sentence from Festival, mono at 48 kHz, without the silence around it."""
    program = shutil.which("text2wave")
    if program is None:
        raise SystemExit("The narrator needs Festival: apt-get install festival festvox-us-slt-hts")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "text"), Path(folder, "speech.wav")
        source.write_text(text, encoding="utf-8")
        # A little slower than the voice's own pace, as narrators speak.
        pace = "(Parameter.set 'Duration_Stretch 1.08)"
        subprocess.run(  # noqa: S603
            [program, "-eval", f"(voice_{VOICE})", "-eval", pace, str(source), "-o", str(target)],
            check=True,
            timeout=60,
        )
        rate, samples = wavfile.read(target)
    common = gcd(RATE, rate)
    words = resample_poly(samples / 2.0**15, RATE // common, rate // common)
    loud = np.flatnonzero(np.abs(words) > 0.01 * np.abs(words).max())
    return np.asarray(words[loud[0] : loud[-1] + 1])


def in_room(voice: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A narrator close to a microphone in a small furnished room, [samples] to [2, samples]."""
    clean = sosfilt(butter(2, 85, "highpass", fs=RATE, output="sos"), voice)
    presence = sosfilt(butter(1, (2200, 5200), "bandpass", fs=RATE, output="sos"), clean)
    close = _even_level(clean + 0.35 * presence)
    tail_at = np.arange(round(0.22 * RATE)) / RATE
    wet = []
    for delays_ms in ((7, 13, 22), (9, 16, 19)):
        echo = 0.010 * rng.normal(size=len(tail_at)) * np.exp(-tail_at / 0.045) * (tail_at > 0.006)
        for delay_ms, strength in zip(delays_ms, (0.10, 0.07, 0.05), strict=True):
            echo[round(delay_ms / 1000 * RATE)] += strength
        wet.append(fftconvolve(close, echo)[: len(close)])
    return np.asarray(close + np.stack(wet))


def _even_level(voice: np.ndarray, ratio: float = 0.35) -> np.ndarray:
    """Soft compression: louder syllables are turned down by a share of what they exceed the average."""
    level = np.sqrt(np.maximum(sosfiltfilt(butter(1, 12, fs=RATE, output="sos"), voice**2), 1e-12))
    usual = rms(voice[np.abs(voice) > 0])
    return np.asarray(voice * np.minimum(1.0, (usual / level) ** ratio))


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def _fade(samples: int, seconds: float) -> np.ndarray:
    at = np.arange(samples) / RATE
    return np.asarray(np.clip(np.minimum(at, at[-1] - at) / seconds, 0, 1))

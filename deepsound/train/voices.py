"""Training voices of the separator: rendered speech with pitch, room and microphone changes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
from scipy import fft, signal
from scipy.io import wavfile

from deepsound.errors import InputError
from deepsound.train.backgrounds import SAMPLE_RATE, Rng, equaliser, scale_to_rms

_SPEED = (0.82, 1.22)


class VoiceSource(Protocol):
    """Speaks utterances, mono float32 at 44100 Hz; equal states of `rng` give equal samples."""

    def speak(self, rng: Rng) -> np.ndarray: ...


class SpokenVoices:
    """Speech files below a folder, SYNTHESISER/VOICE/*.wav; every synthesiser and every voice in it is as likely.

    Raises InputError when there are none.
    """

    def __init__(self, folder: Path) -> None:
        by_voice = [
            [sorted(voice.glob("*.wav")) for voice in sorted(synthesiser.glob("*"))]
            for synthesiser in sorted(folder.glob("*"))
        ]
        spoken = [[files for files in voices if files] for voices in by_voice]
        self.voices = [voices for voices in spoken if voices]
        if not self.voices:
            raise InputError(
                f"There is no speech in {folder} (SYNTHESISER/VOICE/*.wav); render it with scripts/render_speech.py."
            )

    def speak(self, rng: Rng) -> np.ndarray:
        """One utterance as mono float32 at 44100 Hz, a little faster or slower and higher or lower than recorded."""
        synthesiser = self.voices[rng.integers(len(self.voices))]
        files = synthesiser[rng.integers(len(synthesiser))]
        return load(files[rng.integers(len(files))], rng.uniform(*_SPEED), rng)


class SyntheticVoices:
    """Vowel-like babble without any files: for trying the recipe, not for training."""

    def speak(self, rng: Rng) -> np.ndarray:
        """Two seconds of pulses through moving resonances, mono float32 at 44100 Hz."""
        syllables = [self._syllable(rng) for _ in range(8)]
        return np.concatenate(syllables).astype(np.float32)

    def _syllable(self, rng: Rng) -> np.ndarray:
        samples = round(rng.uniform(0.15, 0.35) * SAMPLE_RATE)
        pitch_hz = rng.uniform(90, 240) * np.linspace(1, rng.uniform(0.85, 1.15), samples)
        wave = np.diff(np.floor(np.cumsum(pitch_hz) / SAMPLE_RATE), prepend=0.0)
        for centre_hz in (rng.uniform(300, 800), rng.uniform(900, 2200), rng.uniform(2300, 3200)):
            wave = (
                wave
                + signal.sosfilt(
                    signal.butter(1, (0.93 * centre_hz, 1.07 * centre_hz), "bandpass", fs=SAMPLE_RATE, output="sos"),
                    wave,
                )
                * 8
            )
        return wave * np.hanning(samples)


def load(file: Path, speed: float, rng: Rng) -> np.ndarray:
    """A speech file as mono float32 at 44100 Hz, played `speed` times as fast, with something above its band."""
    rate, samples = wavfile.read(file)
    samples = samples.astype(np.float32) / 32768 if samples.dtype == np.int16 else samples.astype(np.float32)
    if samples.ndim > 1:
        samples = samples.mean(axis=1)
    played = np.asarray(soxr.resample(samples, rate * speed, SAMPLE_RATE, quality="HQ"), np.float32)
    top_hz = rate * speed / 2
    return with_air(played, top_hz, rng) if top_hz < 12_000 and rng.random() < 0.7 else played


def with_air(samples: np.ndarray, top_hz: float, rng: Rng) -> np.ndarray:
    """Adds hiss above `top_hz` that follows the loudness just below it.

    Synthesisers speak at 16 or 22 kHz; recorded voices hiss up to the top, and the separator has to know that.
    """
    below = signal.butter(2, (0.55 * top_hz, 0.9 * top_hz), "bandpass", fs=SAMPLE_RATE, output="sos")
    above = signal.butter(4, (0.93 * top_hz, min(2.2 * top_hz, 20_000)), "bandpass", fs=SAMPLE_RATE, output="sos")
    loudness = np.sqrt(np.maximum(_smooth(np.square(signal.sosfilt(below, samples)), 220), 0))
    hiss = signal.sosfilt(above, rng.standard_normal(len(samples)))
    return np.asarray(samples + rng.uniform(0.2, 1.2) * loudness * hiss, np.float32)


def _smooth(values: np.ndarray, half: int) -> np.ndarray:
    sums = np.cumsum(np.pad(values, (half + 1, half), mode="edge"))
    return (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)


def in_place(voice: np.ndarray, rng: Rng) -> np.ndarray:
    """The voice as a microphone somewhere in some room hears it: equaliser, echo, now and then a narrow line."""
    samples = len(voice)
    size = fft.next_fast_len(samples + SAMPLE_RATE, real=True)
    response = equaliser(size, rng, bumps=2, depth_db=6)
    if rng.random() < 0.6:
        response = response * fft.rfft(room(rng), size)
    if rng.random() < 0.08:
        hz = fft.rfftfreq(size, 1 / SAMPLE_RATE)
        response = response * np.exp(-((np.log2(np.maximum(hz, 1) / 1000) / rng.uniform(0.9, 1.6)) ** 4))
    return np.asarray(fft.irfft(fft.rfft(voice, size) * response, size)[:samples], np.float32)


def room(rng: Rng) -> np.ndarray:
    """A room's answer with its direct sound, float32: early echoes and a tail that falls by 60 dB in 0.1 to 0.9 s."""
    reverberation_s = 10 ** rng.uniform(-1, -0.05)
    samples = round(min(reverberation_s, 0.9) * SAMPLE_RATE)
    time_s = np.arange(samples) / SAMPLE_RATE
    tail = rng.standard_normal(samples) * 10 ** (-3 * time_s / reverberation_s)
    tail[: round(rng.uniform(0.002, 0.02) * SAMPLE_RATE)] = 0
    tail = signal.lfilter([1.0], [1.0, -rng.uniform(0, 0.7)], tail)
    response = scale_to_rms(tail, 1.0) * 10 ** (rng.uniform(-22, -3) / 20) / np.sqrt(samples)
    response[0] = 1.0
    return response.astype(np.float32)


def fill(samples: int, voices: VoiceSource, rng: Rng) -> np.ndarray:
    """`samples` of speech, mono float32: all through, or with pauses before and after."""
    utterance = voices.speak(rng)
    if len(utterance) >= samples and rng.random() < 0.7:
        start = rng.integers(len(utterance) - samples + 1)
        return utterance[start : start + samples]
    out = np.zeros(samples, np.float32)
    part = utterance[: rng.integers(samples // 5, samples + 1)]
    at = rng.integers(samples - len(part) + 1)
    out[at : at + len(part)] = part
    return out


def active_rms(samples: np.ndarray, frame: int = 1024) -> float:
    """The RMS over the frames within 30 dB of the loudest: how loud a voice is while it speaks."""
    power = np.square(samples[: len(samples) // frame * frame].reshape(-1, frame)).mean(axis=1)
    loud = power > 1e-3 * power.max(initial=0.0)
    return float(np.sqrt(power[loud].mean())) if loud.any() else 0.0

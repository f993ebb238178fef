"""Voices and backgrounds of the embedded engines' benchmark."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from deepsound.generate.draft.recordings import embedded, load_take
from deepsound.media.audio import decode_audio, resample
from deepsound.train import backgrounds
from deepsound.types import Audio

RATE = 44_100
SECONDS = 4.0
SPOKEN = Path("/usr/share/sounds/alsa")
# Debian's asterisk-core-sounds-{en,es,fr}-g722: prompts recorded at 16 kHz, CC-BY-SA (the Russian ones chose weights).
PROMPTS = Path("/usr/share/asterisk/sounds")
PROMPT_LANGUAGES = ("en", "es", "fr")
# espeak-ng's voice and pitch (0 to 99) by kind; neither these variants nor the texts below trained or tuned anything.
SYNTHETIC = {
    "man": ("en+m8", 40),
    "woman": ("en-us+anika", 60),
    "child": ("en+f5", 99),
    "whisper": ("en+whisperf", 50),
    **{f"language {code}": (code, 50) for code in ("cmn", "de", "fr", "es", "ru", "hi", "ar", "ja")},
}
FLITE = ("awb", "slt")
TEXTS = {
    "cmn": "今天的天气很好，我们一起去公园散步吧。",
    "ru": "Сегодня хорошая погода, пойдём гулять в парк.",
    "hi": "आज मौसम बहुत अच्छा है, चलो पार्क में टहलने चलें।",
    "ar": "الطقس جميل اليوم، هيا نذهب إلى الحديقة معا.",
    "ja": "きょうはてんきがいいので、こうえんをさんぽしましょう。",
}
ENGLISH = "Six boats came back before the storm, but the harbour master counted seven lights on the water."


def voices() -> dict[str, np.ndarray]:
    """Mono voices at 44100 Hz by kind: recorded, synthetic, and the recorded ones through a telephone and a TV set."""
    found: dict[str, np.ndarray] = {}
    names = [resample(decode_audio(path), RATE).numpy()[0] for path in sorted(SPOKEN.glob("*_*.wav"))]
    if names:
        recorded = np.concatenate(names)
        found |= {
            "recorded": recorded,
            "telephone": _band(recorded, 300, 3400),
            "TV": _echo(_band(recorded, 150, 7000)),
        }
    for language in PROMPT_LANGUAGES:
        files = [path for path in sorted(PROMPTS.glob(f"{language}_*/*.g722")) if path.stat().st_size > 30_000][:3]
        if files:
            parts = [_prompt(path) for path in files]
            found[f"recorded {language}"] = np.concatenate(parts)
    return found | _synthetic_voices()


def _prompt(path: Path) -> np.ndarray:
    """A G.722 file, which has no header, mono at 44100 Hz."""
    import av

    with av.open(str(path), format="g722") as container:
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return resample(Audio.from_numpy(samples[None].astype(np.float32) / 32768, 16_000), RATE).numpy()[0]


def _synthetic_voices() -> dict[str, np.ndarray]:
    commands = {
        kind: (("espeak-ng", "-v", voice, "-p", str(pitch), "-w"), TEXTS.get(voice, ENGLISH))
        for kind, (voice, pitch) in SYNTHETIC.items()
    } | {f"flite {voice}": (("flite", "-voice", voice, "-o"), ENGLISH) for voice in FLITE}
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, (command, text) in commands.items():
            if (program := shutil.which(command[0])) is None:
                print(f"{command[0]} is not installed: no voice '{kind}'", file=sys.stderr)
                continue
            path = Path(folder, "voice.wav")
            said = ("-t", text) if command[0] == "flite" else (text,)
            subprocess.run([program, *command[1:], str(path), *said], check=True, timeout=60)
            found[kind] = resample(decode_audio(path), RATE).numpy()[0]
    return found


def _band(samples: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    from scipy import signal

    return np.asarray(signal.sosfilt(signal.butter(4, [low_hz, high_hz], "bandpass", fs=RATE, output="sos"), samples))


def _echo(samples: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(3)
    tail = rng.standard_normal(RATE // 3) * 10 ** (-3 * np.arange(RATE // 3) / (RATE // 3))
    tail *= 0.5 / np.sqrt(np.square(tail).sum())
    return np.asarray(samples + np.convolve(samples, tail)[: len(samples)])


def mixture(bed: np.ndarray, voice: np.ndarray, decibels: float) -> np.ndarray:
    """The voice, from its beginning on, so much louder than the bed where it speaks; both mono."""
    repeated = np.resize(voice, len(bed))
    speaking = np.abs(repeated) > 0.01 * np.abs(repeated).max()
    power = np.square(bed).mean() / max(float(np.square(repeated[speaking]).mean()), 1e-12)
    return bed + repeated * np.sqrt(power) * 10 ** (decibels / 20)


def si_sdr(estimate: np.ndarray, target: np.ndarray) -> float:
    scale = estimate @ target / max(float(target @ target), 1e-12)
    error = estimate - scale * target
    return float(10 * np.log10(max(float(np.square(scale * target).sum()), 1e-12) / max(float(error @ error), 1e-12)))


# Recordings of the draft that go on, or that come again and again.
RECORDED_BEDS = (
    *("rain", "river", "applause", "helicopter", "train", "sea", "footstep", "door"),
    *("gallop", "thunder", "car_pass", "siren", "dog", "bird", "telephone", "punch"),
)


def made_up_bed(number: int) -> np.ndarray:
    """A background of the training's kinds, of seeds that nothing was trained or tuned on, mono with an RMS of 0.1."""
    return backgrounds.background(SECONDS, np.random.default_rng([number, 2611])).astype(np.float64)


def recorded_bed(name: str, seed: int) -> np.ndarray:
    """One of the draft's recordings, again and again with pauses as they come, mono with an RMS of 0.1."""
    take = load_take(embedded()[name].paths[0])
    if take is None:
        raise RuntimeError(f"the recording {name!r} of the draft cannot be read; install deepsound again")
    wave, rng, out = take.mean(axis=0), np.random.default_rng([seed, 2611]), np.zeros(round(SECONDS * RATE))
    at = 0 if len(wave) > RATE else int(rng.integers(RATE // 4))
    while at < len(out):
        part = wave[: len(out) - at]
        out[at : at + len(part)] += part
        at += len(wave) if len(wave) > RATE else max(len(wave), round(rng.uniform(0.35, 0.8) * RATE))
    return backgrounds.scale_to_rms(out.astype(np.float32), 0.1).astype(np.float64)

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
# Debian's asterisk-core-sounds-{en,es,fr}-g722: prompts recorded at 16 kHz, CC-BY-SA (the Russian ones chose settings).
PROMPTS = Path("/usr/share/asterisk/sounds")
PROMPT_LANGUAGES = ("en", "es", "fr")
# espeak-ng's voice and pitch (0 to 99) by kind.
_LANGUAGES = {f"language {code}": (code, 50) for code in ("cmn", "de", "fr", "es", "ru", "hi", "ar", "ja")}
SYNTHETIC = {
    "man": ("en+m7", 40),
    "woman": ("en-us+f5", 60),
    "child": ("en+f4", 95),
    "whisper": ("en+whisperf", 50),
    **_LANGUAGES,
}
# Neither these variants nor their text trained a separator or chose its settings, as SYNTHETIC's first three did.
HELD_OUT = {
    "man": ("en+m8", 40),
    "woman": ("en-us+anika", 60),
    "child": ("en+f5", 99),
    "whisper": ("en+whisperf", 50),
    **_LANGUAGES,
}
FLITE = ("awb", "slt")
# Held-out voices that are resynthesised as whispers: half of their tilt, no pitch.
WHISPERED, WHISPER_RATE = ("recorded en", "flite slt"), 16_000
TEXTS = {
    "cmn": "今天的天气很好，我们一起去公园散步吧。",
    "ru": "Сегодня хорошая погода, пойдём гулять в парк.",
    "hi": "आज मौसम बहुत अच्छा है, चलो पार्क में टहलने चलें।",
    "ar": "الطقس جميل اليوم، هيا نذهب إلى الحديقة معا.",
    "ja": "きょうはてんきがいいので、こうえんをさんぽしましょう。",
}
ENGLISH = "The weather is fine today, so let us take a long walk through the park and talk about the film."
HELD_OUT_ENGLISH = "Six boats came back before the storm, but the harbour master counted seven lights on the water."
# Backgrounds of the first seed chose settings; those of the second did not.
SEED, HELD_OUT_SEED = 0, 2611


def voices() -> dict[str, np.ndarray]:
    """Mono voices at 44100 Hz by kind: recorded, synthetic, and the recorded ones through a telephone and a TV set."""
    commands = {kind: _espeak(voice, pitch, ENGLISH) for kind, (voice, pitch) in SYNTHETIC.items()}
    return _channel_names() | _spoken(commands)


def held_out_voices() -> dict[str, np.ndarray]:
    """As `voices`, but synthetic ones that nothing was tuned on, and recorded prompts and flite's voices too."""
    found = _channel_names()
    for language in PROMPT_LANGUAGES:
        files = [path for path in sorted(PROMPTS.glob(f"{language}_*/*.g722")) if path.stat().st_size > 30_000][:3]
        if files:
            found[f"recorded {language}"] = np.concatenate([_prompt(path) for path in files])
    commands = {kind: _espeak(voice, pitch, HELD_OUT_ENGLISH) for kind, (voice, pitch) in HELD_OUT.items()}
    for voice in FLITE:
        commands[f"flite {voice}"] = ("flite", "-voice", voice, "-t", HELD_OUT_ENGLISH, "-o")
    found |= _spoken(commands)
    of_others = {f"whisper, from {kind}": found[kind] for kind in WHISPERED if kind in found}
    return found | {kind: whisper_of(voice, place) for place, (kind, voice) in enumerate(of_others.items())}


def whisper_of(voice: np.ndarray, seed: int, order: int = 20) -> np.ndarray:
    """The voice whispered, both at 44100 Hz: its linear prediction, frame by frame, over noise; nothing above 8 kHz."""
    from scipy import linalg, signal

    low = resample(Audio.from_numpy(voice[None].astype(np.float32), RATE), WHISPER_RATE).numpy()[0]
    bright = signal.lfilter([1, -0.9], [1], low)
    rng, window, out = np.random.default_rng(seed), np.hanning(400), np.zeros(len(low))
    for first in range(0, len(low) - 400, 200):
        frame = bright[first : first + 400] * window
        powers = np.correlate(frame, frame, "full")[399 : 400 + order]
        if powers[0] < 1e-9:
            continue
        powers[0] *= 1.001
        taps = linalg.solve_toeplitz(powers[:order], powers[1:])
        source = rng.standard_normal(500) * np.sqrt(max(powers[0] - taps @ powers[1:], 1e-12) / 400)
        out[first : first + 400] += signal.lfilter([1], np.r_[1, -taps], source)[100:] * window
    whispered = signal.lfilter([1], [1, -0.5], out).astype(np.float32)
    return resample(Audio.from_numpy(whispered[None], WHISPER_RATE), RATE).numpy()[0].astype(np.float64)


def _channel_names() -> dict[str, np.ndarray]:
    names = [resample(decode_audio(path), RATE).numpy()[0] for path in sorted(SPOKEN.glob("*_*.wav"))]
    if not names:
        return {}
    recorded = np.concatenate(names)
    return {
        "recorded": recorded,
        "telephone": _band(recorded, 300, 3400),
        "TV": _echo(_band(recorded, 150, 7000)),
    }


def _espeak(voice: str, pitch: int, english: str) -> tuple[str, ...]:
    return ("espeak-ng", "-v", voice, "-p", str(pitch), TEXTS.get(voice, english), "-w")


def _spoken(commands: dict[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    """What the commands speak, each into the file that its last argument names."""
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "voice.wav")
        for kind, command in commands.items():
            if (program := shutil.which(command[0])) is None:
                print(f"{command[0]} is not installed: no voice '{kind}'", file=sys.stderr)
                continue
            subprocess.run([program, *command[1:], str(path)], check=True, timeout=60)
            found[kind] = resample(decode_audio(path), RATE).numpy()[0]
    return found


def _prompt(path: Path) -> np.ndarray:
    """A G.722 file, which has no header, mono at 44100 Hz."""
    import av

    with av.open(str(path), format="g722") as container:
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return resample(Audio.from_numpy(samples[None].astype(np.float32) / 32768, 16_000), RATE).numpy()[0]


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


def made_up_bed(number: int, seed: int = SEED) -> np.ndarray:
    """A background of the training's kinds, of seeds that nothing was trained on, mono with an RMS of 0.1."""
    made = backgrounds.background(SECONDS, np.random.default_rng([number, seed or 77]))
    return made.astype(np.float64)


def recorded_bed(name: str, number: int, seed: int = SEED) -> np.ndarray:
    """One of the draft's recordings, again and again with pauses as they come, mono with an RMS of 0.1."""
    take = load_take(embedded()[name].paths[0])
    if take is None:
        raise RuntimeError(f"the recording {name!r} of the draft cannot be read; install deepsound again")
    wave, rng, out = take.mean(axis=0), np.random.default_rng([number, seed or 5]), np.zeros(round(SECONDS * RATE))
    at = 0 if len(wave) > RATE else int(rng.integers(RATE // 4))
    while at < len(out):
        part = wave[: len(out) - at]
        out[at : at + len(part)] += part
        at += len(wave) if len(wave) > RATE else max(len(wave), round(rng.uniform(0.35, 0.8) * RATE))
    return backgrounds.scale_to_rms(out.astype(np.float32), 0.1).astype(np.float64)

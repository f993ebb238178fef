"""Benchmark of the embedded engines' quality: verdicts, onsets, separation by voice, harm.

`python -m benchmarks.embedded_quality [--only verdicts,onsets,separation,harm] [--count N]`.

Everything is rendered here or comes with scikit-image, alsa-utils and espeak-ng (voices), so that anyone can run it;
what is not installed is left out and said. The model cards' numbers of these tables come from it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks._measure import save
from deepsound import engines
from deepsound.media.audio import decode_audio, resample
from deepsound.media.vad import voice_spans
from deepsound.media.views import Still
from deepsound.reason.cot import Evidence
from deepsound.reason.person_detection import detect_people
from deepsound.runtime.progress import Progress
from deepsound.train import backgrounds
from deepsound.types import Audio
from tests.generate import scenes
from tests.generate.draft.test_impact_detection import watch_scene
from tests.generate.onsets import matched
from tests.generate.scenes import Look

RATE = 44_100
SECONDS = 4.0
SPOKEN = Path("/usr/share/sounds/alsa")
# espeak-ng's voice and pitch (0 to 99) by kind; none of these variants trained bs_roformer_tiny.
SYNTHETIC = {
    "man": ("en+m7", 40),
    "woman": ("en-us+f5", 60),
    "child": ("en+f4", 95),
    "whisper": ("en+whisperf", 50),
    **{f"language {code}": (code, 50) for code in ("cmn", "de", "fr", "es", "ru", "hi", "ar", "ja")},
}
TEXTS = {
    "cmn": "今天的天气很好，我们一起去公园散步吧。",
    "ru": "Сегодня хорошая погода, пойдём гулять в парк.",
    "hi": "आज मौसम बहुत अच्छा है, चलो पार्क में टहलने चलें।",
    "ar": "الطقس جميل اليوم، هيا نذهب إلى الحديقة معا.",
    "ja": "きょうはてんきがいいので、こうえんをさんぽしましょう。",
}
ENGLISH = "The weather is fine today, so let us take a long walk through the park and talk about the film."


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
    if (program := shutil.which("espeak-ng")) is None:
        print("espeak-ng is not installed: no synthetic voices", file=sys.stderr)
        return found
    with tempfile.TemporaryDirectory() as folder:
        for kind, (voice, pitch) in SYNTHETIC.items():
            path = Path(folder, "voice.wav")
            text = TEXTS.get(voice, ENGLISH)
            subprocess.run([program, "-v", voice, "-p", str(pitch), "-w", str(path), text], check=True, timeout=60)
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


def verdicts(count: int) -> list[dict[str, object]]:
    """The four categories of the paper's Figure 4: somebody on screen or nobody, a voice heard or none."""
    from skimage import data

    person = np.asarray(data.astronaut())
    spoken = voices()
    rows: list[dict[str, object]] = []
    for seen in (False, True):
        for heard in (False, True):
            right = 0
            for number in range(count):
                rng = np.random.default_rng([number, seen, heard])
                stills = list(_stills(number, person if seen else None, rng))
                bed = backgrounds.background(SECONDS, rng)
                kind = list(spoken)[number % len(spoken)] if heard else ""
                sound = mixture(bed, spoken[kind], rng.uniform(0, 8)) if heard else bed
                people = tuple(sorted({found.time_s for found in detect_people(stills)}))
                spans = voice_spans(Audio.from_numpy(sound[None].astype(np.float32), RATE), Progress())
                evidence = Evidence(len(stills), people, SECONDS, spans)
                right += (bool(spans), bool(people)) == (heard, seen) and evidence.verdict is not None
            rows.append({"person": seen, "voice": heard, "clips": count, "right": right})
            print(rows[-1], flush=True)
    return rows


def _stills(number: int, person: np.ndarray | None, rng: np.random.Generator) -> Iterator[Still]:
    """Six frames of a rendered scene, with the person pasted in for half of them."""
    from PIL import Image

    make = scenes.IMPACTS[number % len(scenes.IMPACTS)]
    frames = list(make(Look(Fraction(25), (640, 360), "textured", 500 + number, grain=3), 1.0).frames())
    size = int(rng.integers(200, 340))
    for index, frame in enumerate(frames[:: len(frames) // 6][:6]):
        picture = np.array(frame)
        if person is not None and index % 2:
            shown = np.asarray(Image.fromarray(person).resize((size, size)))
            picture[:size, 20 + 10 * index : 20 + 10 * index + size] = shown
        yield Still(picture, index * SECONDS / 6)


def onsets(count: int) -> list[dict[str, object]]:
    """Impacts within 40 ms and spurious ones, of scenes whose seeds no rule was tuned on."""
    from deepsound.generate.draft.impact_selection import plan_impacts

    looks = [
        Look(Fraction(24), (480, 360), "textured", 901),
        Look(Fraction(25), (480, 270), "flat", 902, shake=0.006),
        Look(Fraction(30000, 1001), (320, 240), "noise", 903, grain=5),
        Look(Fraction(60), (360, 270), "flat", 904, shutter=0.5),
        Look(Fraction(50), (320, 240), "textured", 905, grain=3),
        Look(Fraction(30), (426, 240), "noise", 906, shake=0.004),
    ][:count]
    still = (scenes.wheel, scenes.clouds, scenes.falling_flakes, scenes.falling_rain)
    rows: list[dict[str, object]] = []
    for make in (*scenes.IMPACTS, *still):
        known = heard = right = 0
        for look in looks:
            scene = make(look, 3.6)
            found = np.array([impact.time_s for impact in plan_impacts(watch_scene(scene))])
            known, heard = known + len(scene.hits_s), heard + len(found)
            right += matched(found, scene.hits_s)
        rows.append({"scene": make.__name__, "impacts": known, "within 40 ms": right, "spurious": int(heard - right)})
        print(rows[-1], flush=True)
    return rows


def separation(count: int) -> list[dict[str, object]]:
    """SI-SDR improvement of the background, mean over mixtures with the voice at -5, 0, 5 and 10 dB."""
    rows: list[dict[str, object]] = []
    for kind, voice in voices().items():
        gains: dict[str, list[float]] = {"bs_roformer_tiny": [], "spectral": []}
        for number in range(count):
            rng = np.random.default_rng([number, 77])
            bed = backgrounds.background(SECONDS, rng).astype(np.float64)
            mixed = mixture(bed, voice, (-5, 0, 5, 10)[number % 4])
            for name, values in gains.items():
                values.append(si_sdr(_background(name, mixed), bed) - si_sdr(mixed, bed))
        rows.append(
            {"voice": kind, "mixtures": count, **{name: round(float(np.mean(v)), 1) for name, v in gains.items()}}
        )
        print(rows[-1], flush=True)
    return rows


def harm(count: int) -> list[dict[str, object]]:
    """How far the output is from voice-free input, in dB of the input: the mean and the worst; -inf is unchanged."""
    rows: list[dict[str, object]] = []
    for name in ("bs_roformer_tiny", "spectral"):
        errors = []
        for number in range(count):
            bed = backgrounds.background(SECONDS, np.random.default_rng([number, 99])).astype(np.float64)
            error = float(np.square(_background(name, bed) - bed).sum()) / float(np.square(bed).sum())
            errors.append(10 * np.log10(max(error, 1e-12)))
        changed = sum(error > -119 for error in errors)
        rows.append(
            {"separator": name, "sounds": count, "changed": int(changed), "worst_db": round(float(max(errors)), 1)}
        )
        print(rows[-1], flush=True)
    return rows


def _background(name: str, mono: np.ndarray) -> np.ndarray:
    stems = engines.separator(name).separate(Audio.from_numpy(mono[None].astype(np.float32), RATE), Progress())
    return stems.background.numpy()[0].astype(np.float64)


TABLES: dict[str, tuple[Callable[[int], list[dict[str, object]]], int]] = {
    "verdicts": (verdicts, 16),
    "onsets": (onsets, 6),
    "separation": (separation, 8),
    "harm": (harm, 90),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES), help="tables to make (default: %(default)s)")
    parser.add_argument("--count", type=int, help="clips, looks, mixtures or sounds of each row")
    options = parser.parse_args()
    results: dict[str, object] = {}
    for name in options.only.split(","):
        make, usual = TABLES[name]
        print(name, flush=True)
        results[name] = make(options.count or usual)
    print(
        "written to", save(results, f"embedded_quality_{'_'.join(results)}" if len(results) < 4 else "embedded_quality")
    )


if __name__ == "__main__":
    main()

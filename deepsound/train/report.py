"""Held-out evaluation of a separator: `python -m deepsound.train.report --speech FOLDER`.

Held-out voices and synthesisers, and real recorded names of channels (Debian's alsa-utils), over backgrounds of a seed
of their own and, where a file is given, over a real recording; and how much it takes from sound without any voice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from deepsound.media.audio import decode_audio, resample, to_mono
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.separate.roformer import RoformerSeparator
from deepsound.separate.spectral import SpectralSeparator
from deepsound.train.backgrounds import SAMPLE_RATE, background
from deepsound.train.losses import si_sdr
from deepsound.train.voices import SpokenVoices, active_rms, in_place, load
from deepsound.types import Audio

SEED = 5_2025
LEVELS_DB = (-5.0, 0.0, 5.0, 10.0)
ALSA = Path("/usr/share/sounds/alsa")


@dataclass(frozen=True, eq=False)
class Case:
    """A background and a voice [samples] at 44100 Hz, what they are, and how many dB the voice is above."""

    of: str
    background: np.ndarray
    voice: np.ndarray
    voice_db: float | None = None


@dataclass(frozen=True)
class Score:
    """`improvement_db`: SI-SDR of the background, output against input. `residual_db`: what is left of the voice.

    `kept_db`: output against input where there is no voice (SDR).
    """

    of: str
    voice_db: float | None
    improvement_db: float | None = None
    residual_db: float | None = None
    kept_db: float | None = None


def main(arguments: list[str] | None = None) -> int:
    """Separate held-out cases, print the table of scores as JSON lines, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deepsound.train.report", description=__doc__)
    parser.add_argument("--speech", type=Path, required=True, help="what scripts/render_speech.py rendered")
    parser.add_argument("--recording", type=Path, help="a real sound without voices, as a background")
    parser.add_argument("--separator", default="bs_roformer_tiny")
    parser.add_argument("--weights", type=Path, help="another file for it")
    parser.add_argument("--gated", action="store_true", help="only where the voice detector hears somebody")
    parser.add_argument("--cases", type=int, default=24, help="how many of each kind")
    parser.add_argument("--out", type=Path, help="a JSON file for the table")
    options = parser.parse_args(arguments)
    engine = (
        SpectralSeparator()
        if options.separator == "spectral"
        else RoformerSeparator(options.separator, gated=options.gated)
    )
    if options.weights and isinstance(engine, RoformerSeparator):
        engine.configure(Execution(weights={options.separator: options.weights}))
    scores = []
    for case in cases(options.speech, options.recording, options.cases):
        mix = Audio.from_numpy(case.background + case.voice, SAMPLE_RATE)
        stems = engine.separate(mix, Progress())
        scores.append(score(case, stems.background.numpy()[0]))
    table = summary(scores)
    for row in table:
        print(json.dumps(row))
    if options.out:
        content = {"separator": options.separator, "gated": options.gated, "seed": SEED, "rows": table}
        options.out.write_text(json.dumps(content, indent=2) + "\n")
    return 0


def cases(speech: Path, recording: Path | None, count: int, seconds: float = 6.0) -> Iterator[Case]:
    """Everything that is measured, in order; equal arguments give equal samples."""
    samples = round(seconds * SAMPLE_RATE)
    held_out = SpokenVoices(speech / "heldout")
    real = _real_recording(recording)
    for number in range(count):
        rng = np.random.default_rng([SEED, 1, number])
        bed = background(seconds, rng)
        voice = in_place(_all_through(held_out, samples, rng), rng)
        yield _mix_case("held-out synthetic voice, synthetic background", bed, voice, LEVELS_DB[number % 4])
        nobody = np.zeros(samples, np.float32)
        yield Case("no voice, synthetic background", _at(background(seconds, rng), -23.0), nobody)
        name = "recorded voice, synthetic background"
        yield _mix_case(name, background(seconds, rng), _recorded_names(samples, rng), LEVELS_DB[number % 4])
        if real is not None and number < count // 2:
            start = int(rng.integers(len(real) - samples + 1))
            bed = real[start : start + samples]
            yield _mix_case(
                "recorded voice, real background", bed, _recorded_names(samples, rng), LEVELS_DB[number % 4]
            )
            yield Case("no voice, real background", _at(bed, -23.0), nobody)


def score(case: Case, output: np.ndarray) -> Score:
    """The measures of one background that a separator gave for a case."""
    got, bed, voice = (torch.from_numpy(np.ascontiguousarray(part)) for part in (output, case.background, case.voice))
    if case.voice_db is None:
        taken = float((got - bed).square().sum())
        return Score(case.of, None, kept_db=float(10 * np.log10(float(bed.square().sum()) / max(taken, 1e-12))))
    gain = si_sdr(got, bed) - si_sdr(bed + voice, bed)
    return Score(case.of, case.voice_db, improvement_db=float(gain), residual_db=residual(got - bed, voice))


def residual(left: torch.Tensor, voice: torch.Tensor, frame: int = 4410) -> float:
    """How loud the voice still is in what is left, in dB against before: its share in frames of a tenth of a second."""
    whole = len(voice) // frame * frame
    left, voice = left[:whole].view(-1, frame), voice[:whole].view(-1, frame)
    power = voice.square().sum(1)
    share = (left * voice).sum(1) / power.clamp_min(1e-12)
    return float(10 * torch.log10((share.square() * power).sum() / power.sum() + 1e-12))


def summary(scores: list[Score]) -> list[dict[str, object]]:
    """Means by kind and by level."""
    rows: list[dict[str, object]] = []
    for of in dict.fromkeys(score.of for score in scores):
        alike = [score for score in scores if score.of == of]
        levels = dict.fromkeys(score.voice_db for score in alike)
        rows.append({"of": of, **_means(alike)})
        if None not in levels:
            rows += [
                {"of": of, "voice_db": level, **_means([one for one in alike if one.voice_db == level])}
                for level in sorted(level for level in levels if level is not None)
            ]
    return rows


def _means(scores: list[Score]) -> dict[str, object]:
    def mean(values: list[float | None]) -> float | None:
        present = [value for value in values if value is not None]
        return round(sum(present) / len(present), 2) if present else None

    measures = {
        "si_sdri_db": mean([score.improvement_db for score in scores]),
        "residual_db": mean([score.residual_db for score in scores]),
        "kept_sdr_db": mean([score.kept_db for score in scores]),
    }
    return {"cases": len(scores), **{name: value for name, value in measures.items() if value is not None}}


def _mix_case(of: str, bed: np.ndarray, voice: np.ndarray, voice_db: float) -> Case:
    """The voice where it speaks that far above the background where it sounds, the mix at -23 dBFS."""
    gain = 10 ** (voice_db / 20) * active_rms(bed) / max(active_rms(voice), 1e-6)
    voice = voice * np.float32(gain)
    level = np.float32(10 ** (-23 / 20) / max(float(np.sqrt(np.mean((bed + voice) ** 2))), 1e-6))
    return Case(of, bed * level, voice * level, voice_db)


def _at(samples: np.ndarray, dbfs: float) -> np.ndarray:
    return samples * np.float32(10 ** (dbfs / 20) / max(float(np.sqrt(np.mean(samples**2))), 1e-6))


def _all_through(voices: SpokenVoices, samples: int, rng: np.random.Generator) -> np.ndarray:
    spoken = voices.speak(rng)
    while len(spoken) < samples:
        spoken = np.concatenate((spoken, voices.speak(rng)))
    return spoken[:samples]


def _recorded_names(samples: int, rng: np.random.Generator) -> np.ndarray:
    files = sorted(ALSA.glob("*_*.wav"))
    spoken = np.concatenate([load(files[index], 1.0, rng) for index in rng.permutation(len(files))])
    return spoken[:samples]


def _real_recording(file: Path | None) -> np.ndarray | None:
    return None if file is None else to_mono(resample(decode_audio(file), SAMPLE_RATE)).numpy()[0]


if __name__ == "__main__":
    sys.exit(main())

"""Benchmark of the embedded engines' quality: verdicts, onsets, separation by voice, harm.

`python -m benchmarks.embedded_quality [--only verdicts,mouths,onsets,hearing,narration,separation,alone,harm]
[--storm FILE] [--tagger FOLDER] [--before CHECKOUT] [--voices WORDS] [--separators NAMES]`.

Everything is rendered here or comes with scikit-image, alsa-utils and espeak-ng (voices), so that anyone can run it;
what is not installed is left out and named. The model cards' numbers of these tables come from it. The separator that
was the embedded one in 0.3.0, `bs_roformer_tiny` with the same weights, is measured beside today's. How an independent
tagger names the draft's sounds is measured with `--tagger FOLDER`, whose files you bring along (`_tagger.py`).

`--before CHECKOUT` (of the tag v0.3.0, say) measures that version's embedded engines and this one's on the same
material, in rows of both: verdicts, onsets as an onset detector hears them, separation and, with `--tagger`, tags.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._before import before_and_after
from benchmarks._measure import save
from benchmarks._mouths import mouths
from benchmarks._onsets import onset_table
from benchmarks._tags import tags
from benchmarks._vocal_sounds import vocal_sounds
from benchmarks._voices import (
    HELD_OUT_SEED,
    RATE,
    RECORDED_BEDS,
    SECONDS,
    held_out_voices,
    made_up_bed,
    mixture,
    recorded_bed,
    si_sdr,
    voices,
)
from deepsound import engines
from deepsound.generate.draft.recordings import embedded
from deepsound.media.audio import decode_audio, resample
from deepsound.media.vad import voice_spans
from deepsound.media.views import Still
from deepsound.reason.cot import Evidence
from deepsound.reason.person_detection import detect_people
from deepsound.runtime.progress import Progress
from deepsound.silence import measure_residue
from deepsound.train import backgrounds
from deepsound.train.voices import active_rms
from deepsound.types import Audio, Span
from tests.generate import scenes
from tests.generate.scenes import Look

# A clip whose sound is a storm without a voice; --storm names another.
STORM = Path(__file__).parents[1] / "tests" / "clips" / "tornado.mp4"
SEPARATORS = ("dtln", "bs_roformer_tiny", "spectral")
PLAIN = "dtln without post-filter"


@dataclass
class Choice:
    """Kinds of voices with one of these words in their name, and separators, that tables have; all where empty."""

    voices: tuple[str, ...] = ()
    separators: tuple[str, ...] = ()

    def of(self, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The chosen kinds of voices."""
        return {kind: voice for kind, voice in found.items() if not self.voices or any(w in kind for w in self.voices)}


CHOICE = Choice()


def separators() -> dict[str, engines.Separator]:
    """The embedded separators, and DTLN as it was before it had a post-filter."""
    from deepsound.separate.dtln import DtlnSeparator

    every = {name: engines.separator(name) for name in SEPARATORS} | {PLAIN: DtlnSeparator(post_filter=False)}
    return {name: made for name, made in every.items() if not CHOICE.separators or name in CHOICE.separators}


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
                spans = voice_spans(_sound(sound), Progress())
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


def hearing(count: int) -> list[dict[str, object]]:
    """The share of the time in which a voice is found, by its level against recorded backgrounds; and false alarms."""
    rows: list[dict[str, object]] = []
    for kind, voice in CHOICE.of(voices() | vocal_sounds()).items():
        row: dict[str, object] = {"voice": kind}
        for decibels in (-12, -6, 0, 6):
            beds = [recorded_bed(RECORDED_BEDS[number % len(RECORDED_BEDS)], number) for number in range(count)]
            found = [_voiced_s(mixture(bed, voice, decibels)) / SECONDS for bed in beds]
            row[f"found at {decibels} dB"] = round(float(np.mean(found)), 2)
        rows.append(row)
        print(rows[-1], flush=True)
    silent = [
        *map(made_up_bed, range(60)),
        *(recorded_bed(name, 1) for name, each in embedded().items() if each.paths[0].stem == name),
    ]
    rows.append({"voice": "none", "sounds": len(silent), "false alarms": sum(_voiced_s(bed) > 0 for bed in silent)})
    print(rows[-1], flush=True)
    return rows


def narration(count: int, storm: Path = STORM) -> list[dict[str, object]]:
    """The share of a narrator's time that is found in a storm, by voice and level; `count` beginnings of the voice."""
    bed = resample(decode_audio(storm, duration_s=10.0), RATE).numpy().mean(axis=0)
    rows: list[dict[str, object]] = []
    for kind, voice in CHOICE.of(voices()).items():
        row: dict[str, object] = {"voice": kind}
        for decibels in (-6, -12):
            shares = []
            for number in range(count):
                said = np.resize(np.roll(voice, -number * len(voice) // count), len(bed))
                alone, mixed = voice_spans(_sound(said), Progress()), mixture(bed, said, decibels)
                shares.append(_common_s(alone, voice_spans(_sound(mixed), Progress())) / _total_s(alone))
            row[f"found at {decibels} dB"] = round(float(np.mean(shares)), 2)
        rows.append(row)
        print(rows[-1], flush=True)
    return rows


def _common_s(first: Sequence[Span], second: Sequence[Span]) -> float:
    pairs = ((one, other) for one in first for other in second)
    return sum(max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a, b in pairs)


def _total_s(spans: Sequence[Span]) -> float:
    return max(sum(span.duration_s for span in spans), 1e-9)


def _voiced_s(mono: np.ndarray) -> float:
    return sum(span.duration_s for span in voice_spans(_sound(mono), Progress()))


def separation(count: int) -> list[dict[str, object]]:
    """SI-SDR improvement of the background, mean over voices at -5, 0, 5 and 10 dB over both sorts of backgrounds."""
    rows: list[dict[str, object]] = []
    compared = separators()
    every = held_out_voices()
    for kind, voice in CHOICE.of(every).items():
        place = list(every).index(kind)
        for sort in ("made up", "recorded"):
            gains: dict[str, list[float]] = {name: [] for name in compared}
            for number in range(count):
                name = RECORDED_BEDS[(5 * place + number) % len(RECORDED_BEDS)]
                bed = _held_out_bed(name if sort == "recorded" else None, number)
                mixed = mixture(bed, voice, (-5, 0, 5, 10)[number % 4])
                for name, values in gains.items():
                    values.append(si_sdr(_background(compared[name], mixed), bed) - si_sdr(mixed, bed))
            means = {name: round(float(np.mean(values)), 1) for name, values in gains.items()}
            rows.append({"voice": kind, "background": sort, "mixtures": count, **means})
            print(rows[-1], flush=True)
    return rows


def alone(count: int) -> list[dict[str, object]]:
    """How many sounds that are silent by step 4's rule once the voice is removed: a voice alone, and over a faint bed.

    The voice alone is at -36 to -12 dBFS where it speaks; over a bed 26 dB under it at -16 and -12 dBFS, and that must
    not be silent.
    """
    rows: list[dict[str, object]] = []
    compared = separators()
    for kind, voice in CHOICE.of(held_out_voices()).items():
        for bed_db in (None, -26.0):
            silent = dict.fromkeys(compared, 0)
            for number in range(count):
                start = number * len(voice) // count
                words = np.resize(np.roll(voice, -start), round(SECONDS * RATE))
                level_db = (-36, -28, -20, -12)[number % 4] if bed_db is None else (-16, -12)[number % 2]
                spoken = words * 10 ** (level_db / 20) / active_rms(words.astype(np.float32))
                level = 0.0 if bed_db is None else 10 ** (bed_db / 20) * active_rms(spoken.astype(np.float32)) / 0.1
                mixed = _sound(spoken + level * _held_out_bed(None, 2000 + number))
                for name in silent:
                    background = compared[name].separate(mixed, Progress()).background
                    silent[name] += measure_residue(mixed, background).is_silent
            rows.append({"voice": kind, "bed_db": bed_db, "clips": count, **silent})
            print(rows[-1], flush=True)
    return rows


def harm(count: int) -> list[dict[str, object]]:
    """How far the output is from voice-free input, in dB of the input: the mean and the worst; -120 is unchanged."""
    from deepsound.separate.dtln import DtlnSeparator
    from deepsound.separate.roformer import BSRoformerTinySeparator

    ungated: dict[str, engines.Separator] = {
        "dtln, ungated": DtlnSeparator(False),
        f"{PLAIN}, ungated": DtlnSeparator(False, post_filter=False),
        "bs_roformer_tiny, ungated": BSRoformerTinySeparator(gated=False),
    }
    if CHOICE.separators:
        ungated = {name: made for name, made in ungated.items() if name.removesuffix(", ungated") in CHOICE.separators}
    rows: list[dict[str, object]] = []
    for name, made in (separators() | ungated).items():
        errors = []
        for number in range(count):
            recorded = RECORDED_BEDS[number // 2 % len(RECORDED_BEDS)]
            bed = _held_out_bed(recorded, number) if number % 2 else _held_out_bed(None, 1000 + number)
            got = made.separate(_sound(bed), Progress()).background.numpy()[0]
            errors.append(10 * np.log10(max(float(np.square(got - bed).sum() / np.square(bed).sum()), 1e-12)))
        changed = sum(error > -119 for error in errors)
        levels = {"mean_db": round(float(np.mean(errors)), 1), "worst_db": round(float(max(errors)), 1)}
        rows.append({"separator": name, "sounds": count, "changed": int(changed), **levels})
        print(rows[-1], flush=True)
    return rows


def _held_out_bed(recording: str | None, number: int) -> np.ndarray:
    """A made-up background, or one of a recording, that no setting was chosen on."""
    return recorded_bed(recording, number, HELD_OUT_SEED) if recording else made_up_bed(number, HELD_OUT_SEED)


def _sound(mono: np.ndarray) -> Audio:
    return Audio.from_numpy(mono[None].astype(np.float32), RATE)


def _background(separator: engines.Separator, mono: np.ndarray) -> np.ndarray:
    return separator.separate(_sound(mono), Progress()).background.numpy()[0].astype(np.float64)


TABLES: dict[str, tuple[Callable[[int], list[dict[str, object]]], int]] = {
    "verdicts": (verdicts, 16),
    "mouths": (mouths, 8),
    "onsets": (onset_table, 6),
    "hearing": (hearing, 4),
    "narration": (narration, 3),
    "separation": (separation, 4),
    "alone": (alone, 4),
    "harm": (harm, 90),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES), help="tables to make (default: %(default)s)")
    parser.add_argument("--tagger", type=Path, help="folder of YAMNet's files: adds the table of tags")
    parser.add_argument("--count", type=int, help="clips, looks, mixtures or sounds of each row")
    parser.add_argument("--storm", type=Path, default=STORM, help="the background of the table narration")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="measure an earlier version beside this one")
    parser.add_argument("--voices", default="", help="only kinds of voices with one of these words in their name")
    parser.add_argument("--separators", default="", help=f"only these of {', '.join((*SEPARATORS, PLAIN))}")
    options = parser.parse_args()
    CHOICE.voices, CHOICE.separators = (
        tuple(filter(None, words.split(","))) for words in (options.voices, options.separators)
    )
    if options.before:
        both = before_and_after(options.before, options.only.split(","), options.count, options.tagger)
        print("written to", save(both, "embedded_quality_before"))
        return
    results: dict[str, object] = {"tags": tags(options.tagger)} if options.tagger else {}
    for name in filter(None, options.only.split(",")):
        make, usual = (partial(narration, storm=options.storm), 3) if name == "narration" else TABLES[name]
        print(name, flush=True)
        results[name] = make(options.count or usual)
    names = "_".join(results) if len(results) < len(TABLES) else ""
    part = "part" if options.voices or options.separators else ""
    print("written to", save(results, "_".join(filter(None, ("embedded_quality", names, part)))))


if __name__ == "__main__":
    main()

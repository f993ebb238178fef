"""Tables of an earlier checkout's embedded engines beside this one's, on the same material."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks._onsets import GROUPS, LOOKS
from benchmarks._onsets import SECONDS as SCENE_S
from benchmarks._tagger import CLASSES, Tagger
from benchmarks._tags import CLIP, WORDS_EACH, prompted_words, write_still
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
from deepsound.train import backgrounds
from deepsound.types import Audio
from tests.conftest import write_video
from tests.generate import scenes
from tests.generate.onsets import matched, onset_times
from tests.generate.scenes import Look

ROOT = Path(__file__).parents[1]
DRIVER = Path(__file__).with_name("_engine_driver.py")
SIDES = ("before", "after")
# The embedded separators: 0.3.0's default and its other one, and today's default.
SEPARATORS = (("before", "bs_roformer_tiny"), ("before", "spectral"), ("after", "dtln"))
Row = dict[str, object]
Job = dict[str, Any]
Answers = dict[str, list[dict[str, Any]]]


@dataclass
class _Material:
    """Jobs for both checkouts and what is needed to mark their answers, in a temporary folder."""

    folder: Path
    jobs: dict[str, list[Job]] = field(default_factory=lambda: {side: [] for side in SIDES})

    def add(self, job: Job, sides: Sequence[str] = SIDES) -> dict[str, int]:
        """Add a job; its number on each of the sides."""
        numbers = {}
        for side in sides:
            numbers[side] = len(self.jobs[side])
            self.jobs[side].append(job | {"target": str(self.folder / f"{side}_{numbers[side]}.npy")})
        return numbers

    def save(self, sound: np.ndarray) -> Job:
        """The fields of a job that name a mono sound."""
        path = self.folder / f"sound_{len(list(self.folder.glob('sound_*.npy')))}.npy"
        np.save(path, sound[None].astype(np.float32))
        return {"sound": str(path), "rate": RATE}

    def sound(self, side: str, number: int, answers: Answers) -> Audio | None:
        """What a side made, None where it failed."""
        answer = answers[side][number]
        if "error" in answer:
            return None
        return Audio.from_numpy(np.load(self.jobs[side][number]["target"]), answer["rate"])


Mark = Callable[[Answers], list[Row]]


def before_and_after(checkout: Path, names: Sequence[str], count: int | None, tagger: Path | None) -> dict[str, object]:
    """The named tables of TABLES (and the tags, with a `tagger`) for `checkout` and for this one, in rows of both."""
    results: dict[str, object] = {}
    for name in (*filter(None, names), *(["tags"] if tagger else [])):
        if name not in TABLES and name != "tags":
            results[name] = "not compared: 0.3.0 has nothing of the kind that the library's calls would reach"
            continue
        print(name, flush=True)
        with TemporaryDirectory() as place:
            material = _Material(Path(place))
            if name == "tags":
                mark = _tags(material, prompted_words(count or WORDS_EACH), Tagger(tagger or Path()))
            else:
                make, usual = TABLES[name]
                mark = make(material, count or usual)
            answers = {side: _run(root, material, side) for side, root in zip(SIDES, (checkout, ROOT), strict=True)}
            results["versions"] = {side: answers[side][-1]["version"] for side in SIDES}
            results[name] = rows = mark(answers)
        for row in rows:
            print(row, flush=True)
    return results


def _run(root: Path, material: _Material, side: str) -> list[dict[str, Any]]:
    """The answers of a checkout to its jobs, and its version at the end. Raises RuntimeError if it runs another one."""
    jobs, answers = (material.folder / f"{side}_{what}.json" for what in ("jobs", "answers"))
    jobs.write_text(json.dumps([*material.jobs[side], {"do": "version"}]), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(root.resolve())}
    subprocess.run([sys.executable, str(DRIVER), str(jobs), str(answers)], env=environment, check=True)
    found: list[dict[str, Any]] = json.loads(answers.read_text(encoding="utf-8"))
    ran = found[-1].get("path", found[-1])
    if not Path(str(ran)).is_relative_to(root.resolve()):
        raise RuntimeError(f"expected deepsound of {root}, got {ran}; name a checkout whose folder has deepsound/.")
    return found


def _verdicts(material: _Material, count: int) -> Mark:
    """Clips of the paper's four categories: is a voice heard, and a person seen, exactly where there is one?"""
    from skimage import data

    person, spoken = np.asarray(data.astronaut()), voices()
    asked: dict[tuple[bool, bool], list[dict[str, int]]] = {}
    for seen, heard in ((False, False), (False, True), (True, False), (True, True)):
        for number in range(count):
            rng = np.random.default_rng([number, seen, heard])
            video = material.folder / f"{seen}{heard}{number}.mp4"
            _write_scene(video, number, person if seen else None, rng)
            bed = backgrounds.background(SECONDS, rng)
            voice = spoken[list(spoken)[number % len(spoken)]]
            sound = material.save(mixture(bed, voice, rng.uniform(0, 8)) if heard else bed)
            job = {"do": "judge", "engine": "rules", "video": str(video), **sound}
            asked.setdefault((seen, heard), []).append(material.add(job))

    def mark(answers: Answers) -> list[Row]:
        rows: list[Row] = []
        for (seen, heard), numbers in asked.items():
            row: Row = {"person": seen, "voice": heard, "clips": len(numbers)}
            for side in SIDES:
                found = [answers[side][each[side]] for each in numbers]
                row[side] = sum((each.get("person"), each.get("voice")) == (seen, heard) for each in found)
            rows.append(row)
        return rows

    return mark


def _write_scene(path: Path, number: int, person: np.ndarray | None, rng: np.random.Generator) -> None:
    """A rendered scene with a portrait pasted in for the middle half of its time."""
    from PIL import Image

    make, fps = scenes.IMPACTS[number % len(scenes.IMPACTS)], 10
    frames = list(make(Look(Fraction(fps), (640, 360), "textured", 500 + number, grain=3), SECONDS).frames())
    size = int(rng.integers(200, 340))
    shown = None if person is None else np.asarray(Image.fromarray(person).resize((size, size)))

    def paint(index: int) -> np.ndarray:
        picture = np.array(frames[min(index, len(frames) - 1)])
        if shown is not None and len(frames) // 4 <= index < 3 * len(frames) // 4:
            picture[:size, 20 + index : 20 + index + size] = shown
        return picture

    write_video(path, size=(640, 360), fps=fps, seconds=SECONDS, paint=paint)


def _onsets(material: _Material, count: int) -> Mark:
    """Onsets that an independent detector finds in the draft's sound, by group of scenes."""
    asked: dict[str, list[tuple[dict[str, int], tuple[float, ...]]]] = {}
    for group, kinds in GROUPS.items():
        for make in kinds:
            for number, look in enumerate(LOOKS[:count]):
                scene = make(look, SCENE_S)
                video = scene.write(material.folder / f"{make.__name__}{number}.mp4")
                job = {"do": "generate", "engine": "draft", "video": str(video), "prompt": "", "seed": number}
                asked.setdefault(group, []).append((material.add(job), scene.hits_s))

    def mark(answers: Answers) -> list[Row]:
        return [_onset_row(group, takes, material, answers) for group, takes in asked.items()]

    return mark


def _onset_row(
    group: str, takes: list[tuple[dict[str, int], tuple[float, ...]]], material: _Material, answers: Answers
) -> Row:
    row: Row = {"group": group, "clips": len(takes), "impacts": sum(len(hits_s) for _, hits_s in takes)}
    for side in SIDES:
        right = spurious = 0
        for numbers, hits_s in takes:
            sound = material.sound(side, numbers[side], answers)
            found = onset_times(sound) if sound is not None and np.abs(sound.numpy()).max() > _AUDIBLE else np.zeros(0)
            within = matched(found, hits_s)
            right, spurious = right + within, spurious + len(found) - within
        row |= {f"{side}, within 40 ms": right, f"{side}, spurious": spurious}
    return row


def _tags(material: _Material, words: Sequence[tuple[str, str]], tagger: Tagger) -> Mark:
    """Whether one of the tagger's five likeliest classes of the draft's sound is what the word means."""
    still = material.folder / "still.mp4"
    write_still(still)
    clips = {"over a still": still, "over impacts": CLIP}
    asked = {
        (word, where): material.add(
            {"do": "generate", "engine": "draft", "video": str(video), "prompt": word, "seed": 7}
        )
        for word, _ in words
        for where, video in clips.items()
    }

    def mark(answers: Answers) -> list[Row]:
        rows: list[Row] = []
        for word, name in words:
            row: Row = {"word": word, "recording": name}
            for where in clips:
                for side in SIDES:
                    sound = material.sound(side, asked[word, where][side], answers)
                    top = tagger.top(sound) if sound is not None else []
                    row[f"{side}, {where}"] = bool(set(top) & set(CLASSES[name]))
            rows.append(row)
        columns = [column for column in rows[0] if column not in ("word", "recording")]
        return [*rows, {"words": len(rows), **{column: sum(bool(row[column]) for row in rows) for column in columns}}]

    return mark


def _separation(material: _Material, count: int) -> Mark:
    """SI-SDR improvement of the background over held-out voices at -5, 0, 5 and 10 dB, by voice and background."""
    asked: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray, dict[tuple[str, str], int]]]] = {}
    for kind, sort, mixed, bed in _mixtures(count):
        sound = material.save(mixed)
        numbers = {
            (side, name): material.add({"do": "separate", "engine": name, **sound}, (side,))[side]
            for side, name in SEPARATORS
        }
        asked.setdefault((kind, sort), []).append((mixed, bed, numbers))

    def mark(answers: Answers) -> list[Row]:
        rows: list[Row] = []
        for (kind, sort), mixtures in asked.items():
            row: Row = {"voice": kind, "background": sort, "mixtures": len(mixtures)}
            for side, name in SEPARATORS:
                gains = []
                for mixed, bed, numbers in mixtures:
                    sound = material.sound(side, numbers[side, name], answers)
                    if sound is not None:
                        gains.append(si_sdr(sound.numpy()[0].astype(np.float64), bed) - si_sdr(mixed, bed))
                row[f"{side}, {name}"] = round(float(np.mean(gains)), 1) if gains else "no such engine"
            rows.append(row)
        return rows

    return mark


def _mixtures(count: int) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Voice, background's sort, the mixture and its background; those of the table `separation`."""
    for place, (kind, voice) in enumerate(held_out_voices().items()):
        for sort in ("made up", "recorded"):
            for number in range(count):
                name = RECORDED_BEDS[(5 * place + number) % len(RECORDED_BEDS)]
                recorded = sort == "recorded"
                bed = recorded_bed(name, number, HELD_OUT_SEED) if recorded else made_up_bed(number, HELD_OUT_SEED)
                yield kind, sort, mixture(bed, voice, (-5, 0, 5, 10)[number % 4]), bed


# Peaks below are a quiet room's.
_AUDIBLE = 0.02
TABLES: dict[str, tuple[Callable[[_Material, int], Mark], int]] = {
    "verdicts": (_verdicts, 16),
    "onsets": (_onsets, 6),
    "separation": (_separation, 4),
}

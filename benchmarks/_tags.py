"""Table of how an independent tagger names the draft's sounds."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks._tagger import CLASSES, Tagger
from benchmarks._voices import RATE, SECONDS, recorded_bed
from deepsound import engines
from deepsound.generate.draft.vocabulary import vocabulary
from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest
from tests.conftest import write_video

CLIP = Path(__file__).parents[1] / "demo" / "silent_impacts.mp4"
WORDS_EACH = 2


def prompted_words(each: int = WORDS_EACH) -> list[tuple[str, str]]:
    """Up to `each` English words for each recording of the draft that stands for them by itself, with its name."""
    words: dict[str, list[str]] = {name: [] for name in CLASSES}
    for word, entry in vocabulary().items():
        if entry.sound in words and not entry.nearest and word.isascii() and len(words[entry.sound]) < each:
            words[entry.sound].append(word)
    return [(word, name) for name, found in words.items() for word in found]


def write_still(path: Path) -> None:
    """A grey picture as a video."""
    write_video(path, size=(320, 180), fps=10, seconds=SECONDS, paint=lambda _: np.full((180, 320, 3), 90, np.uint8))


def tags(folder: Path) -> list[dict[str, object]]:
    """For each word whether one of the tagger's five likeliest classes of the draft's sound is what was asked for.

    Over a still picture, over a clip with impacts of its own, and of the recording alone, again and again: what the
    tagger cannot name there it can hardly name in a mix.
    """
    tagger, draft = Tagger(folder), engines.generator("draft")
    alone = {name: tagger.top(Audio.from_numpy(recorded_bed(name, 1)[None], RATE)) for name in CLASSES}
    rows: list[dict[str, object]] = []
    silent = 0
    with tempfile.TemporaryDirectory() as place:
        still = Path(place, "still.mp4")
        write_still(still)
        clips = {"over a still": Clip.open(still), "over impacts": Clip.open(CLIP)}
        for word, name in prompted_words():
            request = GenerationRequest(prompt=word, seed=7)
            top = {where: tagger.top(draft.generate(clip, request, Progress())) for where, clip in clips.items()}
            top["recording alone"] = alone[name]
            right = {where: bool(set(found) & set(CLASSES[name])) for where, found in top.items()}
            rows.append({"word": word, "recording": name, **right, "top": top})
            print(rows[-1], flush=True)
            silent += top["over a still"][0] == "Silence"
    right_in_all = {where: sum(bool(row[where]) for row in rows) for where in top}
    rows.append({"words": len(rows), **right_in_all, "over a still, likeliest is silence": silent})
    print(rows[-1], flush=True)
    return rows

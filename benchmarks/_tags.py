"""Table of how an independent tagger names the draft's sounds."""

from __future__ import annotations

from pathlib import Path

from benchmarks._tagger import CLASSES, Tagger
from benchmarks._voices import RATE, recorded_bed
from deepsound import engines
from deepsound.generate.draft.vocabulary import vocabulary
from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest

CLIP = Path(__file__).parents[1] / "demo" / "silent_impacts.mp4"
WORDS_EACH = 2


def prompted_words() -> list[tuple[str, str]]:
    """Two English words for each recording of the draft that stands for them by itself, with its name."""
    words: dict[str, list[str]] = {name: [] for name in CLASSES}
    for word, entry in vocabulary().items():
        if entry.sound in words and not entry.nearest and word.isascii() and len(words[entry.sound]) < WORDS_EACH:
            words[entry.sound].append(word)
    return [(word, name) for name, found in words.items() for word in found]


def tags(folder: Path) -> list[dict[str, object]]:
    """For each word the tagger's five likeliest classes of the draft's sound, and whether one is what was asked for.

    So for the recording alone, again and again: what the tagger cannot name there it can hardly name in a mix.
    """
    tagger, draft, clip = Tagger(folder), engines.generator("draft"), Clip.open(CLIP)
    alone = {name: tagger.top(Audio.from_numpy(recorded_bed(name, 1)[None], RATE)) for name in CLASSES}
    rows: list[dict[str, object]] = []
    for word, name in prompted_words():
        top = tagger.top(draft.generate(clip, GenerationRequest(prompt=word, seed=7), Progress()))
        right, alone_right = (bool(set(found) & set(CLASSES[name])) for found in (top, alone[name]))
        rows.append({"word": word, "recording": name, "right": right, "recording alone": alone_right, "top": top})
        print(rows[-1], flush=True)
    share = {key: sum(bool(row[key]) for row in rows) for key in ("right", "recording alone")}
    rows.append({"words": len(rows), **share})
    print(rows[-1], flush=True)
    return rows

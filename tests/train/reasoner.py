"""A tiny data set and base of the reasoner's training, for tests."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepsound.reason import prompts
from deepsound.train.cot_files import write_items
from deepsound.train.cot_items import CATEGORIES, CotItem, answer_of, items_of_clip
from deepsound.train.reasoner.recipe import ReasonerRecipe
from deepsound.types import Audio
from tests import fakes
from tests.conftest import write_video
from tests.reason.videollama2 import tiny

RATE = 16_000
# Large patches: 23 audio tokens in place of 1496, in whose attention most of the time would go.
CONFIG = replace(tiny.CONFIG, frames=2, audio=replace(tiny.CONFIG.audio, patch_size=128))
RECIPE = ReasonerRecipe(
    max_steps=4, batch=4, per_device=2, learning_rate=1e-3, save_every=2, device="cpu", gradient_checkpointing=False
)


def write_data(root: Path, validation: bool = False) -> Path:
    """A clip of each category, each of its own colour and loudness, and its items; judgements for validation too."""
    root.mkdir(parents=True, exist_ok=True)
    items: list[CotItem] = []
    for number, category in enumerate(CATEGORIES):
        colour = np.full((48, 64, 3), 60 * number, np.uint8)
        sound = fakes.noise(1.0, 0.001 * 8**number, seed=number)
        write_video(root / f"{category}.mp4", audio=sound, paint=lambda index, colour=colour: colour)
        like = CotItem(category, f"{category}.mp4", "", answer_of(category), category=category, source=category)
        items += items_of_clip(like, is_silent=False)
    held_out = [replace(item, id=f"{item.id}-v", split="validation") for item in items if item.task == "judge"]
    write_items([*items, *(held_out if validation else [])], root)
    return root


def write_base(folder: Path) -> Path:
    """A random checkpoint of the published form."""
    return tiny.write(folder, config=CONFIG, penalty=1.0)


def write_distinct_clips(root: Path, each: int) -> Path:
    """Clips of which people are a bright picture and a voice is a buzz: `each` to train on by category, one held out.

    No two are alike in brightness, pitch and noise. Judgements alone.
    """
    root.mkdir(parents=True, exist_ok=True)
    items = []
    times = np.arange(RATE) / RATE
    for number, category in enumerate(CATEGORIES):
        for clip in range(each + 1):
            rng = np.random.default_rng([number, clip])
            grey = (180 if category in ("No2", "No3") else 30) + int(rng.integers(0, 40))
            picture = np.full((48, 64, 3), grey, np.uint8)
            sound = 0.003 * rng.normal(size=RATE)
            if category in ("Yes", "No2"):
                pitch = rng.uniform(120, 250)
                sound += sum(0.1 / part * np.sin(2 * np.pi * part * pitch * times) for part in range(1, 8))
            path = root / f"{category}-{clip}.mp4"
            audio = Audio.from_numpy(sound[None].astype(np.float32), RATE)
            write_video(path, audio=audio, paint=lambda index, picture=picture: picture)
            split = "validation" if clip == each else "train"
            like = CotItem(path.stem, path.name, "", answer_of(category), category=category, source=path.stem)
            items += [replace(item, split=split) for item in items_of_clip(like, False) if item.task == "judge"]
    write_items(items, root)
    return root


def write_base_of_words(folder: Path) -> Path:
    """The same, with the answers' words as tokens: a third of the length, and so of the time."""
    words = dict.fromkeys(re.findall(r" ?[A-Za-z]+", "\n".join([*prompts.expected_thoughts(), prompts.JUDGE_QUESTION])))
    config = replace(CONFIG, language=replace(CONFIG.language, vocabulary=1200))
    return tiny.write(folder, config=config, penalty=1.0, words=tuple(words))

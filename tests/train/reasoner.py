"""A tiny data set and base of the reasoner's training, for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from deepsound.train.cot_files import write_items
from deepsound.train.cot_items import CATEGORIES, CotItem, answer_of, items_of_clip
from deepsound.train.reasoner.recipe import ReasonerRecipe
from tests import fakes
from tests.conftest import write_video
from tests.reason.videollama2 import tiny

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

"""Training examples of the reasoner: text, frames, filterbank, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from deepsound.errors import DeepSoundError, InputError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.reason.videollama2.frames import EvenFrames, even_frames, pixel_values
from deepsound.reason.videollama2.sound import filterbank_of
from deepsound.reason.videollama2.tokenizer import QwenTokenizer
from deepsound.runtime.progress import Progress
from deepsound.train.conversations import TrainingText, collate_texts, tokenise
from deepsound.train.cot_items import CotItem
from deepsound.train.item_checks import ItemProblem


@dataclass(frozen=True)
class MediaSettings:
    """What the model is shown: `frames` frames of `size` pixels, padded to a square as in training."""

    frames: int
    size: int
    pad: bool = True


@dataclass(frozen=True, eq=False)
class Example:
    """An item with its tokens; `frames` [frames, 3, size, size] and `filterbank` [frames, mel bins], float32.

    None where the item has no picture, or no sound.
    """

    item: CotItem
    text: TrainingText
    frames: Tensor | None
    filterbank: Tensor | None


class CotDataset(Dataset[Example]):
    """The items of a data set in `folder`; their media are read when they are used, and are never swapped for others.

    Reading raises InputError, naming the item, for a clip that cannot be read.
    """

    def __init__(
        self, items: Sequence[CotItem], texts: Sequence[TrainingText], folder: Path, media: MediaSettings
    ) -> None:
        self.items, self.texts, self.folder, self.media = list(items), list(texts), folder, media

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Example:
        item = self.items[number]
        try:
            frames, filterbank = read_item(self.folder / item.video, item.media, self.media)
        except DeepSoundError as error:
            raise InputError(f"The item {item.id} cannot be learnt: {error} Correct or remove it.") from error
        return Example(item, self.texts[number], frames, filterbank)


def read_item(path: Path, given: str, media: MediaSettings) -> tuple[Tensor | None, Tensor | None]:
    """Frames and filterbank of what the model is given of a clip, "both", "sound" or "picture"; None for the other.

    Raises InputError for an item of sound alone that has none.
    """
    if given == "sound":
        filterbank = read_sound(path)
        if filterbank is None:
            raise InputError(f"expected a file with sound, got {path.name} without.")
        return None, filterbank
    frames, filterbank = read_media(path, media)
    return frames, None if given == "picture" else filterbank


def read_media(path: Path, media: MediaSettings) -> tuple[Tensor, Tensor | None]:
    """Frames float32 [frames, 3, size, size] in [-1, 1] and the filterbank [frames, mel bins]; None without sound."""
    clip = Clip.open(path)
    quiet = Progress()
    seen = even_frames(clip, EvenFrames(media.frames, media.size, pad=media.pad), quiet)
    audio = clip.audio(quiet)
    heard = None if audio is None or not audio.samples else filterbank_of(audio)[0]
    return pixel_values(seen.pictures), heard


def read_sound(path: Path) -> Tensor | None:
    """The filterbank [frames, mel bins] of a sound file, or of a video's sound; None without."""
    audio = decode_audio(path)
    return filterbank_of(audio)[0] if audio.samples else None


def tokenised(
    items: Sequence[CotItem], tokenizer: QwenTokenizer, most: int
) -> tuple[list[CotItem], list[TrainingText], list[ItemProblem]]:
    """The items that keep a label within `most` tokens, their texts, and the others: of these the loss is no number."""
    kept, texts, problems = [], [], []
    for item in items:
        text = tokenise(item.conversation(), tokenizer)
        if not text.labelled(most):
            problems.append(ItemProblem(item.id, f"its question fills all of the {most} tokens; nothing is learnt"))
            continue
        kept.append(item)
        texts.append(text)
    return kept, texts, problems


@dataclass(frozen=True)
class Collator:
    """Batches as JointModel takes them, and under `ids` which items they are."""

    pad_id: int
    most: int

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        texts = collate_texts([example.text for example in examples], self.pad_id, self.most)
        seen = [(row, each.frames) for row, each in enumerate(examples) if each.frames is not None]
        heard = [(row, each.filterbank) for row, each in enumerate(examples) if each.filterbank is not None]
        batch: dict[str, Any] = {
            "input_ids": texts.ids,
            "labels": texts.labels,
            "parts": texts.parts,
            "attention_mask": texts.mask,
            "ids": [example.item.id for example in examples],
        }
        for name, rows, found in (("frames", "frame_rows", seen), ("filterbanks", "filterbank_rows", heard)):
            if found:
                batch[name] = torch.stack([tensor for _, tensor in found])
                batch[rows] = torch.tensor([row for row, _ in found])
        return batch

"""Training conversations as token ids and labels, exactly as in VideoLLaMA2's trainer.

Original: lym0302/DeepSound-V1, `third_party/VideoLLaMA2/videollama2/train.py` (LazySupervisedDataset and its collator).
Loss falls on answers, `<|im_end|>` and the newline behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from deepsound.errors import InputError
from deepsound.train.answer_parts import PARTS, split_answer

if TYPE_CHECKING:
    from torch import Tensor

    from deepsound.reason.videollama2.tokenizer import QwenTokenizer

IGNORED = -100
PLACEHOLDER_IDS = {"<image>": -200, "<video>": -201, "<audio>": -202}
MAX_LENGTH = 2048
_ROLES = {"human": "user", "gpt": "assistant"}


@dataclass(frozen=True)
class TrainingText:
    """A conversation's `ids`, their `labels` (IGNORED where nothing is learnt) and each label's index in PARTS."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    parts: tuple[int, ...]

    def labelled(self, most: int = MAX_LENGTH) -> int:
        """How many labels are left of the first `most` tokens."""
        return sum(label != IGNORED for label in islice(self.labels, most))


def media_tag(item: Mapping[str, Any]) -> str | None:
    """The placeholder of the item's media: its kind is what the item names. None for an item of text alone."""
    return next((f"<{kind}>" for kind in ("image", "video", "audio") if kind in item), None)


def turns_of(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The (role, text) turns of an item as they are tokenised; the item's own tag stands first in its turn.

    Every turn that holds the tag is rewritten, answers too; a first turn of the model is dropped. Raises InputError
    for turns that do not come in pairs.
    """
    tag = media_tag(item)
    turns = [(_ROLES.get(turn["from"], turn["from"]), _with_tag_first(turn["value"], tag)) for turn in _listed(item)]
    if turns and turns[0][0] != "user":
        turns = turns[1:]
    if len(turns) % 2 or any(role != ("user", "assistant")[place % 2] for place, (role, _) in enumerate(turns)):
        raise InputError(
            f"expected pairs of a question (human) and an answer (gpt) in the item {item.get('id')!r}, got "
            f"{', '.join(turn['from'] for turn in item['conversations']) or 'nothing'}; correct or remove it."
        )
    return turns


def tokenise(item: Mapping[str, Any], tokenizer: QwenTokenizer) -> TrainingText:
    """The whole conversation of an item, uncut. Raises InputError as `turns_of` does."""
    turns, tag = turns_of(item), media_tag(item)
    whole = tokenizer.conversation(turns)
    ids, offsets = _encode(whole, tag, tokenizer)
    labels, parts = [IGNORED] * len(ids), [IGNORED] * len(ids)
    for answered in range(2, len(turns) + 1, 2):
        asked = tokenizer.conversation(turns[: answered - 1], opened=True)
        first = len(_encode(asked, tag, tokenizer)[0])
        last = len(_encode(tokenizer.conversation(turns[:answered]), tag, tokenizer)[0])
        answer = turns[answered - 1][1]
        split = split_answer(answer)
        for place in range(first, min(last, len(ids))):
            labels[place] = ids[place]
            start, end = (at - len(asked) for at in offsets[place])
            in_answer = max(start, 0) < len(answer)
            part = split.of_token(answer, max(start, 0), min(end, len(answer))) if in_answer else split.closing
            parts[place] = PARTS.index(part)
    return TrainingText(tuple(ids), tuple(labels), tuple(parts))


def tokenise_plain(item: Mapping[str, Any], tokenizer: QwenTokenizer) -> TrainingText:
    """A conversation of the projector-only stages: the question is dropped, the user's turn is the bare tag."""
    tag = media_tag(item) or ""
    answer = item["conversations"][1]["value"]
    plain = {
        **item,
        "conversations": [{"from": "human", "value": tag}, {"from": "gpt", "value": answer}],
    }
    return tokenise(plain, tokenizer)


@dataclass(frozen=True, eq=False)
class TextBatch:
    """Rows [B, tokens] padded on the right; `mask` is 1 wherever no padding id stands, also inside a text."""

    ids: Tensor
    labels: Tensor
    parts: Tensor
    mask: Tensor


def collate_texts(texts: Sequence[TrainingText], pad_id: int, most: int = MAX_LENGTH) -> TextBatch:
    """Pad to the longest row, then cut all rows to `most` tokens, media not counted."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    def padded(rows: list[tuple[int, ...]], filling: int) -> Tensor:
        return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=filling)[:, :most]

    ids = padded([text.ids for text in texts], pad_id)
    labels = padded([text.labels for text in texts], IGNORED)
    parts = padded([text.parts for text in texts], IGNORED)
    return TextBatch(ids, labels, parts, (ids != pad_id).long())


def _listed(item: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    turns = item.get("conversations")
    if not isinstance(turns, list) or not all(
        isinstance(turn, Mapping) and isinstance(turn.get("from"), str) and isinstance(turn.get("value"), str)
        for turn in turns
    ):
        raise InputError(
            f"expected conversations of turns with `from` and `value` in the item {item.get('id')!r}, got "
            f"{str(turns)[:80]!r}; correct or remove it."
        )
    return turns


def _with_tag_first(text: str, tag: str | None) -> str:
    if tag is None or tag not in text:
        return text
    return f"{tag}\n{text.replace(tag, '').strip()}".strip()


def _encode(text: str, tag: str | None, tokenizer: QwenTokenizer) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids and the characters each stands for; what lies between tags is tokenised apart, as in the original."""
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    begin = 0
    for number, piece in enumerate(text.split(tag) if tag else [text]):
        if number and tag:
            ids.append(PLACEHOLDER_IDS[tag])
            offsets.append((begin, begin + len(tag)))
            begin += len(tag)
        found, places = tokenizer.encode_with_offsets(piece)
        ids += found
        offsets += [(begin + start, begin + end) for start, end in places]
        begin += len(piece)
    return ids, offsets

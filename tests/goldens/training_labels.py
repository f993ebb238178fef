"""Golden: ids and labels of training conversations against the original's data set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deepsound.errors import InputError
from deepsound.reason.videollama2.tokenizer import QwenTokenizer
from deepsound.train.conversations import collate_texts, media_tag, tokenise, tokenise_plain
from tests.goldens import qwen_tokens

Row = tuple[str, Any, Any, float]


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    tokenizer = _tokenizer(golden)
    if tokenizer is None:
        yield from ((item["name"], None, item["input_ids"], 0.0) for item in golden["items"])
        return
    texts = {}
    for item in golden["items"]:
        name = item["name"]
        texts[name] = text = tokenise(item["item"], tokenizer)
        yield f"{name}.modal", media_tag(item["item"]) == item["modal"], True, 0.0
        yield f"{name}.input_ids", text.ids, item["input_ids"], 0.0
        yield f"{name}.labels", text.labels, item["labels"], 0.0
    plain = golden["plain_stage"]
    text = tokenise_plain(plain["item"], tokenizer)
    yield "plain_stage.input_ids", text.ids, plain["input_ids"], 0.0
    yield "plain_stage.labels", text.labels, plain["labels"], 0.0
    yield "odd_turns is refused", _is_refused(golden["odd_turns"]["item"], tokenizer), True, 0.0
    for number, batch in enumerate(golden["batches"]):
        rows = [texts[name] for name in batch["items"]]
        got = collate_texts(rows, golden["pad"], batch["model_max_length"])
        yield f"batch{number}.input_ids", got.ids, batch["input_ids"], 0.0
        yield f"batch{number}.labels", got.labels, batch["labels"], 0.0
        yield f"batch{number}.attention_mask", got.mask, batch["attention_mask"], 0.0
        yield f"batch{number}.uncut_lengths", [len(row.ids) for row in rows], batch["uncut_lengths"], 0.0


def _is_refused(item: dict[str, Any], tokenizer: QwenTokenizer) -> bool:
    try:
        tokenise(item, tokenizer)
    except InputError:
        return True
    return False


def _tokenizer(golden: dict[str, Any]) -> QwenTokenizer | None:
    if golden["tokenizer"].get("table"):
        return qwen_tokens.tokenizer(golden["special_ids"])
    spelt = {letter: bytes([byte]) for byte, letter in qwen_tokens.byte_letters().items()}
    ranks = {bytes([byte]): byte for byte in range(256)}
    for merge in golden["tokenizer"]["merges"]:
        ranks[b"".join(spelt[letter] for letter in merge.replace(" ", ""))] = len(ranks)
    folder = Path(tempfile.mkdtemp())
    qwen_tokens.write_tokenizer(folder, ranks, golden["special_ids"], golden["tokenizer"]["merges"])
    return QwenTokenizer(folder)

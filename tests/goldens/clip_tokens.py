"""Golden: token ids of CLIP's real tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepsound.generate.clip_tokenizer import installed_table, tokenizer


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    for row in golden["rows"]:
        name = ascii(row["text"][:30])
        if installed_table() is None:
            yield f"{name} (no byte-pair table: install open_clip_torch)", None, None, 0.0
            continue
        padded = row["ids"] + [row["padded_with"]] * (row["length"] - len(row["ids"]))
        yield name, tokenizer()([row["text"]])[0], padded, 0.0

"""Golden: Qwen's real tokenizer, its table read from an installed dashscope.

The table is written out as a checkpoint has it and read by the project's own loader.
"""

from __future__ import annotations

import base64
import json
import tempfile
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from deepsound.reason.videollama2.tokenizer import QwenTokenizer


def tokenizer(special_ids: dict[str, int]) -> QwenTokenizer | None:
    """The tokenizer with these special tokens, or None where no table is at hand."""
    found = find_spec("dashscope")
    table = Path(found.submodule_search_locations[0], "resources", "qwen.tiktoken") if found else None
    return None if table is None or not table.is_file() else _built(table, tuple(special_ids.items()))


@cache
def _built(table: Path, special: tuple[tuple[str, int], ...]) -> QwenTokenizer:
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, table.read_text().splitlines())}
    write_tokenizer(Path(folder := tempfile.mkdtemp()), ranks, dict(special))
    return QwenTokenizer(Path(folder))


def write_tokenizer(
    folder: Path, ranks: dict[bytes, int], special: dict[str, int], merges: list[str] | None = None
) -> None:
    """The files of a Qwen2 tokenizer: vocabulary, merges by rank (or as given), special tokens."""
    letters = byte_letters()
    spelt = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges = merges or [
        " ".join(spelt[part] for part in _parts(token, ranks, rank))
        for token, rank in sorted(ranks.items(), key=lambda item: item[1])
        if len(token) > 1
    ]
    (folder / "vocab.json").write_text(json.dumps({spelt[token]: rank for token, rank in ranks.items()}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    added: dict[str, Any] = {
        str(number): {
            "content": name,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for name, number in special.items()
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "added_tokens_decoder": added,
                "additional_special_tokens": list(special),
                "add_prefix_space": False,
                "bos_token": None,
                "unk_token": None,
                "clean_up_tokenization_spaces": False,
                "errors": "replace",
                "model_max_length": 32768,
                "split_special_tokens": False,
                "tokenizer_class": "Qwen2Tokenizer",
            }
        )
    )


def _parts(token: bytes, ranks: dict[bytes, int], below: int) -> list[bytes]:
    """The two tokens that merge into this one: what is left when only earlier merges are applied."""
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(one + other, below) for one, other in pairwise(parts)]
        at = joined.index(min(joined))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def byte_letters() -> dict[int, str]:
    """How byte-level tokenizers spell bytes: printable ones as themselves, the others from U+0100 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (byte for byte in range(256) if byte not in printable)
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}

"""The FLAN-T5 folder that SelVA's prompts are read with: weights, settings and tokenizer."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from deepsound.errors import EngineError
from deepsound.models.t5.encoder import T5TextEncoder, state_dict
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import is_file
from deepsound.weights.formats import MALFORMED, read_settings
from deepsound.weights.load import load_into_meta, read_tensors

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = "tokenizer.json"
# The tokenizer's own limit, as published: longer prompts are cut there.
_MOST_TOKENS = 512
_ADVICE = "Get it again with `deepsound models download selva`, or name another one."


def weights_in(folder: Path) -> Path:
    """The folder's file of weights. Raises EngineError where there is none."""
    path = next((folder / name for name in _WEIGHTS if is_file(folder / name, EngineError)), None)
    if path is None:
        raise EngineError(f"The folder {folder} holds no weights: none of {', '.join(_WEIGHTS)} is in it. {_ADVICE}")
    return path


def text_encoder(path: Path, dtype: torch.dtype) -> T5TextEncoder:
    """The encoder whose weights are the file `path` and whose settings are beside it.

    Raises MissingPackage without transformers, EngineError for files that are not a T5's.
    """
    settings, tensors = read_settings(path.with_name("config.json"), _ADVICE), read_tensors(path)
    try:
        return load_into_meta(lambda: T5TextEncoder(settings), state_dict(tensors), dtype, path)
    except ImportError as error:
        raise missing_package(
            f"selva reads prompts with FLAN-T5 by transformers, which cannot be imported here ({error})",
            "transformers>=4.50",
            otherwise="choose a generator mmaudio_*",
        ) from error
    except MALFORMED as error:
        raise EngineError(f"{path} cannot be used: {error}. {_ADVICE}") from error


def token_ids(folder: Path, text: str) -> list[int]:
    """The ids of a prompt, its end token last, at most 512. Raises EngineError without a whole tokenizer."""
    path = folder / _TOKENIZER
    if not is_file(path, EngineError):
        raise EngineError(f"The folder {folder} holds no {_TOKENIZER}. {_ADVICE}")
    stat = path.stat()
    ids: list[int] = _read(path, stat.st_mtime_ns, stat.st_size).encode(text).ids
    return ids


@lru_cache(maxsize=2)
def _read(path: Path, mtime_ns: int, size: int) -> Any:
    try:
        tokenizers: Any = import_module("tokenizers")
    except ImportError as error:
        raise missing_package(
            f"selva reads prompts with the package tokenizers, which cannot be imported here ({error})",
            "transformers>=4.50",
            otherwise="choose a generator mmaudio_*",
        ) from error
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MOST_TOKENS)
    except Exception as error:  # the library raises plain Exception
        raise EngineError(f"The tokenizer {path} cannot be read ({error}). {_ADVICE}") from error
    return tokenizer

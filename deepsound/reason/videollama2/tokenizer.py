"""Qwen2's tokenizer, read from the checkpoint's own folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from deepsound.errors import EngineError
from deepsound.reason import prompts
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import is_file

_WHOLE = "tokenizer.json"
_PARTS = ("vocab.json", "merges.txt")
_FILES = (
    _WHOLE,
    *_PARTS,
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_UNFINISHED = "\ufffd"


class QwenTokenizer:
    """Texts to ids and back. Raises EngineError, naming the folder, where the tokenizer's files are not all there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._inner = _load(folder)

    def encode(self, text: str) -> list[int]:
        """The ids of a text; special tokens are recognised where they are written out, none are added."""
        ids: list[int] = self._inner.encode(text, add_special_tokens=False)
        return ids

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text, as `encode` gives them, and the characters (first, one past the last) each stands for."""
        encoded = self._inner(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(encoded["input_ids"]), [(int(start), int(end)) for start, end in encoded["offset_mapping"]]

    @property
    def pad_id(self) -> int:
        """The id that fills rows of a training batch: `<|endoftext|>`."""
        return self.encode("<|endoftext|>")[0]

    def conversation(self, turns: Sequence[tuple[str, str]], opened: bool = False) -> str:
        """Turns of (role, text) as the checkpoint's own template writes them; `opened` begins another answer."""
        if not getattr(self._inner, "chat_template", None):
            return prompts.conversation(turns, opened)
        messages = [{"role": role, "content": text} for role, text in turns]
        written: str = self._inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=opened)
        return written

    def decode(self, ids: list[int]) -> str:
        """The text of ids, special tokens left out."""
        text: str = self._inner.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def chat(self, question: str) -> str:
        """The prompt for a question, by the checkpoint's own template where it has one."""
        if not getattr(self._inner, "chat_template", None):
            return prompts.chat(question)
        messages = [{"role": "user", "content": prompts.user_content(question)}]
        prompt: str = self._inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return prompt

    def question(self, question: str) -> tuple[list[int], list[int]]:
        """The ids of a question's prompt before and after the video; the two halves are read apart, as published."""
        try:
            before, after = prompts.split_at_video(self.chat(question))
        except ValueError as error:
            raise EngineError(
                f"The chat template in {self._folder} cannot be used: {error}. Get the folder again "
                "with `deepsound models download`."
            ) from error
        return self.encode(before), self.encode(after)


def load_tokenizer(folder: Path) -> QwenTokenizer:
    """The tokenizer of a folder, read once: with the real vocabulary that takes seconds. Raises as Tokenizer does."""
    present = [path for name in _FILES if is_file(path := folder / name, EngineError)]
    return _read_once(folder, tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in present))


@lru_cache(maxsize=4)
def _read_once(folder: Path, files: tuple[tuple[str, int, int], ...]) -> QwenTokenizer:
    return QwenTokenizer(folder)


class TextStreamer:
    """Text as its tokens arrive; a character that several tokens make together is held back until it is whole."""

    def __init__(self, tokenizer: QwenTokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._said = 0
        self._from = 0

    def add(self, token: int) -> str:
        """What can be said now that was not said before."""
        self._ids.append(token)
        # Only the last tokens are decoded again: as a whole, a long answer would cost the square of its length.
        text = self._tokenizer.decode(self._ids[self._from :])
        if text.endswith(_UNFINISHED):
            return ""
        new = text[self._said :]
        if len(self._ids) - self._from > 32:
            self._from = len(self._ids) - 1
            text = self._tokenizer.decode(self._ids[self._from :])
        self._said = len(text)
        return new


def _load(folder: Path) -> Any:
    if not is_file(folder / _WHOLE, EngineError) and not all(is_file(folder / name, EngineError) for name in _PARTS):
        missing = next(name for name in _PARTS if not is_file(folder / name, EngineError))
        raise EngineError(
            f"The tokenizer in {folder} is not complete: there is no {_WHOLE}, and no {missing} either. "
            "Get the folder again with `deepsound models download`."
        )
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise missing_package(
            f"VideoLLaMA2 needs transformers 4.50 or newer, which cannot be imported here ({error})",
            "transformers>=4.50",
        ) from error
    try:
        return transformers.Qwen2TokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # the tokenizer's own errors have no common type
        raise EngineError(
            f"The tokenizer in {folder} cannot be read ({error}). Get the folder again with "
            "`deepsound models download`."
        ) from error

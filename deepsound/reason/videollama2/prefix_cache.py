"""Prompt-prefix KV cache of a loaded model, and its past answers for speculation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from weakref import WeakKeyDictionary

from deepsound.models.videollama2.kv_cache import KeyValueCache
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.speculative import PromptLookup


class PrefixCache:
    """The beginning of the last prompt, as keys and values, and the answers a guess may be made from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Hashable, int, KeyValueCache] | None = None
        self._drafts: dict[Hashable, PromptLookup] = {}

    def take(self, beginning: Hashable, capacity: int) -> KeyValueCache | None:
        """The cache that holds this beginning and nothing behind it, if it was kept and is large enough.

        It is the caller's alone until it is kept again. One that holds something else is let go of here.
        """
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is None or kept[0] != beginning or kept[2].capacity < capacity:
            return None
        kept[2].rewind(kept[1])
        return kept[2]

    def keep(self, beginning: Hashable, length: int, cache: KeyValueCache) -> None:
        """Remember that the first `length` tokens in `cache` are this beginning."""
        with self._lock:
            self._kept = beginning, length, cache

    def drafts(self, question: Hashable, templates: Callable[[], Iterable[Sequence[int]]]) -> PromptLookup:
        """What to guess answers to this question from; `templates` are made when it is asked for the first time."""
        with self._lock:
            if question not in self._drafts:
                self._drafts[question] = PromptLookup(templates())
            return self._drafts[question]


_of: WeakKeyDictionary[LanguageModel, PrefixCache] = WeakKeyDictionary()
_lock = threading.Lock()


def prefix_cache_of(model: LanguageModel) -> PrefixCache:
    """What this loaded model recalls; another copy of it, or the same one loaded again, recalls nothing."""
    with _lock:
        return _of.setdefault(model, PrefixCache())

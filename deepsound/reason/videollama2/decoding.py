"""Greedy decoding with prompt-lookup speculative decoding.

Every token is the one that plain greedy decoding chooses, the checkpoint's repetition penalty included; guesses change
how many passes it takes and nothing else. (Reading several tokens in one pass sums in another order: where two logits
are equal but for rounding, the choice between them is as arbitrary as it is between two machines.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsound.errors import EngineError
from deepsound.models.videollama2.kv_cache import KeyValueCache
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.speculative import PromptLookup

_FIRST_REACH, _LEAST_REACH, _MOST_REACH = 64, 8, 128


@dataclass(frozen=True)
class GenerationSettings:
    """What a checkpoint's generation_config.json says of greedy decoding, and the original's cap on new tokens.

    The penalty weighs on tokens that were written, not on the prompt's: that is given as embeddings, without ids.
    """

    end_ids: frozenset[int] = frozenset()
    repetition_penalty: float = 1.0
    max_new_tokens: int = 2048


class GreedyDecoder:
    """Writes one answer behind what a cache holds. `passes` counts how often the network's weights were read."""

    def __init__(
        self,
        model: LanguageModel,
        kept: KeyValueCache,
        settings: GenerationSettings,
        drafts: PromptLookup | None = None,
    ) -> None:
        self.passes = 0
        self.written: list[int] = []
        self.first_row = torch.empty(0)
        self._model = model
        self._kept = kept
        self._settings = settings
        self._drafts = drafts
        self._reach = _FIRST_REACH

    def tokens(self, prompt: Tensor) -> Iterator[int]:
        """The answer's ids, one by one, to the prompt's last embeddings [1, tokens, width]; an end token is the last.

        `first_row` then holds the untouched logits [vocabulary] of the first one. Raises EngineError where these are no
        numbers.
        """
        draft = self._guess(prompt.shape[1])
        rows = self._read(torch.cat((prompt, self._embed(draft)), dim=1) if draft else prompt, len(draft) + 1)
        self.first_row = rows[0].clone()
        if bool(rows.isnan().any()):
            raise EngineError(
                f"The language model's output is not a number in {self._model.dtype}: its values grew "
                "too large for it. Choose precision bf16 or fp32."
            )
        while True:
            choices = self._choose(rows, draft)
            right = next((at for at, guess in enumerate(draft) if guess != choices[at]), len(draft))
            self._kept.rewind(self._kept.length - (len(draft) - right))
            self._adapt(right, len(draft))
            for token in choices[: right + 1]:
                self.written.append(token)
                yield token
                if token in self._settings.end_ids or len(self.written) >= self._settings.max_new_tokens:
                    return
            draft = self._guess(1)
            rows = self._read(self._embed([self.written[-1], *draft]), len(draft) + 1)

    def _guess(self, before: int) -> list[int]:
        """A draft that fits behind `before` tokens which are read first, and within what may still be written."""
        if self._drafts is None:
            return []
        room = self._kept.capacity - self._kept.length - before
        left = self._settings.max_new_tokens - len(self.written) - 1
        return self._drafts.propose(self.written, min(self._reach, room, left))

    def _adapt(self, right: int, guessed: int) -> None:
        """Guess further ahead after guesses that were right, less far after wrong ones."""
        if guessed:
            wider = 2 * self._reach if right == guessed else 2 * right
            self._reach = min(max(wider, _LEAST_REACH), _MOST_REACH)

    def _read(self, embeddings: Tensor, rows: int) -> Tensor:
        self.passes += 1
        return self._model(embeddings, self._kept, rows)[0]

    def _embed(self, ids: list[int]) -> Tensor:
        return self._model.embed(torch.tensor([ids], device=self._model.device))

    def _choose(self, rows: Tensor, draft: list[int]) -> list[int]:
        """The choice after what is written, and after each further token of the draft: one for each row."""
        penalty = self._settings.repetition_penalty
        if penalty != 1.0:
            seen = set(self.written)
            _weaken(rows, sorted(seen), penalty)
            for at, token in enumerate(draft):
                if token not in seen:
                    seen.add(token)
                    _weaken(rows[at + 1 :], [token], penalty)
        choices: list[int] = rows.argmax(dim=-1).tolist()
        return choices


def _weaken(rows: Tensor, ids: list[int], penalty: float) -> None:
    """Make the logits of `ids` smaller, in place: divided if they are positive, multiplied if negative."""
    if ids:
        logits = rows[:, ids]
        rows[:, ids] = torch.where(logits < 0, logits * penalty, logits / penalty)

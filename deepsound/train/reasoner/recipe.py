"""How the reasoner is trained; the defaults are the published joint stage's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from deepsound.errors import InputError
from deepsound.train.conversations import MAX_LENGTH
from deepsound.train.cot_losses import CotLossSettings
from deepsound.train.seeds import check_seed

Precision = Literal["auto", "bf16", "fp32"]
Schedule = Literal["cosine", "constant"]
NETWORK_PARTS = ("language", "projectors", "audio")


@dataclass(frozen=True)
class LoraSettings:
    """LoRA on the language model's linear layers (arXiv 2106.09685); `bits` 8 or 4 quantises the layers under it.

    Defaults as in VideoLLaMA2's finetune_lora.sh. Raises InputError for numbers that make no sense.
    """

    rank: int = 128
    alpha: float = 256.0
    dropout: float = 0.05
    bits: int | None = None

    def __post_init__(self) -> None:
        if self.rank < 1 or self.bits not in (None, 4, 8):
            raise InputError(
                f"expected a LoRA rank of 1 or more and 4 or 8 bits, got {self.rank} and {self.bits}; correct them."
            )
        if not 0 <= self.dropout < 1 or not math.isfinite(self.alpha):
            raise InputError(
                f"expected a LoRA dropout of 0 or more and below 1 and a finite alpha, got {self.dropout} and "
                f"{self.alpha}; correct them."
            )


@dataclass(frozen=True)
class ReasonerRecipe:
    """Joint stage: vision tower frozen; `parts` of the rest learn (of the language model LoRA alone, if `lora`).

    `batch` is the global one, reached by accumulating `per_device` items on each process. `max_steps` overrules
    `epochs`. `schedule` is of the rate behind the warm-up: a cosine to zero as published, or constant. Raises
    InputError for numbers and names that make no sense.
    """

    epochs: float = 1.0
    max_steps: int = -1
    batch: int = 128
    per_device: int = 4
    learning_rate: float = 2e-5
    weight_decay: float = 0.0
    warmup_ratio: float = 0.03
    loss: CotLossSettings = field(default_factory=CotLossSettings)
    lora: LoraSettings | None = None
    parts: tuple[str, ...] = NETWORK_PARTS
    max_length: int = MAX_LENGTH
    layer_drop: float = 0.05
    precision: Precision = "auto"
    device: str = "auto"
    gradient_checkpointing: bool = True
    save_every: int = 200
    keep: int = 2
    evaluate_every: int = 200
    seed: int = 42
    adapter_only: bool = False
    trainer_options: tuple[tuple[str, Any], ...] = ()
    schedule: Schedule = "cosine"

    def __post_init__(self) -> None:
        for name in ("batch", "per_device", "save_every", "evaluate_every", "keep", "max_length"):
            if getattr(self, name) < 1:
                raise InputError(f"expected a {name} of 1 or more, got {getattr(self, name)}; correct it.")
        if self.schedule not in get_args(Schedule):
            raise InputError(
                f"expected a schedule of {', '.join(get_args(Schedule))}, got {self.schedule!r}; choose one of them."
            )
        if not 0 < self.learning_rate < 1:
            raise InputError(f"expected a learning rate between 0 and 1, got {self.learning_rate}; correct it.")
        if not 0 < self.epochs < math.inf and self.max_steps < 1:
            raise InputError(f"expected more than 0 epochs, got {self.epochs}; correct it.")
        check_seed(self.seed)
        unknown = [part for part in self.parts if part not in NETWORK_PARTS]
        if unknown or not self.parts:
            raise InputError(f"expected parts of {', '.join(NETWORK_PARTS)}, got {self.parts}; choose some of them.")
        if self.adapter_only and self.lora is None:
            raise InputError("expected LoRA for an adapter, got training without; add --lora RANK.")

    def warmup_steps(self, items: int) -> int:
        """Optimiser steps of warm-up, a share of all those that `items` training items make."""
        steps = self.max_steps if self.max_steps > 0 else math.ceil(self.epochs * math.ceil(items / self.batch))
        return math.ceil(self.warmup_ratio * steps)

    def accumulation(self, processes: int) -> int:
        """Micro-batches per optimiser step. Raises InputError where the batch cannot be made of whole ones."""
        at_once = self.per_device * processes
        if self.batch % at_once:
            raise InputError(
                f"expected a global batch that is a multiple of {at_once} ({self.per_device} per device on {processes} "
                f"processes), got {self.batch}; change --batch or --per_device."
            )
        return self.batch // at_once

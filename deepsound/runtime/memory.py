"""Out-of-memory handling: detects the error and retries once with offload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from deepsound.errors import EngineError
from deepsound.runtime.execution import Execution

T = TypeVar("T")

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that a device or the host has no memory left, in any of torch's wordings."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MESSAGES)


def retry_on_oom(
    work: Callable[[Execution], T],
    execution: Execution,
    engine: str,
    say: Callable[[str], None],
) -> T:
    """`work(execution)`; where memory runs out, everything idle is let go and it is tried once more with offload.

    Raises EngineError when that is not enough either.
    """
    from deepsound.runtime.model_cache import model_cache

    try:
        return work(execution)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    say(f"Out of memory ({reason}); trying once more with everything else unloaded and offload on.")
    model_cache().unload()
    try:
        return work(replace(execution, offload=True))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise EngineError(
            f"'{engine}' runs out of memory even with offload ({reason}). Use a shorter duration, a "
            "smaller variant or precision fp16 or bf16, or close what else uses the memory."
        ) from error

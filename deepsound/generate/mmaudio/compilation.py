"""torch.compile of a sampling step, with the plain step where nothing can be compiled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import cache
from queue import SimpleQueue
from typing import cast

import torch
from torch import Tensor

from deepsound.errors import Cancelled
from deepsound.generate.mmaudio.components import MMAudioStage
from deepsound.models.mmaudio.flow_matching import Field
from deepsound.runtime.memory import is_out_of_memory
from deepsound.runtime.progress import Progress

BACKEND = "inductor"
_POLL_S = 0.1


def compiled_field(field: Field, stage: MMAudioStage, progress: Progress) -> Field:
    """`field` through torch.compile where the stage's execution asks for it, else itself."""
    return CompiledField(field, progress) if stage.components.compiled else field


class CompiledField:
    """A field through torch.compile, whose first call compiles; one that cannot be compiled runs as it is, with a note.

    The numbers are the plain field's to rounding. `is_compiled` tells which of both runs. Cancellation is asked for
    ten times a second while it compiles, for a minute or so, and in the long steps of a CPU.
    """

    def __init__(self, field: Field, progress: Progress, backend: str | Callable[..., object] = "") -> None:
        self._plain, self._progress = field, progress
        self._compiled = cast(Field, torch.compile(field, dynamic=False, backend=backend or BACKEND))
        self._has_run = False
        self.is_compiled = True

    def __call__(self, latent: Tensor, time: Tensor) -> Tensor:
        if not self.is_compiled:
            return self._plain(latent, time)
        if self._has_run:
            return self._run(latent, time)
        try:
            self._progress.say("Compiling the sampling step; the first sound of a length waits for it.")
            velocity = self._run(latent, time)
        except Exception as error:  # compilers fail in many ways
            # torch wraps what a compiler raises.
            inner = getattr(error, "inner_exception", error)
            if isinstance(error, Cancelled):
                raise
            if is_out_of_memory(inner):
                raise inner from error
            self.is_compiled = False
            reason = next(iter(str(inner).strip().splitlines()), type(inner).__name__)
            self._progress.note(
                f"The sampling step ran uncompiled: torch.compile failed ({reason[:200]}). On a CPU it needs a C++ "
                "compiler, on a GPU Triton."
            )
            return self._plain(latent, time)
        self._has_run = True
        return velocity

    def _run(self, latent: Tensor, time: Tensor) -> Tensor:
        if self._has_run and latent.device.type != "cpu":
            return self._compiled(latent, time)
        is_inference, is_grad = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

        def work() -> Tensor:
            # Both modes belong to a thread.
            with torch.inference_mode(is_inference), torch.set_grad_enabled(is_grad):
                return self._compiled(latent, time)

        return _compiler_thread().call(work, self._progress.check)


class _CompilerThread:
    """One daemon thread for everything that compiles, with calls that can be left.

    torch 2.11 crashes where a thread compiles after another one that compiled has ended.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Tensor], Future[Tensor]]] = SimpleQueue()
        threading.Thread(target=self._serve, daemon=True, name="deepsound-compile").start()

    def call(self, work: Callable[[], Tensor], check: Callable[[], None]) -> Tensor:
        """What `work` returns or raises; what `check`, asked ten times a second, raises leaves it behind."""
        future: Future[Tensor] = Future()
        self._calls.put((work, future))
        while not wait([future], _POLL_S).done:
            check()
        return future.result()

    def _serve(self) -> None:
        while True:
            work, future = self._calls.get()
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
            del work, future


@cache
def _compiler_thread() -> _CompilerThread:
    return _CompilerThread()

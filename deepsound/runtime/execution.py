"""Execution settings of networks: device, precision, offload, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from deepsound.errors import InputError
from deepsound.runtime.cpu_precision import cpu_is_fast_in_bf16
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

QUANTISED: tuple[Precision, ...] = ("int8", "nf4")
_FLOATING = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Execution:
    """How an engine runs its networks; `auto` leaves the choice to the machine, or to the host.

    `offload` takes every network off the device as soon as its stage is over, so that the largest stage and not their
    sum has to fit. `weights` names files or folders by catalogue id, before any search; what is nowhere is fetched only
    with `download`. `compiled` runs MMAudio's sampling step through torch.compile. `loras` are adapters for the
    generator, each with its strength; several are added up. Raises InputError for a precision that does not exist.
    """

    device: str = "auto"
    precision: Precision = "auto"
    offload: bool = False
    weights: Mapping[str, Path] = field(default_factory=dict)
    download: bool = False
    compiled: bool = False
    loras: tuple[tuple[Path, float], ...] = ()

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InputError(f"The precision is {self.precision!r}; choose one of: {', '.join(PRECISIONS)}.")

    @property
    def unquantised(self) -> Execution:
        """The same for networks that are no language models: what those do in 8 or 4 bits is left to `auto`."""
        return self if self.precision in ("auto", *_FLOATING) else replace(self, precision="auto")


def torch_device(execution: Execution) -> torch.device:
    """The device to run on; `auto` is what the placement of networks prefers. InputError for one that is not there."""
    import torch

    from deepsound.runtime.model_cache import model_cache

    if execution.device == "auto":
        return model_cache().placement.preferred_device()
    try:
        device = torch.device(execution.device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"The device {execution.device!r} cannot be used ({reason}); choose one of: {', '.join(_usable_devices())}."
        ) from error
    return device


def _usable_devices() -> tuple[str, ...]:
    """The names that torch takes on this machine, `auto` first."""
    import torch

    accelerators: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    return ("auto", "cpu", *(name for name, is_there in accelerators.items() if is_there()))


def torch_dtype(execution: Execution, device: torch.device) -> torch.dtype:
    """The floating type to compute in. `auto`: bfloat16 or float16 where the device is fast in it, else float32.

    On a CPU that is decided by its instructions and a measurement (`runtime.cpu_precision`).

    Raises InputError for `int8` and `nf4`, which are no floating types: engines that know them ask before.
    """
    import torch

    if execution.precision == "auto":
        if device.type == "cpu":
            return torch.bfloat16 if cpu_is_fast_in_bf16() else torch.float32
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if execution.precision not in _FLOATING:
        raise InputError(
            f"This engine cannot run in {execution.precision}; choose one of: auto, {', '.join(_FLOATING)}."
        )
    dtype: Any = getattr(torch, _FLOATING[execution.precision])
    return dtype


def report_precision(
    engine: str, execution: Execution, device: torch.device, dtype: torch.dtype, progress: Progress
) -> dict[str, object]:
    """What an engine's networks run on and in, for its `settings_in_use`.

    Where `auto` gave up digits on a CPU for speed, a note says so and how to have them.
    """
    precision = next((name for name, kind in _FLOATING.items() if str(dtype) == f"torch.{kind}"), str(dtype))
    if execution.precision == "auto" and device.type == "cpu" and precision != "fp32":
        progress.note(
            f"{engine} computed in {precision}, which precision auto takes on this CPU for its speed; precision fp32 "
            "computes with all digits."
        )
    return {"device": str(device), "precision": precision}

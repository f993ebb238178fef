"""Device placement of networks: the interface between model cache and machine or host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import nn


class Placement(Protocol):
    """Brings networks to a device and takes them off it again.

    A placement that lives in a host may lose a network to it at any time; it then calls what `on_loss` was given with
    that network, and residency lets go of it.
    """

    def preferred_device(self) -> torch.device: ...

    def load(self, network: nn.Module, device: torch.device, working_bytes: int) -> None:
        """Make `network` ready on `device`, with room for `working_bytes` beside it."""

    def offload(self, network: nn.Module) -> None:
        """Move `network` back to host memory."""

    def release(self, network: nn.Module) -> None:
        """Drop whatever is kept about `network`; it is not used again."""

    def free_bytes(self, device: torch.device) -> int | None:
        """How much the device has left; None where nobody can tell, or where it is not this side's to ask."""

    def on_loss(self, lost: Callable[[nn.Module], None]) -> None: ...


class PlainPlacement:
    """Placement without a host: networks are moved, and their host copies kept, so that going back moves nothing."""

    def __init__(self) -> None:
        self._host_copies: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {}

    def preferred_device(self) -> torch.device:
        import torch

        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")

    def load(self, network: nn.Module, device: torch.device, working_bytes: int) -> None:
        if all(parameter.device.type == device.type for parameter in network.parameters()):
            network.to(device)
            return
        self._host_copies[id(network)] = [(parameter, parameter.data) for parameter in network.parameters()]
        network.to(device)

    def offload(self, network: nn.Module) -> None:
        import torch

        for parameter, host_copy in self._host_copies.pop(id(network), ()):
            parameter.data = host_copy
        network.to("cpu")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def release(self, network: nn.Module) -> None:
        self._host_copies.pop(id(network), None)

    def free_bytes(self, device: torch.device) -> int | None:
        import torch

        return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None

    def on_loss(self, lost: Callable[[nn.Module], None]) -> None:
        """Nothing is ever lost: nobody else moves these networks."""

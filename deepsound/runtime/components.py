"""Components and stages: networks are loaded on first use, released at the stage's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from deepsound.runtime.execution import Execution, torch_device, torch_dtype
from deepsound.runtime.model_cache import NetworkKey, running
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn

C = TypeVar("C", bound="Components")


@contextmanager
def without_gradients(differentiable: bool = False) -> Iterator[None]:
    """Inside, no gradients are computed; where it is `differentiable`, they can be enabled again, whatever the host."""
    import torch

    with torch.inference_mode(not differentiable), torch.no_grad():
        yield


def make_differentiable(network: nn.Module) -> None:
    """Replace weights that were made or moved in inference mode, where a host may do both: no gradient passes them."""
    import torch

    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.is_inference():
                module._parameters[name] = torch.nn.Parameter(parameter.detach().clone(), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_inference():
                module._buffers[name] = buffer.clone()


class Components:
    """The networks of one model on one device in one precision, by role; a subclass names roles, keys and builders.

    Those of a `differentiable` set can pass gradients to their inputs, also inside a host's inference mode.
    """

    # Bytes beside the weights while a network works, by role, for a host that makes room.
    working_bytes: Mapping[str, int] = {}
    differentiable: ClassVar[bool] = False

    def __init__(self, execution: Execution) -> None:
        self.device = torch_device(execution)
        self.dtype = torch_dtype(execution, self.device)
        self.offload, self.compiled = execution.offload, execution.compiled

    def key(self, role: str) -> NetworkKey:
        """The identity of a network in the model cache, and of its outputs in the feature cache."""
        raise NotImplementedError

    def builder(self, role: str) -> Callable[[], nn.Module]:
        """What reads the network of that role from its files."""
        raise NotImplementedError

    def dtype_of(self, role: str) -> torch.dtype:
        """The precision of a role's network; a subclass keeps some in float32."""
        return self.dtype

    @contextmanager
    def use(self, role: str, progress: Progress) -> Iterator[Any]:
        """The network of that role on the device; `progress` can end a pass on the CPU midway.

        In inference mode, or, for a differentiable set, in the caller's mode.
        """
        with ExitStack() as held:
            with without_gradients(self.differentiable):
                network = held.enter_context(
                    running(
                        self.key(role),
                        self.builder(role),
                        self.device,
                        progress,
                        working_bytes=self.working_bytes[role],
                        offload=self.offload,
                    )
                )
                if self.differentiable:
                    make_differentiable(network)
            if not self.differentiable:
                held.enter_context(without_gradients())
            yield network


class Stage(Generic[C]):
    """A context in which each network of `components` is loaded once, on first use, and released at the end."""

    def __init__(self, components: C, progress: Progress) -> None:
        self.components = components
        self.device, self.dtype = components.device, components.dtype
        self._progress = progress
        self._held = ExitStack()
        self._loaded: dict[str, Any] = {}

    def __enter__(self: S) -> S:
        self._held.enter_context(without_gradients(self.components.differentiable))
        return self

    def __exit__(self, *error: Any) -> None:
        self._loaded.clear()
        self._held.__exit__(*error)

    def network(self, role: str) -> Any:
        """The network of that role, loaded if this stage has not used it yet."""
        if role not in self._loaded:
            self._loaded[role] = self._held.enter_context(self.components.use(role, self._progress))
        return self._loaded[role]


S = TypeVar("S", bound=Stage[Any])

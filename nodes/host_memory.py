"""Placement of networks in ComfyUI's own memory management."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

_GRACE_S = 1.0


class ComfyPlacement:
    """Networks in ComfyUI's own memory management: it counts them, pushes others out for them, and them for others.

    A network that ComfyUI detaches, on "unload models" or because another node needs the room, is let go of; what
    leaves only because one of ours comes keeps its copy in host memory.
    """

    def __init__(self) -> None:
        self._patchers: dict[int, Any] = {}
        self._lost: Callable[[Any], None] = lambda network: None
        self._making_room = False

    def preferred_device(self) -> Any:
        from comfy.model_management import get_torch_device

        return get_torch_device()

    def load(self, network: Any, device: Any, working_bytes: int) -> None:
        from comfy.model_management import load_models_gpu

        patcher = self._patchers.get(id(network)) or self._patchers.setdefault(id(network), self._wrap(network, device))
        with self._our_doing():
            # Without force_full_load, plain torch layers may stay behind on the CPU.
            load_models_gpu([patcher], memory_required=working_bytes, force_full_load=True)

    def offload(self, network: Any) -> None:
        from comfy import model_management

        patcher = self._patchers.get(id(network))
        if patcher is None:
            return
        others = [loaded for loaded in model_management.current_loaded_models if loaded.model is not patcher]
        with self._our_doing():
            model_management.free_memory(1e30, patcher.load_device, keep_loaded=others)

    def release(self, network: Any) -> None:
        self.offload(network)
        self._patchers.pop(id(network), None)

    def free_bytes(self, device: Any) -> int | None:
        """ComfyUI makes the room itself when a network is brought."""
        return None

    def on_loss(self, lost: Callable[[Any], None]) -> None:
        self._lost = lost

    def _wrap(self, network: Any, device: Any) -> Any:
        from comfy.model_management import unet_offload_device
        from comfy.model_patcher import ModelPatcher
        from comfy.patcher_extension import CallbacksMP
        from torch import nn

        # The patcher writes `device` on what it is given, which some networks have as a property of their own.
        # ComfyUI's log names a network by its holder's class.
        name = f"DeepSound{type(network).__name__}"
        holder = type(name, (nn.ModuleList,), {})([network])
        patcher = ModelPatcher(holder, load_device=device, offload_device=unet_offload_device())
        patcher.add_callback(CallbacksMP.ON_DETACH, lambda *_: self._on_detach(network))
        return patcher

    def _on_detach(self, network: Any) -> None:
        if self._making_room:
            return
        patcher = self._patchers.pop(id(network), None)
        self._lost(network)
        # ComfyUI still looks at what it detaches, and counts on its list while it does: gone too early, both break.
        last_look = Timer(_GRACE_S, lambda *kept: None, args=(patcher, network))
        last_look.daemon = True
        last_look.start()

    @contextmanager
    def _our_doing(self) -> Iterator[None]:
        self._making_room = True
        try:
            yield
        finally:
            self._making_room = False

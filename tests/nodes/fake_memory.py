"""A stand-in for ComfyUI's memory management: patchers are loaded, counted, and detached when others need the room."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

ON_DETACH = "on_detach"


class ModelPatcher:
    def __init__(self, model: nn.Module, load_device: torch.device, offload_device: torch.device) -> None:
        self.model, self.load_device, self.offload_device = model, load_device, offload_device
        self.callbacks: list[Callable[..., None]] = []
        # As the real one does; a network with a read-only `device` would refuse it.
        model.device = offload_device

    def add_callback(self, when: str, callback: Callable[..., None]) -> None:
        assert when == ON_DETACH
        self.callbacks.append(callback)

    def detach(self) -> None:
        for callback in self.callbacks:
            callback(self, True)


class FakeMemory:
    """`room` is how many models fit; `loads` notes every request."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.current_loaded_models: list[SimpleNamespace] = []
        self.loads: list[tuple[int, bool]] = []

    def get_torch_device(self) -> torch.device:
        return torch.device("cpu")

    def unet_offload_device(self) -> torch.device:
        return torch.device("cpu")

    def load_models_gpu(self, patchers: list[Any], memory_required: int = 0, force_full_load: bool = False) -> None:
        self.loads.append((memory_required, force_full_load))
        for patcher in patchers:
            if all(loaded.model is not patcher for loaded in self.current_loaded_models):
                while len(self.current_loaded_models) >= self.room:
                    self.current_loaded_models.pop(0).model.detach()
                self.current_loaded_models.append(SimpleNamespace(model=patcher))

    def free_memory(self, amount: float, device: torch.device, keep_loaded: list[Any] = ()) -> None:  # type: ignore[assignment]
        kept = [loaded for loaded in self.current_loaded_models if loaded in keep_loaded]
        leaving = [loaded for loaded in self.current_loaded_models if loaded not in keep_loaded]
        self.current_loaded_models = kept
        for loaded in leaving:
            loaded.model.detach()

    def unload_all_models(self) -> None:
        self.free_memory(1e30, torch.device("cpu"))

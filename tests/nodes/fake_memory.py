"""Fake of ComfyUI's memory management: patchers loaded, counted and detached."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
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


class LoadedModel:
    """A line of the host's list. As in the real one the patcher is only referred to, and a network that dies while it
    is listed takes its line with it, whoever is counting lines then."""

    def __init__(self, patcher: ModelPatcher, dies: Callable[[], None]) -> None:
        self._patcher = weakref.ref(patcher)
        self._finalizer = weakref.finalize(patcher.model, dies)

    @property
    def model(self) -> ModelPatcher | None:
        return self._patcher()

    def unload(self) -> None:
        self.model.detach()
        self._finalizer.detach()


class FakeMemory:
    """`room` is how many models fit; `loads` notes every request."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.current_loaded_models: list[LoadedModel] = []
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
                    self._unload([self.current_loaded_models[0]])
                self.current_loaded_models.append(LoadedModel(patcher, self._clean_up))

    def free_memory(self, amount: float, device: torch.device, keep_loaded: Sequence[LoadedModel] = ()) -> None:
        self._unload([loaded for loaded in self.current_loaded_models if loaded not in keep_loaded])

    def unload_all_models(self) -> None:
        self.free_memory(1e30, torch.device("cpu"))

    def _unload(self, leaving: list[LoadedModel]) -> None:
        places = [self.current_loaded_models.index(loaded) for loaded in leaving]
        for place in sorted(places, reverse=True):
            self.current_loaded_models[place].unload()
            # The real one writes a line to its log here, with the name of what it has just detached.
            assert self.current_loaded_models[place].model.model is not None
        for place in sorted(places, reverse=True):
            self.current_loaded_models.pop(place)

    def _clean_up(self) -> None:
        self.current_loaded_models = [loaded for loaded in self.current_loaded_models if loaded.model is not None]

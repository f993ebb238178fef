"""VideoHelperSuite's lazy AUDIO, real where a checkout is found, else a stand-in."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

NAME = "videohelpersuite_under_test"


def checkout() -> Path | None:
    """The pack's folder: VIDEOHELPERSUITE_PATH, or beside the cores that the tests of ComfyUI use."""
    named = os.environ.get("VIDEOHELPERSUITE_PATH")
    parents = [Path.home() / "comfy", *(Path(core, "custom_nodes") for core in _cores())]
    places = [Path(named)] if named else [path for parent in parents for path in parent.glob("*VideoHelperSuite*")]
    return next((path for path in places if (path / "videohelpersuite" / "utils.py").is_file()), None)


def _cores() -> list[str]:
    return [path for path in os.environ.get("COMFYUI_PATH", "").split(os.pathsep) if path]


def utils_of(pack: Path, host: Any) -> ModuleType:
    """The pack's own `utils`, without the rest of the pack: what it asks of the server on import is stood in for."""
    sys.modules["server"].PromptServer.instance.prompt_queue = SimpleNamespace()
    package = types.ModuleType(NAME)
    package.__path__ = [str(pack / "videohelpersuite")]
    sys.modules[NAME] = package
    spec = importlib.util.spec_from_file_location(f"{NAME}.utils", pack / "videohelpersuite" / "utils.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class LazyAudio(Mapping[str, Any]):
    """Nothing is decoded before a key is read, once; a Mapping and no dict, as in that pack."""

    def __init__(self, decode: Callable[[], dict[str, Any]]) -> None:
        self._decode, self._decoded, self.times = decode, None, 0

    def _all(self) -> dict[str, Any]:
        if self._decoded is None:
            self.times += 1
            self._decoded = self._decode()
        return self._decoded

    def __getitem__(self, key: str) -> Any:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

"""A folder in diffusers' layout: settings and weights of each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deepsound.errors import EngineError
from deepsound.runtime.paths import is_file
from deepsound.weights.formats import MALFORMED, read_settings
from deepsound.weights.load import load_into_meta, read_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

T = TypeVar("T")

_NAMES = tuple(
    f"{stem}{middle}.{suffix}"
    for stem in ("diffusion_pytorch_model", "model", "pytorch_model")
    for middle, suffix in (("", "safetensors"), (".fp16", "safetensors"), ("", "bin"))
)


@dataclass(frozen=True)
class DiffusersFolder:
    """A published folder; `advice` is how to get it again. Everything raises EngineError that names the file."""

    folder: Path
    advice: str

    def settings_file(self, part: str) -> Path:
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        return self.folder / part / name

    def settings(self, part: str, *classes: str) -> dict[str, Any]:
        """The settings of a part; with `classes`, one of which they have to be for."""
        path = self.settings_file(part)
        content = read_settings(path, self.advice)
        if classes and content.get("_class_name") not in classes:
            found = content.get("_class_name")
            raise EngineError(f"{path} is for {found}; expected {' or '.join(classes)}. {self.advice}")
        return content

    def weights_file(self, part: str) -> Path:
        """The file that holds a part's weights, whole ones before halved ones."""
        folder = self.folder / part
        path = next((folder / name for name in _NAMES if is_file(folder / name, EngineError)), None)
        if path is None:
            raise EngineError(f"expected a .safetensors or .bin file with weights in {folder}, got none; {self.advice}")
        return path

    def sources(self, part: str) -> tuple[Path, ...]:
        """All files a part's network comes from."""
        return self.weights_file(part), self.settings_file(part)

    def network(
        self,
        part: str,
        build: Callable[[], nn.Module],
        dtype: torch.dtype,
        convert: Callable[[dict[str, Tensor], nn.Module], Mapping[str, Tensor]] | None = None,
    ) -> nn.Module:
        """A part's network with its weights, on the CPU; `convert` brings stored names to those of a network."""
        path = self.weights_file(part)
        state: Mapping[str, Tensor] = read_tensors(path)
        if convert is not None:
            state = convert(dict(state), on_meta(path, self.advice, build))
        return load_network(path, build, state, dtype, self.advice)


def on_meta(path: Path, advice: str, build: Callable[[], nn.Module]) -> nn.Module:
    """`build`'s network without memory, to look at its names; errors name `path`."""
    import torch

    with torch.device("meta"):
        return read_content(path, advice, build)


def load_network(
    path: Path, build: Callable[[], nn.Module], state: Mapping[str, Tensor], dtype: torch.dtype, advice: str
) -> nn.Module:
    """`build`'s network with `state`; what a library objects to becomes an EngineError that names `path`."""
    return read_content(path, advice, load_into_meta, build, state, dtype, path)


def read_content(path: Path, advice: str, reader: Callable[..., T], *arguments: Any) -> T:
    """What `reader` makes of a file's content; what it objects to as an EngineError that names the file."""
    try:
        return reader(*arguments)
    except MALFORMED as error:
        raise EngineError(f"{path} cannot be used: {error}. {advice}") from error

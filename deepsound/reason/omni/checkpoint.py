"""Checkpoint of a multimodal model: its folder, its family by config.json, and its networks.

Families are told apart by what transformers' own tables make of the config; there is no list here. Code that lies in a
folder is never run, and pickled weights are not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import EngineError, InputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.weights.omni_folders import FOLDER, omni_folders
from deepsound.weights.search_paths import default_search_paths

if TYPE_CHECKING:
    import torch
    from torch import nn

NAME = "omni"
_MOST_CONFIG_BYTES = 4 << 20


@dataclass(frozen=True)
class OmniCheckpoint:
    """A model's folder; `family` is the model_type of its config.json."""

    folder: Path
    family: str

    @property
    def files(self) -> tuple[Path, ...]:
        """The weights and the config, which identify the model."""
        return (*sorted(self.folder.glob("*.safetensors")), self.folder / "config.json")

    def config(self) -> Any:
        """The config of the part that writes text. Raises EngineError."""
        return self._load(self._config)

    def _config(self, library: Any, options: Mapping[str, Any]) -> Any:
        # Of a model that also speaks, the part that thinks is a model of its own, under the same keys.
        config = library.AutoConfig.from_pretrained(self.folder, **options)
        return getattr(config, "thinker_config", config)

    def processor(self) -> Any:
        """The model's own tokenizer, image processor and feature extractor. Raises EngineError."""
        return self._load(lambda library, options: library.AutoProcessor.from_pretrained(self.folder, **options))

    def network(self, dtype: torch.dtype, more: Mapping[str, Any] | None = None) -> nn.Module:
        """The network that writes text, without a part that speaks; `more` are keywords of from_pretrained."""

        def load(library: Any, options: Mapping[str, Any]) -> Any:
            config = self._config(library, options)
            model, report = _class_of(library, config).from_pretrained(
                self.folder,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                **options,
                **(more or {}),
            )
            lacking = [*report["missing_keys"], *report["mismatched_keys"]]
            if lacking:
                raise ValueError(f"{len(lacking)} of its tensors are missing or of another shape, such as {lacking[0]}")
            return model

        network: nn.Module = self._load(load)
        return network.eval()

    def _load(self, load: Any) -> Any:
        library = transformers()
        try:
            with _no_bars(library):
                return load(library, {"local_files_only": True, "trust_remote_code": False})
        except (OSError, ValueError, ImportError, AttributeError, KeyError, TypeError, RuntimeError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise EngineError(
                f"expected a multimodal model that transformers {library.__version__} knows, got the family "
                f"{self.family!r} in {escaped(self.folder)}: {first[:300]}; choose another model, or install what it "
                "needs."
            ) from error


def _class_of(library: Any, config: Any) -> Any:
    """The class that writes text: of the library's table of multimodal models, else the one that the config names."""
    auto = getattr(library, "AutoModelForMultimodalLM", None) or library.AutoModelForImageTextToText
    if type(config) in auto._model_mapping:
        return auto
    for name in config.architectures or ():
        found = getattr(library, str(name), None)
        if (
            isinstance(found, type)
            and issubclass(found, library.GenerationMixin)
            and getattr(found, "config_class", None) is type(config)
        ):
            return found
    raise ValueError("it is no model that writes text about pictures or sound")


def find_checkpoint(name: str, execution: Execution) -> OmniCheckpoint:
    """The model that `--weights omni=PATH` names, else the folder `name`, or the only one, of the models folder `omni`.

    Raises InputError where none or several would do, EngineError for a folder that is none of a model, that has no
    safetensors, or that needs code of its own.
    """
    folder = execution.weights.get(NAME) or _named(name)
    config = _config(folder)
    if not any(folder.glob("*.safetensors")):
        raise EngineError(
            f"expected weights as .safetensors in {escaped(folder)}, got none; convert or download them in that form."
        )
    return OmniCheckpoint(folder, str(config["model_type"]))


def _named(name: str) -> Path:
    found = omni_folders(default_search_paths())
    if name in found:
        return found[name]
    there = f"There: {', '.join(found)}." if found else f"There is none in a models folder {FOLDER}."
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if not name:
        raise InputError(
            f"expected the name of a model for the reasoner {NAME}, got none; write {NAME}:FOLDER, or --weights "
            f"{NAME}=PATH. {there}"
        )
    raise InputError(f"expected a model in the models folder {FOLDER}, got {name[:80]!r}; correct the name. {there}")


def _config(folder: Path) -> dict[str, Any]:
    """The folder's config.json. Raises EngineError where it is none, and where the model needs code of its own."""
    path = folder / "config.json"
    if not is_dir(folder, EngineError) or not is_file(path, EngineError):
        raise EngineError(f"expected a model's folder with config.json, got {escaped(folder)}; correct the path.")
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MOST_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(f"{escaped(path)} cannot be read as JSON: {str(error)[:200]}. Download it again.") from error
    if not isinstance(content, dict) or not isinstance(content.get("model_type"), str):
        raise EngineError(f"expected a model_type in {escaped(path)}, got none; choose a model for transformers.")
    if "auto_map" in content and content["model_type"] not in transformers().models.auto.CONFIG_MAPPING:
        raise EngineError(
            f"The model in {escaped(folder)} needs code of its own, which is refused; choose one that transformers "
            "itself knows."
        )
    return content


@contextmanager
def _no_bars(library: Any) -> Iterator[None]:
    """Inside, the library draws no progress bars of its own."""
    log = library.utils.logging
    was_on = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            log.enable_progress_bar()


def transformers() -> Any:
    """The library, imported. Raises MissingPackage where it is not installed."""
    try:
        import transformers as library
    except ImportError as error:
        raise missing_package(
            f"The reasoner {NAME} needs transformers, which is not installed", "transformers"
        ) from error
    return library

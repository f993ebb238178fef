"""Settings of a batch, and the fingerprint that identifies results made with them."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.batch.clips import Job
from deepsound.errors import InputError

if TYPE_CHECKING:
    from deepsound.pipeline import Pipeline

# Where and how networks run and whether they may be fetched: a batch may go on elsewhere without beginning again.
_NOT_FINGERPRINTED = frozenset({"device", "offload", "download", "compiled"})


@dataclass(frozen=True)
class BatchSettings:
    """Keyword arguments of Pipeline and of Pipeline.run (without video, folder and progress), and whether to draw.

    `model_folders` are searched for weights, in every process that works for the batch.
    """

    engines: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    pictures: bool = False
    model_folders: tuple[Path, ...] = ()

    def pipeline(self) -> Pipeline:
        """A new Pipeline, which shares encoder outputs with other workers through the cache folder.

        Raises EngineError or InputError for engines and options that do not exist.
        """
        from deepsound.outputs.naming import DEFAULT_TEMPLATE, fields_of
        from deepsound.pipeline import Pipeline
        from deepsound.runtime.feature_cache import feature_cache
        from deepsound.runtime.feature_files import FeatureFiles
        from deepsound.weights.search_paths import register_model_folders

        template = self.run.get("output_template", DEFAULT_TEMPLATE)
        if "stem" not in fields_of(template):
            raise InputError(
                f"The output template {template!r} would name the files of all clips alike; put {{stem}} into it."
            )
        if self.model_folders:
            register_model_folders(self.model_folders)
        if feature_cache().files is None:
            feature_cache().files = FeatureFiles()
        return Pipeline(**self.engines)

    def for_clip(self, job: Job) -> dict[str, Any]:
        """The arguments of Pipeline.run for one clip: its overrides win over the batch's settings."""
        return {**self.run, **job.overrides}

    def fingerprint(self, job: Job) -> str:
        """Equal for the same settings and the same unchanged video (size and time of change). OSError without one."""
        status = job.video.stat()
        made_of = [_plain(self.engines), _plain(self.for_clip(job)), self.pictures, status.st_size, status.st_mtime_ns]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        # A batch without LoRA is the batch that it was before there were any.
        counted = {name: inner for name, inner in value.items() if name != "loras" or inner}
        return {str(name): _plain(inner) for name, inner in counted.items() if name not in _NOT_FINGERPRINTED}
    return value


def __getattr__(name: str) -> Any:
    """`Settings`, the name of 0.3.0, is BatchSettings."""
    if name == "Settings":
        warnings.warn("deepsound.batch.settings.Settings is BatchSettings now", DeprecationWarning, stacklevel=2)
        return BatchSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""DeepSound: sound for silent video, without off-screen voices.

An implementation of DeepSound-V1 (arXiv 2503.22208).

    from deepsound import Pipeline
    result = Pipeline().run("clip.mp4", "outputs")

Importing the package is cheap; everything heavy is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Audio": "deepsound.types",
    "Cancelled": "deepsound.errors",
    "Clip": "deepsound.media.clip",
    "DeepSoundError": "deepsound.errors",
    "GenerationRequest": "deepsound.types",
    "Pipeline": "deepsound.pipeline",
    "Progress": "deepsound.runtime.progress",
    "Verdict": "deepsound.types",
}

if TYPE_CHECKING:
    __version__: str

    from deepsound.errors import Cancelled, DeepSoundError
    from deepsound.media.clip import Clip
    from deepsound.pipeline import Pipeline
    from deepsound.runtime.progress import Progress
    from deepsound.types import Audio, GenerationRequest, Verdict

__all__ = [
    "Audio",
    "Cancelled",
    "Clip",
    "DeepSoundError",
    "GenerationRequest",
    "Pipeline",
    "Progress",
    "Verdict",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from deepsound.version import package_version

        return package_version()
    if name not in _HOMES:
        raise AttributeError(f"module 'deepsound' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not: what a shell completes."""
    return sorted({*globals(), *__all__})

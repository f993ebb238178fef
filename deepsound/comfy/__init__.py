"""Client of running ComfyUI servers (HTTP and websocket); imports nothing of ComfyUI."""

from typing import Any

from deepsound.comfy.submission import SubmissionResult, submit

__all__ = ["SubmissionResult", "submit"]


def __getattr__(name: str) -> Any:
    """The old name of SubmissionResult, for programs written for 0.3.0."""
    if name == "Submitted":
        import warnings

        warnings.warn("deepsound.comfy.Submitted is SubmissionResult now", DeprecationWarning, stacklevel=2)
        return SubmissionResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""ComfyUI entry point of the node pack; importing it anywhere else does nothing."""

from __future__ import annotations

from typing import Any

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


def comfy_entrypoint() -> Any:
    """The extension with the pack's nodes; ComfyUI calls this once, when it loads the pack."""
    _adopt_library()
    from .nodes.extension import DeepSoundExtension

    return DeepSoundExtension()


def _adopt_library() -> None:
    """Make `import deepsound` find the library beside this file.

    sys.path stays as it is: this folder also holds `nodes` and `tests`, names that belong to the host.
    """
    import sys
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from pathlib import Path

    if "deepsound" in sys.modules:
        return
    spec = PathFinder.find_spec("deepsound", [str(Path(__file__).resolve().parent)])
    if spec is None or spec.loader is None:
        raise ImportError(f"The folder 'deepsound' is missing beside {__file__}; install the pack again.")
    library = module_from_spec(spec)
    sys.modules["deepsound"] = library
    spec.loader.exec_module(library)

"""Lazy imports of diffusers, transformers and torchvision, outside the meta device."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch


def library_module(name: str) -> Any:
    """The module `name`, a dotted path.

    Networks are built on the meta device, and modules make tensors when they are imported: these have to be real ones.
    Raises ImportError where it is not installed.
    """
    with torch.device("cpu"):
        return import_module(name)


def library_class(name: str, attribute: str) -> Any:
    """`attribute` of the module `name`, which may itself import what it hands out only when asked."""
    with torch.device("cpu"):
        return getattr(import_module(name), attribute)

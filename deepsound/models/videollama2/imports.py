"""Lazy import of transformers, outside the meta device."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch


def transformers_module(name: str) -> Any:
    """The module `transformers.name`.

    Networks are built on the meta device, and modules make tensors when they are imported, torchaudio's among them:
    these have to be real ones, or they are useless to the whole process. Raises ImportError where it is not installed.
    """
    with torch.device("cpu"):
        return import_module(f"transformers.{name}")

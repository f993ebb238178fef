"""Package version: from pyproject.toml in a clone or node pack, else as installed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


@cache
def package_version() -> str:
    """The version of the code that runs; "0+unknown" for a copy without pyproject.toml that was not installed."""
    try:
        text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    found = re.search(r'^version = "([^"]+)"', text, re.M)
    if found and re.search(r'^name = "deepsound"', text, re.M):
        return found.group(1)
    # 15 ms that `--help` of a clone or node pack does not pay.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("deepsound")
    except PackageNotFoundError:
        return "0+unknown"

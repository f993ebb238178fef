"""Prints pyproject.toml's lower bounds as pip constraints."""

from __future__ import annotations

import re
from pathlib import Path

BOUND = re.compile(r'^\s*"([A-Za-z0-9_.-]+)>=([0-9.]+)(?:;[^"]*)?",?$')


def lower_bounds(pyproject: str) -> list[str]:
    """A line `name==1.2.*` for each of the package's own dependencies, and torchaudio, which silero-vad brings."""
    block = re.search(r"^dependencies = \[\n(.*?)^\]", pyproject, re.M | re.S)
    found = [BOUND.match(line) for line in block[1].splitlines()] if block else []
    bounds = {match[1]: f"{match[2]}.*" for match in found if match}
    # torchaudio imports only beside the torch it was built for.
    return [f"{name}=={bound}" for name, bound in {**bounds, "torchaudio": bounds["torch"]}.items()]


if __name__ == "__main__":
    print("\n".join(lower_bounds((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))))

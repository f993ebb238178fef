"""The pipeline's steps as the terminal names them, numbered as the paper numbers them."""

from __future__ import annotations

# By the stage that a progress event names.
STEP_TITLES = {
    "plan": "0 plan",
    "generate": "1 generate",
    "judge": "2 judge",
    "remove": "3 remove voice",
    "silence": "4 silence check",
    "generate again": "4 fall back",
    "write": "  write files",
}
_STAGES = {"generator": ("generate",), "reasoner": ("plan", "judge"), "separator": ("remove",)}


def steps_of(kind: str) -> str:
    """Number and stage of the steps that a kind of engine ("generator", "reasoner", "separator") takes."""
    return ", ".join(f"{STEP_TITLES[stage].split()[0]} {stage}" for stage in _STAGES[kind])

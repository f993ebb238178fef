"""App mode of the workflows: the inputs and results that its form shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Workflow -> widgets by the title of their node, and the nodes whose results are shown.
APPS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "offline_draft": (
        (
            ("Load the video", "file"),
            ("Step 1: generate", "prompt"),
            ("Step 1: generate", "seed"),
            ("Step 4: choose the final sound", "mode"),
        ),
        ("Save the video with its sound",),
    ),
    "clean_existing_footage": (
        (("Load the video", "file"), ("Remove the voice", "removal_db"), ("Remove the voice", "keep_ambience")),
        ("Save the video with its sound",),
    ),
    "api_automation": (
        (
            ("Load the video", "file"),
            ("All steps", "prompt"),
            ("All steps", "negative_prompt"),
            ("All steps", "seed"),
            ("All steps", "preset"),
        ),
        ("Save the video with its sound",),
    ),
}


def app_data(name: str, nodes: Sequence[Any]) -> dict[str, Any]:
    """The `linearData` of a workflow's `extra`, empty for one that is no app; front ends without app mode ignore it."""
    if name not in APPS:
        return {}
    widgets, shown = APPS[name]
    numbers = {node.title: node.number for node in nodes}
    inputs = [[numbers[title], widget] for title, widget in widgets]
    return {"linearData": {"inputs": inputs, "outputs": [numbers[title] for title in shown]}}

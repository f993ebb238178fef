"""Tests that workflows saved by 0.3.0 run over the API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfy

SAVED = Path(__file__).with_name("saved")
NAMES = ("offline_draft", "api_automation")


def read(name):
    return json.loads((SAVED / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_of_0_3_0_runs_as_it_was_saved(server, name):
    run = server.run(read(f"{name}_0.3.0_api.json"))
    assert run.ending == "execution_success", run.error or run.answer


@pytest.mark.parametrize(
    ("node_id", "name", "value", "reason"),
    [
        ("1", "start", float("nan"), "start: expected a number from 0"),
        ("2", "prompt", "rain \ud83d", "prompt: expected Unicode text"),
        ("2", "duration", float("nan"), "duration: expected a number from 0"),
        ("3", "filename_prefix", "a/" * 2000 + "x", "at most 32 subfolders"),
        ("3", "filename_prefix", "clip \ud83d", "filename_prefix: expected Unicode text"),
    ],
)
def test_values_of_no_use_are_refused_before_the_run(server, node_id, name, value, reason):
    prompt = read("api_automation_0.3.0_api.json")
    prompt[node_id]["inputs"][name] = value
    run = server.run(prompt)
    # Where the output that is refused is not the only one, the server runs the others.
    assert any(reason in refusal for refusal in run.refusals()) and node_id not in run.executed, run.answer


def test_the_temporary_folder_does_not_grow_with_every_comparison(server):
    """The same node with another sound each time: what it showed before goes, and it is run anew where that was."""
    temp = server.base / "temp"
    counts = []
    for seed in range(3):
        prompt = read("offline_draft_0.3.0_api.json")
        for node in prompt.values():
            if "seed" in node["inputs"]:
                node["inputs"]["seed"] = 100 + seed
        run = server.run(prompt)
        assert run.ending == "execution_success", run.error
        (compare,) = (key for key, node in prompt.items() if node["class_type"] == "DeepSoundCompare")
        described = run.history["outputs"][compare]["deepsound"][0]
        files = [track[kind] for track in described["tracks"] for kind in ("audio", "spectrogram")]
        assert all((temp / name).is_file() for name in files)
        counts.append(len(list(temp.glob("deepsound_*"))))
    assert counts[-1] == counts[0]

"""The benchmark of an earlier checkout beside this one, with this one on both sides."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks._before import ROOT, SIDES, _Material, _run


@pytest.fixture
def material(tmp_path: Path) -> _Material:
    """A voice-free sound for a separator of both sides, and an engine that neither has."""
    made = _Material(tmp_path)
    sound = made.save(np.random.default_rng(1).normal(0, 0.05, 16_000))
    assert made.add({"do": "separate", "engine": "spectral", **sound}) == dict.fromkeys(SIDES, 0)
    made.add({"do": "separate", "engine": "nobody's", **sound})
    return made


def test_both_sides_answer_the_same_jobs(material: _Material) -> None:
    answers = {side: _run(ROOT, material, side) for side in SIDES}
    sounds = [material.sound(side, 0, answers) for side in SIDES]
    assert sounds[0] is not None and sounds[1] is not None and sounds[0].samples > 0
    assert np.array_equal(sounds[0].numpy(), sounds[1].numpy())
    assert all("nobody's" in answers[side][1]["error"] and material.sound(side, 1, answers) is None for side in SIDES)


def test_a_folder_that_is_no_checkout_is_refused(material: _Material, tmp_path: Path) -> None:
    """The installed deepsound would have been measured in its place."""
    (tmp_path / "empty").mkdir()
    with pytest.raises((RuntimeError, subprocess.CalledProcessError)):
        _run(tmp_path / "empty", material, "before")

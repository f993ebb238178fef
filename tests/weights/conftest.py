"""Fixtures: a catalogue entry, search paths and files of weights."""

from pathlib import Path

import pytest

from deepsound.weights import search_paths as places
from deepsound.weights import transfer
from deepsound.weights.search_paths import SearchPaths
from tests.weights.hub import serving

VARIABLES = (
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN",
    "TORCH_HOME",
    "COMFYUI_PATH",
    "DEEPSOUND_PROJECTS",
    "XDG_CACHE_HOME",
)


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    """No weights, tokens or settings of the machine's own are seen."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "own"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(places, "_registered_folders", ())
    monkeypatch.setattr(places, "_registered_categories", {})


@pytest.fixture
def own(tmp_path) -> SearchPaths:
    """Places of which none is there yet but may be written to."""
    return SearchPaths(cache=tmp_path / "own", hub_cache=tmp_path / "hub", torch_hub=tmp_path / "torch")


@pytest.fixture
def hub(monkeypatch):
    """A hub on the loopback, and no long pauses between attempts."""
    monkeypatch.setattr(transfer, "PAUSE_S", 0.02)
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path

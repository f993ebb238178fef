"""The GPU benchmark, proved with miniature networks on the CPU."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU the benchmark itself is run")


def measured(monkeypatch: pytest.MonkeyPatch, out: Path, *options: str) -> dict[str, object]:
    """What `python -m benchmarks.gpu` writes."""
    from benchmarks import gpu

    monkeypatch.setattr(sys, "argv", ["gpu", *options, "--out", str(out)])
    gpu.main()
    written: dict[str, object] = json.loads(out.read_text())
    return written


def test_the_tiny_run_writes_its_rows_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = measured(monkeypatch, tmp_path / "tiny.json", "--tiny", "--only", "plain")
    rows = result["rows"]
    assert result["device"] == "CPU" and result["tiny"] is True and result["machine"]
    assert isinstance(rows, dict)
    assert list(rows) == ["MMAudio small_16k, plain"]
    assert all(isinstance(row, dict) and row["all"] > 0 for row in rows.values()), rows


def test_a_case_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = measured(monkeypatch, tmp_path / "tiny.json", "--tiny", "--only", "snake")["rows"]
    assert rows == {"Triton snake": "not measured: RuntimeError: the fused kernel runs on a GPU alone"}


def test_memory_is_computed_without_a_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = measured(monkeypatch, tmp_path / "tiny.json", "--tiny", "--only", "memory")["rows"]
    assert isinstance(rows, dict)
    assert rows["memory"]["resident"] > rows["memory"]["offload"] > 0


def test_without_a_gpu_nothing_of_full_size_is_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="expected a CUDA device"):
        measured(monkeypatch, tmp_path / "full.json")

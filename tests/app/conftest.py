"""Fixtures: the page's server as `deepsound app` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import start

ENGINES = Path(__file__).with_name("engines")


@dataclass(frozen=True)
class Served:
    """A running server: its address, its folder and its log."""

    address: str
    folder: Path
    log: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("app")) as running:
        yield running


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[Served]:
    """A server that keeps everything below `folder`, started with further flags of `deepsound app`."""
    pytest.importorskip("gradio", reason="gradio is in the [app] extra")
    log = folder / "log.txt"
    with log.open("w") as out:
        process = start(
            [sys.executable, "-m", "deepsound", "app", "--port", "0", "--folder", str(folder / "kept"), *flags],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ENGINES), os.environ.get("PYTHONPATH", "")))},
        )
        try:
            yield Served(_address(process, log), folder / "kept", log)
        finally:
            process.terminate()
            assert process.wait(timeout=300) == 0, log.read_text()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(3000):
        if "is at " in (told := log.read_text()):
            return told.partition("is at ")[2].split()[0]
        assert process.poll() is None, told
        time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()}")

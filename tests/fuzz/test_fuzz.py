"""A quick seeded round of fuzzing for each kind of input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepsound.errors import MediaError
from tests.fuzz import runner
from tests.fuzz.runner import Round
from tests.fuzz.targets import MODULES, Target

ROOT = Path(__file__).parents[2]
COUNT = 300


@pytest.mark.parametrize("name", sorted(MODULES))
def test_mutated_inputs_end_well_or_in_the_librarys_own_errors(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, "--count", str(COUNT), "--seed", "1"]
    # A process of its own: children are forked from one that has no threads.
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert f"{COUNT} mutations of {name}, 0 failed" in done.stdout


def _seeds(folder: Path) -> list[Path]:
    (folder / "a.bin").write_bytes(bytes(range(64)))
    return [folder / "a.bin"]


def _raise(path: Path) -> None:
    raise KeyError("missing")


def _kill(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(path: Path) -> None:
    time.sleep(60)


def _spin(path: Path) -> None:
    while True:
        pass


def _grow(path: Path) -> None:
    bytearray(os.urandom(1 << 20) * 1100)


def _refuse(path: Path) -> None:
    raise MediaError(f"{path.name} is damaged.")


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (_raise, "KeyError: 'missing'"),
        (_kill, "SIGKILL"),
        (_hang, "more than"),
        (_spin, "more than"),
        (_grow, "MB of memory"),
    ],
)
def test_the_frame_finds(read: object, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if read in (_hang, _spin):
        monkeypatch.setattr(runner, "HANG_S", 0.2)
    failures = list(Round(Target(_seeds, read), 0, 2).failures())  # type: ignore[arg-type]
    assert [failure.number for failure in failures] == [0, 1]
    assert all(found in failure.what for failure in failures)


def test_an_error_of_the_library_is_no_failure_and_a_round_is_the_same_each_time() -> None:
    rounds = Round(Target(_seeds, _refuse), 7, 20)
    assert list(rounds.failures()) == []
    contents = [bytes(range(64)), b"other"]
    assert [rounds.case(contents, number) for number in range(20)] == [
        rounds.case(contents, number) for number in range(20)
    ]
    assert len({rounds.case(contents, number)[1] for number in range(20)}) > 15

"""Fuzzing runner: forked processes; finds crashes, hangs, memory growth, raw exceptions."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deepsound.errors import DeepSoundError
from tests.fuzz.mutate import mutate
from tests.fuzz.targets import Target

HANG_S = 20.0
# The limit is one of the processor's time, so that a busy machine is no hang; one that waits gets this much longer.
_WAITING = 6
MEMORY_BYTES = 1 << 30
# What a case may ask for without touching it; past this the process gets no more, so that a machine stays usable.
_ADDRESS_BYTES = 4 << 30
# A fresh process after so many cases, so that what one leaves behind is not counted as another's.
_CASES_PER_PROCESS = 500


@dataclass(frozen=True)
class Failure:
    """A case that did not end well: its number, the seed file's name, what happened, and the mutated input."""

    number: int
    seed_name: str
    what: str
    data: bytes


@dataclass(frozen=True)
class Round:
    """`count` mutations of a target's inputs from `first` on; the same `seed` gives the same mutations."""

    target: Target
    seed: int
    count: int
    first: int = 0

    def failures(self) -> Iterator[Failure]:
        """The cases that did not end well, as they are found."""
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            seeds = self.target.seeds(_fresh(Path(folder) / "seeds"))
            contents = [path.read_bytes() for path in seeds]
            number, end = self.first, self.first + self.count
            while number < end:
                stop = min(end, number + _CASES_PER_PROCESS)
                process = _Process(self, seeds, contents, Path(folder) / "work", range(number, stop))
                for report in process.reports():
                    number = report["number"] + 1
                    if report["what"]:
                        which, data = self.case(contents, report["number"])
                        yield Failure(report["number"], seeds[which].name, report["what"], data)

    def case(self, contents: list[bytes], number: int) -> tuple[int, bytes]:
        """Which seed a case mutates, and the mutated bytes."""
        rng = random.Random(f"{self.seed}:{number}")  # noqa: S311 - repeatable, not secret
        which = number % len(contents)
        return which, mutate(contents, which, rng, self.target.text)


class _Process:
    """A forked process that runs cases one after the other and reports each."""

    def __init__(self, rounds: Round, seeds: list[Path], contents: list[bytes], work: Path, numbers: range) -> None:
        self._round = rounds
        self._seeds = seeds
        self._contents = contents
        self._work = work
        self._numbers = numbers

    def reports(self) -> Iterator[dict]:
        """A report per case; after one that ended the process there are no more."""
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            self._child(writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            for number in self._numbers:
                line = pipe.readline() if _comes_in_time(pipe, pid) else None
                if line:
                    yield json.loads(line)
                    continue
                if line is None:
                    os.kill(pid, signal.SIGKILL)
                status = os.waitpid(pid, 0)[1]
                what = f"more than {HANG_S:g} s" if line is None else f"the process ended: {_ending(status)}"
                yield {"number": number, "what": what}
                return
        os.waitpid(pid, 0)

    def _child(self, writing: int) -> None:
        status = 1
        try:
            with contextlib.suppress(ValueError):
                limit = _data_bytes() + _ADDRESS_BYTES
                resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
            for number in self._numbers:
                report = {"number": number, "what": self._one(number)}
                os.write(writing, json.dumps(report).encode() + b"\n")
            status = 0
        finally:
            # Not sys.exit: what the parent opened and registered is the parent's to close.
            os._exit(status)

    def _one(self, number: int) -> str:
        """What went wrong with a case; empty where nothing did."""
        which, data = self._round.case(self._contents, number)
        path = _fresh(self._work) / self._seeds[which].name
        path.write_bytes(data)
        before = _resident_bytes(peak=False)
        _reset_peak()
        try:
            self._round.target.read(path)
        except DeepSoundError as error:
            if not str(error).isprintable():
                return f"a message with control characters: {str(error)!r}"
        except BaseException as error:
            return "".join(traceback.format_exception(error)[-4:]).strip()
        grown = _resident_bytes(peak=True) - before
        return f"{grown >> 20} MB of memory" if grown > MEMORY_BYTES else ""


def _comes_in_time(pipe: IO[bytes], pid: int) -> bool:
    """Wait for a process's next report, as long as it may take for one case."""
    begun, used_before = time.monotonic(), _cpu_s(pid)
    while not select.select([pipe], [], [], 0.5)[0]:
        if _cpu_s(pid) - used_before > HANG_S or time.monotonic() - begun > _WAITING * HANG_S:
            return False
    return True


def _cpu_s(pid: int) -> float:
    """The processor time of a process in seconds; 0 where the system does not tell (Linux does)."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit status {os.WEXITSTATUS(status)}"


def _fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _reset_peak() -> None:
    """Forget the process's peak (Linux); elsewhere it stays that of all cases so far."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _data_bytes() -> int:
    """What this process, a copy of its parent, has asked for so far; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) << 10
    return 0


def _resident_bytes(peak: bool) -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:" if peak else "VmRSS:"):
                return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 if peak else 0

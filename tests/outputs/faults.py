"""Fault injection: an error or a kill at each system call that writes.

Run as a program, since an audit hook stays for the rest of a process; prints one JSON line with what was found.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from deepsound.errors import Cancelled, DeepSoundError
from deepsound.media.clip import Clip
from deepsound.media.files import atomic_write
from deepsound.media.probe import probe
from deepsound.outcome import Choice, Choices, Outcome
from deepsound.outputs import OutputStaging, clear_leftovers, staged_files, staging
from deepsound.outputs.levels import FinalLevels
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, ChainOfThought, GenerationRequest, Judgement, Plan, Stems, Verdict
from tests.conftest import write_video

WRITES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.copyfile"}


class Injector:
    """Counts the process's writing calls and lets one of them fail, raise or kill."""

    def __init__(self) -> None:
        self.at = -1
        self.kind = ""
        self.count = 0
        self.what = ""
        self.is_armed = False
        # Nothing here outlives the machine: the calls are counted and not made, which takes most of the time.
        os.fsync = self._synced  # type: ignore[assignment]
        sys.addaudithook(self._hook)

    def arm(self, at: int, kind: str) -> None:
        self.at, self.kind, self.count, self.what, self.is_armed = at, kind, 0, "", True

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.is_armed:
            return
        writes = event == "open" and arguments[2] is not None and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in WRITES or writes:
            self._met(f"{event} {arguments[:2]}")

    def _synced(self, descriptor: int) -> None:
        if self.is_armed:
            self._met("os.fsync")

    def _met(self, what: str) -> None:
        self.count += 1
        if self.count - 1 != self.at:
            return
        self.what = what
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "interrupt":
            raise KeyboardInterrupt
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def make_quick() -> None:
    """Measure, draw and mux nothing: the files are written by the same calls, and a case takes milliseconds."""

    def copied(clip: Clip, final: Audio | None, target: Path, **options: object) -> SimpleNamespace:
        with atomic_write(target) as partial:
            partial.write_bytes(clip.path.read_bytes() + (b"" if final is None else final.numpy().tobytes()))
        return SimpleNamespace(report=None)

    def drawn(audio: Audio, spans: object) -> list[tuple[str, np.ndarray]]:
        return [(end, np.zeros((1, 1, 3), np.uint8)) for end in staged_files.ENDS]

    replacements = {
        (staging, "mux_clip"): copied,
        (staged_files, "draw_pictures"): drawn,
        (staging, "final_levels"): lambda outcome, target, stage: FinalLevels(outcome.final, {}),
    }
    for (module, name), value in replacements.items():
        assert hasattr(module, name), f"{module.__name__} has no {name}: it was renamed, and the real one would run"
        setattr(module, name, value)


def outcome(seed: int, with_voice: bool) -> Outcome:
    rng = np.random.default_rng(seed)
    coarse, rest = (Audio.from_numpy(rng.normal(scale=0.1, size=(1, 4000)), 8000) for _ in range(2))
    return Outcome(
        Choices(Choice("noise"), Choice("yes"), Choice("halving")),
        GenerationRequest(seed=seed),
        "s4",
        "neg",
        Plan(()),
        coarse,
        Judgement(Verdict.YES if with_voice else Verdict.NO, "Yes", ChainOfThought("", "", "", "")),
        stems=Stems(coarse, rest) if with_voice else None,
        final=rest if with_voice else coarse,
        final_from="background" if with_voice else "coarse",
    )


def run(clip: Clip, out: Path, seed: int, with_voice: bool) -> None:
    with OutputStaging(clip, out, write_video=True, pictures=with_voice) as staging:
        staging.finish(outcome(seed, with_voice), None, Progress())


def holding(out: Path) -> str:
    """Which run's files the folder holds: none, first, second or, with its names, a mixture."""
    names = (
        {path.name for path in out.iterdir() if not path.name.startswith(".deepsound-staging")}
        if out.is_dir()
        else set()
    )
    if not names:
        return "none"
    with suppress(OSError, ValueError):
        record = json.loads((out / "clip.result.json").read_text())
        sizes = {name: (out / name).stat().st_size for name in names - {"clip.result.json"}}
        if record["files"] == sizes and audio_seed(out / "clip.step1.wav") == record["request"]["seed"]:
            return "first" if record["request"]["seed"] == 1 else "second"
    return f"a mixture: {sorted(names)}"


def audio_seed(path: Path) -> int:
    first = np.frombuffer(path.read_bytes()[-16000:], "<f4")[0]
    return next(seed for seed in (1, 2) if np.float32(outcome(seed, False).coarse.numpy()[0, 0]) == first)


def strays(out: Path) -> list[str]:
    return (
        sorted(str(path.relative_to(out)) for path in out.iterdir() if path.name.startswith("."))
        if out.is_dir()
        else []
    )


def in_process(
    injector: Injector, clip: Clip, out: Path, at: int, kind: str, after: Callable[[], None] = lambda: None
) -> tuple[str, bool]:
    """What a failure at the call number `at` left, as one line; empty where all is well; and whether it was met."""
    injector.arm(at, kind)
    message, ending = "", "done"
    try:
        run(clip, out, 2, with_voice=True)
    except Cancelled as error:
        message, ending = str(error), "cancelled"
    except DeepSoundError as error:
        message, ending = str(error), "failed"
    except KeyboardInterrupt:
        ending = "interrupted"
    except BaseException as error:
        return f"{kind} at {at} ({injector.what}): a raw {type(error).__name__}: {error}", True
    finally:
        injector.is_armed = False
        after()
    met, now = bool(injector.what), holding(out)
    where = f"{kind} at {at} ({injector.what}): {ending} {message!r}, the folder holds {now}"
    clear_leftovers(out)
    if now not in ("first", "second") or holding(out) != now:
        return f"{where}, then {holding(out)}", met
    told_new = ending == "done" or (ending == "cancelled" and "holds all of them" in message)
    if told_new != (now == "second"):
        return f"{where}: that is not what it says", met
    if strays(out):
        return f"{where}; left {strays(out)}", met
    return "", met


def killed(injector: Injector, clip: Clip, out: Path, at: int, again: int | None = None) -> tuple[str, bool]:
    """The same for a process that is killed at a call, and the next one perhaps at a call of its undoing."""
    pid = os.fork()
    if not pid:
        try:
            injector.arm(at, "kill")
            run(clip, out, 2, with_voice=True)
        finally:
            os._exit(0)
    met = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    if again is not None:
        pid = os.fork()
        if not pid:
            try:
                injector.arm(again, "kill")
                clear_leftovers(out)
            finally:
                os._exit(0)
        met = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    clear_leftovers(out)
    now = holding(out)
    where = f"killed at {at}, {again}: the folder holds {now}, left {strays(out)}"
    return ("" if now in ("first", "second") and not strays(out) else where), met


def each(work: Callable[[Path, int], tuple[str, bool]], clip: Clip, folder: Path, at: int = 0) -> tuple[int, list[str]]:
    """Do `work` on a folder with the first run's files at call `at` and later ones until none is left to meet."""
    problems = []
    while True:
        out = folder / str(at)
        run(clip, out, 1, with_voice=False)
        problem, met = work(out, at)
        problems += [problem] if problem else []
        if not met:
            return at, problems
        at += 1


def limited(injector: Injector, clip: Clip, folder: Path) -> tuple[int, list[str]]:
    """Let no file grow past one of several sizes, so that each kind of file is cut in the middle by the system."""
    problems = []
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    sizes = (0, 20, 100, 300, 1000, 2000, 4000, 16020, 16050, 20000)
    for size in sizes:
        out = folder / str(size)
        run(clip, out, 1, with_voice=False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
        try:
            problem, _ = in_process(injector, clip, out, -2, "none", lambda: lift(unlimited))
        finally:
            lift(unlimited)
        problems += [problem] if problem else []
    return len(sizes), problems


def lift(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def main() -> None:
    injector = Injector()
    make_quick()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_video(folder / "clip.mp4")
        clip = Clip(folder / "clip.mp4", 0.0, 1.0, probe(folder / "clip.mp4"))
        found: dict[str, object] = {}
        for kind in ("disk", "interrupt"):
            found[kind] = each(
                lambda out, at, kind=kind: in_process(injector, clip, out, at, kind), clip, folder / kind
            )
        found["file size"] = limited(injector, clip, folder / "limited")
        # Forking takes most of the time, and until call 40 all that is written is in the staging folder.
        found["kill"] = each(lambda out, at: killed(injector, clip, out, at), clip, folder / "kill", 40)
        last = found["kill"][0]  # type: ignore[index]
        twice = [
            each(lambda out, again, at=at: killed(injector, clip, out, at, again), clip, folder / f"twice{at}")
            for at in (last - 20, last - 12)
        ]
        found["kill twice"] = (sum(count for count, _ in twice), [one for _, problems in twice for one in problems])
    print(json.dumps(found))


if __name__ == "__main__":
    main()

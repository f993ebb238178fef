"""Runs judges over labelled clips: one answer, its seconds and memory for each clip."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deepsound.calibrate.labels import LabelledClip
from deepsound.engine_protocols import Reasoner
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress
from deepsound.types import Judgement, Verdict


@dataclass(frozen=True)
class JudgeAnswer:
    """What a judge said of a clip; `error` in its place where it could not.

    `peak_bytes` is the device's peak within the judgement, without a device the process's own so far; None where it is
    unknown or on a server.
    """

    clip: LabelledClip
    verdict: Verdict
    category: str = ""
    seconds: float = 0.0
    peak_bytes: int | None = None
    error: str = ""


def judge_all(
    judges: Mapping[str, Reasoner], clips: Sequence[LabelledClip], progress: Progress
) -> dict[str, list[JudgeAnswer]]:
    """Every judge's answer to every clip's own sound; a clip that cannot be judged is an answer with `error`."""
    found: dict[str, list[JudgeAnswer]] = {}
    for number, (name, judge) in enumerate(judges.items()):
        part = progress.part(number / len(judges), (number + 1) / len(judges)).at(f"judge {name}")
        found[name] = [_answer(judge, clip, part.check) for clip in part.track(list(clips), len(clips))]
        if _is_on_a_server(name):
            found[name] = [replace(answer, peak_bytes=None) for answer in found[name]]
    return found


def _is_on_a_server(name: str) -> bool:
    """Whether a judge's memory is another machine's, which is not measured here."""
    return name.partition(":")[0] == "server" and "+" not in name


def _answer(judge: Reasoner, labelled: LabelledClip, check: Callable[[], None]) -> JudgeAnswer:
    quiet = Progress(check=check)
    try:
        clip = Clip.open(labelled.path)
        audio = clip.audio(quiet)
        if audio is None:
            raise InputError("expected a clip with sound, got one without; label clips whose sound can be judged.")
        _reset_peak()
        begin = time.perf_counter()
        judgement: Judgement = judge.judge(clip, audio, quiet)
        seconds = time.perf_counter() - begin
    except Cancelled:
        raise
    except DeepSoundError as error:
        return JudgeAnswer(labelled, Verdict.UNDECIDED, error=str(error))
    return JudgeAnswer(labelled, judgement.verdict, judgement.category, seconds, _peak())


def _reset_peak() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak() -> int | None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:
        return None
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit

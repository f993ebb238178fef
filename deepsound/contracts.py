"""Contract checks on what engines return.

Each takes `who`, such as "The generator 'hum' of hum-pack 1.0", for its error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from deepsound.errors import EngineError
from deepsound.media.views import FrameConsumer
from deepsound.runtime.paths import exists
from deepsound.runtime.sample_memory import BLOCK, release_pages
from deepsound.types import Audio, ChainOfThought, Judgement, Plan, Span, Stems, Verdict

# More is a waveform that lies on its side: [samples, channels].
_MOST_CHANNELS = 64
_RATES_HZ = (1000, 768_000)
_REPORT = "report it to its author or choose another engine."


def require_sound(audio: object, who: str) -> Audio:
    """`audio`, if it is Audio with samples, all of them finite, at a whole rate. Raises EngineError otherwise."""
    if not isinstance(audio, Audio):
        raise _wrong_type(audio, "Audio", who)
    if not 1 <= audio.channels <= _MOST_CHANNELS or audio.samples == 0:
        raise EngineError(
            f"{who} returned a waveform of shape {list(audio.waveform.shape)}; expected [channels, "
            f"samples] with 1 to {_MOST_CHANNELS} channels and at least one sample; {_REPORT}"
        )
    lowest, highest = _RATES_HZ
    if not isinstance(audio.sample_rate, int) or not lowest <= audio.sample_rate <= highest:
        raise EngineError(
            f"{who} returned a sample rate of {audio.sample_rate!r}; expected a whole number (int) from "
            f"{lowest} to {highest} Hz; {_REPORT}"
        )
    if not _is_finite(audio):
        raise EngineError(
            f"{who} made samples that are not finite (NaN or infinite); try another seed or precision, "
            "or choose another engine."
        )
    return audio


def _is_finite(audio: Audio) -> bool:
    for first in range(0, audio.samples, BLOCK):
        # The least and the largest are NaN where any sample is.
        if not all(math.isfinite(float(edge)) for edge in audio.waveform[:, first : first + BLOCK].aminmax()):
            return False
        release_pages()
    return True


def check_stems(mix: Audio, stems: object, who: str) -> Stems:
    """`stems`, if they are Stems and both finite and shaped like the mix. Raises EngineError otherwise."""
    if not isinstance(stems, Stems):
        raise _wrong_type(stems, "Stems", who)
    for stem in (stems.voice, stems.background):
        require_sound(stem, who)
        if stem.waveform.shape != mix.waveform.shape or stem.sample_rate != mix.sample_rate:
            raise EngineError(
                f"{who} returned {list(stem.waveform.shape)} at {stem.sample_rate} Hz; expected the mix's "
                f"{list(mix.waveform.shape)} at {mix.sample_rate} Hz; {_REPORT}"
            )
    return stems


def require_plan(plan: object, who: str) -> Plan:
    """`plan`, if it is a Plan of lines of text. Raises EngineError otherwise."""
    if not isinstance(plan, Plan):
        raise _wrong_type(plan, "Plan", who)
    _require_all(plan.steps, str, "Plan.steps", who)
    _require(plan.raw, str, "Plan.raw", who)
    return plan


def require_judgement(judgement: object, who: str) -> Judgement:
    """`judgement`, if it is a Judgement whose fields are what they are said to be. Raises EngineError otherwise."""
    if not isinstance(judgement, Judgement):
        raise _wrong_type(judgement, "Judgement", who)
    _require(judgement.verdict, Verdict, "Judgement.verdict", who)
    _require(judgement.thought, ChainOfThought, "Judgement.thought", who)
    thought = judgement.thought
    texts = (judgement.category, judgement.raw, thought.summary, thought.caption, thought.reasoning, thought.conclusion)
    _require_all(texts, str, "a text of Judgement", who)
    spans = {name: getattr(judgement, name) for name in ("voice_spans", "still_mouth_spans")}
    for name, found in spans.items():
        _require_all(found, Span, f"Judgement.{name}", who)
    times_s = {name: [time for span in found for time in (span.start_s, span.end_s)] for name, found in spans.items()}
    for name, numbers in (*times_s.items(), ("people_times_s", judgement.people_times_s)):
        _require_all(numbers, (int, float), f"Judgement.{name}", who)
        if not all(map(math.isfinite, numbers)):
            raise EngineError(f"{who} returned a time in Judgement.{name} that is not finite; {_REPORT}")
    return judgement


def require_views(views: object, who: str) -> tuple[Any, ...]:
    """`views` as a tuple, if each can be started on a clip. Raises EngineError otherwise."""
    _require_all(views, object, "views", who)
    listed = tuple(cast(Sequence[Any], views))
    for view in listed:
        if not isinstance(view, FrameConsumer):
            raise _wrong_type(view, "a view of deepsound.media.views", who, "views")
    return listed


def require_notes(notes: object, who: str) -> tuple[str, ...]:
    """What `request_notes()` returned, if it is a sequence of texts. Raises EngineError otherwise."""
    _require_all(notes, str, "request_notes()", who)
    return tuple(cast(Sequence[str], notes))


def require_files(files: object, who: str) -> dict[str, Path]:
    """What `files()` returned, if it maps roles to existing files or folders. Raises EngineError otherwise."""
    if not isinstance(files, dict):
        raise _wrong_type(files, "a dict of role and path", who, "files()")
    for role, path in files.items():
        _require(role, str, "files()", who)
        _require(path, (str, Path), "files()", who)
        if not exists(path):
            raise EngineError(f"{who} names {path} in files(), which does not exist; {_REPORT}")
    return {role: Path(path) for role, path in files.items()}


def _require_all(values: object, kind: type | tuple[type, ...], field: str, who: str) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise _wrong_type(values, "a sequence", who, field)
    for value in values:
        _require(value, kind, field, who)


def _require(value: object, kind: type | tuple[type, ...], field: str, who: str) -> None:
    if not isinstance(value, kind):
        expected = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise _wrong_type(value, expected, who, field)


def _wrong_type(value: object, expected: str, who: str, field: str = "") -> EngineError:
    where = f" in {field}" if field else ""
    return EngineError(f"{who} returned {type(value).__name__}{where}; expected {expected}; {_REPORT}")

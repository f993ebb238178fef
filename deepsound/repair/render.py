"""Renders a repair by segments: removal, silence or fallback; the rest stays bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from deepsound.fallback import FallbackMode, FinalSound, fallback_mode
from deepsound.media.audio import fit_length, resample
from deepsound.media.loudness import measure, normalise
from deepsound.media.splice import covers, splice
from deepsound.repair.plan import KEEP, REMOVE
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import difference, zeros_like
from deepsound.segments import PAD_S, Segment
from deepsound.types import Audio, Silence, Span, Stems

# Makes the sound of a fallback mode for these spans.
Regenerate = Callable[[FallbackMode, tuple[Span, ...]], Audio]
# Whether a stretch is silent: (coarse sound, separated background) -> Silence.
Measure = Callable[[Audio, Audio], Silence]

MIXED = "mixed"


@dataclass(frozen=True)
class RepairResult:
    """The final sound (None: dropped), where it is from (as Outcome.final_from), and what was done in each segment."""

    final: Audio | None
    source: str
    segments: tuple[Segment, ...]


def treated_spans(segments: Sequence[Segment]) -> tuple[Span, ...]:
    """The spans in which anything is done, in order of time."""
    return tuple(segment.span for segment in segments if segment.action != KEEP)


def gate_stems(coarse: Audio, stems: Stems, spans: Sequence[Span]) -> Stems:
    """`stems` within `spans`; outside the background is the coarse sound bit for bit, and the voice is silence."""
    if covers(spans, coarse):
        return stems
    background = splice(coarse, stems.background, spans)
    return Stems(Audio(difference(coarse.waveform, background.waveform), coarse.sample_rate), background)


def with_actions(
    segments: Sequence[Segment],
    coarse: Audio,
    background: Audio,
    fallback: str,
    measure: Measure,
    progress: Progress = Progress(),
) -> tuple[tuple[Segment, ...], Silence]:
    """The segments with what is to be done in each, and the silence of all that were measured in one.

    Where the separated `background` is silent within a segment that is the fallback, else its removal. A segment whose
    action is chosen already is not measured. The silence in one is silent where each of them is.
    """
    decided: list[Segment] = []
    found: list[Silence] = []
    for segment in progress.track(segments, len(segments)):
        if segment.action:
            decided.append(segment)
            continue
        core = _core(segment.span, coarse.duration_s)
        quiet = measure(slice_audio(coarse, core), slice_audio(background, core))
        found.append(quiet)
        action = fallback if quiet.is_silent else REMOVE
        decided.append(replace(segment, action=action, silence_ratio=quiet.ratio))
    frames = sum(quiet.frames for quiet in found)
    ratio = sum(quiet.ratio * quiet.frames for quiet in found) / frames if frames else 0.0
    return tuple(decided), Silence(bool(found) and all(quiet.is_silent for quiet in found), ratio, frames)


def slice_audio(audio: Audio, span: Span) -> Audio:
    """The stretch `span` of a sound, as a view of its samples."""
    first, last = (round(time_s * audio.sample_rate) for time_s in (span.start_s, span.end_s))
    return replace(audio, waveform=audio.waveform[:, max(first, 0) : max(last, 0)])


def _core(span: Span, duration_s: float) -> Span:
    """A span without its ends, unless the clip ends there: padding and crossfades hold sound without voice.

    At most a quarter is left out on either side, so that of a short span something is measured.
    """
    edge_s = min(PAD_S, span.duration_s / 4)
    start_s = span.start_s + edge_s if span.start_s > 0 else span.start_s
    return Span(start_s, span.end_s - edge_s if span.end_s < duration_s else span.end_s)


def apply_actions(
    coarse: Audio, background: Audio, segments: Sequence[Segment], regenerate: Regenerate
) -> RepairResult:
    """The coarse sound, in each segment with what its action makes of it; `background` is the separated sound.

    Every mode is carried out once for all of its spans. A sound of another generation is joined at equal power, a
    version of the coarse sound at equal gain. Where one action covers the whole clip, the result is what it gives for a
    clip without segments.
    """
    final, sources = coarse, set[str]()
    for action, spans in _by_action(segments).items():
        mode = None if action == REMOVE else fallback_mode(action, "action")
        made = FinalSound(background, "background")
        if mode is not None:
            made = mode.rule(coarse, partial(regenerate, mode, spans))
        if covers(spans, coarse):
            return RepairResult(made.audio, made.source, tuple(segments))
        sources.add(made.source)
        filling = silence_of(coarse) if made.audio is None else match_format(made.audio, coarse)
        final = splice(final, filling, spans, equal_power=mode is not None and mode.regenerates and not mode.masks)
    return RepairResult(final, _source(sources), tuple(segments))


def _by_action(segments: Sequence[Segment]) -> dict[str, tuple[Span, ...]]:
    """The spans of each action that changes anything, those that touch joined."""
    found: dict[str, list[Span]] = {}
    for segment in segments:
        if segment.action == KEEP:
            continue
        spans = found.setdefault(segment.action, [])
        if spans and segment.span.start_s <= spans[-1].end_s:
            spans[-1] = Span(spans[-1].start_s, max(spans[-1].end_s, segment.span.end_s))
        else:
            spans.append(segment.span)
    return {action: tuple(spans) for action, spans in found.items()}


def match_format(audio: Audio, like: Audio) -> Audio:
    """`audio` at the rate, with the channels and of the length of `like`, as loud in these channels as in its own."""
    fitted = fit_length(resample(audio, like.sample_rate), like.samples)
    if fitted.channels == like.channels:
        return replace(fitted, layout=like.layout)
    mono = fitted.waveform.mean(dim=0, keepdim=True)
    mixed = Audio(mono.repeat(like.channels, 1), like.sample_rate, like.layout)
    # A wide stereo sound loses 3 dB and more as the mean of its channels.
    loudness = measure(fitted).integrated_lufs
    return mixed if loudness is None else normalise(mixed, loudness)


def silence_of(audio: Audio) -> Audio:
    """Digital silence of the form of `audio`."""
    return replace(audio, waveform=zeros_like(audio.waveform))


def _source(sources: set[str]) -> str:
    """Where a sound is from that is the coarse one outside its segments; none of it is removed as a whole."""
    if not sources:
        return "coarse"
    return next(iter(sources)) if len(sources) == 1 and "removed" not in sources else MIXED

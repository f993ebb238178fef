"""Aggregates features into a set's report: scores, voice by group, levels, clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from deepsound.evaluate.clips import ON_SCREEN, VOICE_OVER, ClipFiles, ClipListing
from deepsound.evaluate.extraction import ExtractedFeatures
from deepsound.evaluate.metrics import MetricInputs, MetricScore, by_clip
from deepsound.evaluate.pairing import pair
from deepsound.evaluate.report import EVERYONE, ClipRow, LevelSummary, ReferenceReport, SetReport, VoiceRate
from deepsound.evaluate.sounds import Levels, Voice, levels_of, voice_of
from deepsound.runtime.digests import digest_of

BEFORE, AFTER = "before", "after"


def set_report(name: str, found: ClipListing, material: MetricInputs, scores: Mapping[str, MetricScore]) -> SetReport:
    """What one set's features say, beside the scores that have been made of them."""
    features, clips = material.features, found.clips
    paired = pair(clips, material.reference)
    levels = _levels(clips, features)
    return SetReport(
        name,
        found.place,
        len(clips),
        len(paired.pairs),
        scores,
        _voice(clips, features),
        LevelSummary.of(levels.values()) if levels else None,
        _rows(material, scores, levels),
        paired.only_predicted if material.reference else (),
        paired.only_reference,
    )


def reference_report(found: ClipListing, name: str, features: ExtractedFeatures) -> ReferenceReport:
    """What was compared with; its fingerprint is of its clips' names and contents."""
    clips = sorted(found.clips.items())
    contents = (part for clip, files in clips for part in (clip, features.digests.get(files.sound, "unread")))
    voices = _voices(((clip, files.sound) for clip, files in clips), features)
    return ReferenceReport(
        name, found.place, len(clips), digest_of(*contents)[:12], VoiceRate.of(voices.values()) if voices else None
    )


def _voice(clips: Mapping[str, ClipFiles], features: ExtractedFeatures) -> dict[str, dict[str, VoiceRate]]:
    """Before and after, each for all clips and then by group; a moment of which nothing is known is left out."""
    moments = {
        BEFORE: ((name, clip.before) for name, clip in clips.items()),
        AFTER: ((name, clip.sound) for name, clip in clips.items()),
    }
    voices = {moment: _voices(files, features) for moment, files in moments.items()}
    return {moment: _by_group(known, clips) for moment, known in voices.items() if known}


def _by_group(voices: Mapping[str, Voice], clips: Mapping[str, ClipFiles]) -> dict[str, VoiceRate]:
    groups = {clips[name].group for name in voices} - {""}
    order = sorted(groups, key=lambda group: ((VOICE_OVER, ON_SCREEN, group).index(group), group))
    rates = {EVERYONE: VoiceRate.of(voices.values())}
    for group in order:
        rates[group] = VoiceRate.of(voice for name, voice in voices.items() if clips[name].group == group)
    return rates


def _voices(files: Iterable[tuple[str, Path | None]], features: ExtractedFeatures) -> dict[str, Voice]:
    found = ((name, features.get("voice", file)) for name, file in files)
    return {name: voice_of(outputs) for name, outputs in found if outputs is not None}


def _levels(clips: Mapping[str, ClipFiles], features: ExtractedFeatures) -> dict[str, Levels]:
    found = ((name, features.get("levels", clip.sound)) for name, clip in clips.items())
    return {name: levels_of(outputs) for name, outputs in found if outputs is not None}


def _rows(
    material: MetricInputs, scores: Mapping[str, MetricScore], levels: Mapping[str, Levels]
) -> tuple[ClipRow, ...]:
    clips, features = material.predicted, material.features
    numbers: dict[str, dict[str, float]] = {name: {} for name in clips}
    for metric, values in by_clip(material, list(scores)).items():
        for name, value in values.items():
            numbers[name][metric] = value
    for moment, files in (
        ("_before", {name: clip.before for name, clip in clips.items()}),
        ("", {name: clip.sound for name, clip in clips.items()}),
    ):
        for name, voice in _voices(files.items(), features).items():
            numbers[name] |= {f"voice{moment}_s": voice.voice_s, f"voice{moment}_share": voice.rate}
            numbers[name]["duration_s"] = voice.duration_s
    for name, level in levels.items():
        measured = {
            "lufs": level.loudness.integrated_lufs,
            "true_peak_dbtp": level.loudness.true_peak_dbtp,
            "silence_ratio": level.silence_ratio,
        }
        numbers[name] |= {key: value for key, value in measured.items() if value is not None}
    return tuple(ClipRow(name, clip.sound, clip.video, clip.group, numbers[name]) for name, clip in clips.items())

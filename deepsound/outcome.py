"""Outcome of a run in memory: engines chosen, steps, sounds, weights read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepsound.segments import Segment
from deepsound.types import Audio, GenerationRequest, Judgement, Plan, Silence, Stems

# Names of the tables MODES and UNDECIDED of deepsound.choices, and FALLBACKS of deepsound.fallback.
Mode = str
Fallback = str
# What an undecided verdict counts as; "no" keeps the coarse audio, the safe branch.
Undecided = str


@dataclass(frozen=True)
class Choice:
    """An engine by name and, where `auto` chose it, why."""

    name: str
    why: str = ""


@dataclass(frozen=True)
class Choices:
    """The three engines of a run."""

    generator: Choice
    reasoner: Choice
    separator: Choice


@dataclass(frozen=True)
class Step:
    """A step that was taken: its name, how long it took and what came of it."""

    name: str
    seconds: float
    note: str


@dataclass(frozen=True)
class WeightsFile:
    """A file that an engine's networks were read from, and what it was for."""

    engine: str
    role: str
    path: Path


@dataclass(frozen=True)
class Outcome:
    """Everything one run decided and made, in memory; what a step not taken would have made is None.

    `final` is None when the fallback `rm` dropped the sound; `final_from` says which sound became final: coarse,
    background, regenerated, removed, or mixed where segments differ. `segments` say what was done where, in the whole
    clip or, with the `scope` "segments", in each voiced span. `regenerated_by` is the engine that generated
    again. `notes` say in sentences what of the request was not used, replaced or could not be had. `takes` are the
    records of several ranked takes, of which `coarse` is the chosen one; empty for a single take. `engine_settings` are
    what the engines that ran work with beside the request, by engine. `voice_decision` is a person's ("auto": as
    judged), `removal_db` and `keep_ambience` how much of a voice was to go (None: all) and whether room tone fills in.
    """

    choices: Choices
    request: GenerationRequest
    mode: Mode
    fallback: Fallback
    plan: Plan
    coarse: Audio
    judgement: Judgement
    undecided: Undecided = "no"
    stems: Stems | None = None
    silence: Silence | None = None
    regenerated: Audio | None = None
    final: Audio | None = None
    final_from: str = ""
    steps: tuple[Step, ...] = ()
    weights: tuple[WeightsFile, ...] = ()
    regenerated_by: Choice | None = None
    notes: tuple[str, ...] = ()
    takes: tuple[dict[str, Any], ...] = ()
    scope: str = "segments"
    segments: tuple[Segment, ...] = ()
    preset: str = ""
    engine_settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    voice_decision: str = "auto"
    removal_db: float | None = None
    keep_ambience: bool = False

    @property
    def is_voice_over(self) -> bool:
        """Whether anything was to be repaired: in any segment, or by the verdict on the clip where there are none."""
        if self.segments:
            return any(segment.action != "keep" for segment in self.segments)
        return self.verdict_is_voice_over

    @property
    def verdict_is_voice_over(self) -> bool:
        """What the verdict means; one that is undecided takes the branch that was chosen for it."""
        return self.judgement.counts_as_voice_over(self.undecided)

"""One run of DeepSound-V1's four steps: results, times and notes of each.

arXiv 2503.22208, Figure 2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from deepsound import choices as tables
from deepsound import engines
from deepsound.media.clip import Clip
from deepsound.outcome import Choices, Fallback, Mode, Outcome, Step, Undecided, WeightsFile
from deepsound.presets import PRESETS, Preset
from deepsound.rank.best_of import PickedTake, TakeOptions, best_of
from deepsound.reason.decided import JUDGED, DecidedReasoner
from deepsound.repair.steps import RepairSteps, describe
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.segments import Segment
from deepsound.selection import check_later_files
from deepsound.separate.removal import RemovalSettings
from deepsound.types import Audio, GenerationRequest, Judgement, Preferences, SeparationSettings, Verdict

T = TypeVar("T")
# Engines of small networks, or of none, which no precision changes.
_ALWAYS_FP32 = frozenset({"draft", "source", "rules", "dtln", "spectral"})
# Figure 4's cases in words, after their names.
_CASES = {
    "Yes": "Yes: a voice that comes from nobody in the picture",
    "No1": "No1: neither a voice nor a person",
    "No2": "No2: a voice and a person",
    "No3": "No3: a person and no voice",
}


@dataclass
class PipelineRun:
    """One pass through the steps, collecting how long each took."""

    clip: Clip
    request: GenerationRequest
    choices: Choices
    execution: Execution
    preferences: Preferences
    undecided: Undecided
    progress: Progress
    steps: list[Step] = field(default_factory=list)
    weights: dict[str, tuple[WeightsFile, ...]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    engine_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    separation: SeparationSettings = SeparationSettings()
    preset: Preset = PRESETS[0]
    takes: TakeOptions = TakeOptions()
    generator_settings: Mapping[str, object] = field(default_factory=dict)
    scope: str = tables.SCOPE_NAMES[0]
    given: tuple[Segment, ...] | None = None
    voice_decision: str = JUDGED
    removal: RemovalSettings = RemovalSettings()

    def __post_init__(self) -> None:
        listener = self.progress.on_event

        def listen(event: ProgressEvent) -> None:
            if event.is_note:
                self.notes[event.text] = None
            listener(event)

        self.progress = replace(self.progress, on_event=listen)

    def all_steps(self, mode: Mode, fallback: Fallback) -> Outcome:
        generator = engines.generator(self.choices.generator.name, self.execution.unquantised)
        reasoner = engines.reasoner(self.choices.reasoner.name, self.execution, self.preferences)
        repair = RepairSteps(self, generator)
        repair.check(mode, fallback)
        judge = self._judge(reasoner)
        judges = judge is reasoner or self.preferences.model_plan
        check_later_files(self.choices, self.execution, self.separation, self._may_separate, judges)
        self._adjust(generator)
        self.clip.expect(*engines.views(generator), *engines.views(judge))
        for note in self.clip.notes:
            self.progress.note(note)
        self.note_unused(generator, self.request)
        plan = self.run_step("plan", lambda p: reasoner.plan(self.clip, p), lambda plan: f"{len(plan.steps)} steps")
        asked, best = self.request, self._best_take(generator)
        self.request, coarse = best.request, best.audio
        judgement = self.run_step("judge", lambda p: judge.judge(self.clip, coarse, p), self._describe_judgement)
        if judges:
            self.note_use(self.choices.reasoner.name, reasoner)
        outcome = Outcome(self.choices, asked, mode, fallback, plan, coarse, judgement, self.undecided)
        outcome = replace(outcome, takes=tuple(best.ranking.records()) if best.ranking is not None else ())
        outcome = replace(outcome, scope=self.scope, segments=repair.segments(outcome, judge))
        outcome = repair.take(outcome)
        weights = tuple(chain.from_iterable(self.weights.values()))
        return replace(
            outcome,
            steps=tuple(self.steps),
            weights=weights,
            notes=tuple(self.notes),
            preset=self.preset.name,
            engine_settings=self.engine_settings,
            voice_decision=self.voice_decision,
            removal_db=self.removal.db,
            keep_ambience=self.removal.keep_ambience,
        )

    @property
    def _may_separate(self) -> bool:
        """Whether anything may be left to the separator."""
        return self.given != () and self.voice_decision != "never"

    def _judge(self, reasoner: engines.Reasoner) -> engines.Reasoner:
        """The reasoner, or its stand-in where the voice decision leaves nothing to judge, which is noted."""
        if self.voice_decision == JUDGED:
            return reasoner
        self.progress.note(f"The voice decision is {self.voice_decision!r}: no judge is asked.")
        if self.voice_decision == "never" and self.given:
            self.progress.note("The span list is not used: the voice decision 'never' keeps the sound as it is.")
            self.given = ()
        return DecidedReasoner(reasoner, self.voice_decision)

    def _best_take(self, generator: engines.Generator) -> PickedTake:
        """The coarse sound, best of several where that is asked for."""

        def work(progress: Progress) -> PickedTake:
            execution = self.execution.unquantised
            return best_of(
                lambda request, part: self.generate(generator, request, part),
                self.request,
                self.clip,
                self.takes,
                execution,
                progress,
            )

        return self.run_step("generate", work, lambda best: ", ".join(filter(None, (describe(best.audio), best.note))))

    def _adjust(self, generator: engines.Generator) -> None:
        """Give a generator its settings, and say whose are not used."""
        name = self.choices.generator.name
        if name in self.generator_settings:
            engines.require_settings(generator, name).adjust(self.generator_settings[name])
        for note in settings_notes(self.generator_settings, name):
            self.progress.note(note)

    def note_unused(self, generator: engines.Generator, request: GenerationRequest) -> None:
        notes = generator_notes(generator, self.choices.generator.name, request, self.execution)
        for note in (*notes, *precision_notes(self.choices, self.execution)):
            self.progress.note(note)

    def generate(
        self, generator: engines.Generator, request: GenerationRequest, progress: Progress, name: str = ""
    ) -> Audio:
        name = name or self.choices.generator.name
        audio = generator.generate(self.clip, request, progress)
        self.note_use(name, generator)
        return engines.require_sound(audio, name)

    def _describe_judgement(self, judgement: Judgement) -> str:
        answer = {
            Verdict.YES: "voice-over",
            Verdict.NO: "no voice-over",
            Verdict.UNDECIDED: f"undecided, taken as {self.undecided}",
        }
        case = _CASES.get(judgement.category, judgement.category)
        return answer[judgement.verdict] + (f" ({case})" if case else "")

    def note_use(self, name: str, engine: object) -> None:
        """Keep what an engine that ran has read and worked with."""
        if settings := engines.settings_in_use(engine):
            self.engine_settings[name] = settings
        if used := engines.files(engine):
            self.weights[name] = tuple(WeightsFile(name, role, path) for role, path in used.items())

    def run_step(self, name: str, work: Callable[[Progress], T], describe: Callable[[T], str]) -> T:
        stage = self.progress.at(name)
        began = time.perf_counter()
        made = work(stage)
        step = Step(name, time.perf_counter() - began, describe(made))
        self.steps.append(step)
        stage.finish(step.note, step.seconds)
        return made


def settings_notes(settings: Mapping[str, object], generator: str) -> tuple[str, ...]:
    """One sentence for each generator whose own settings were given and which is not the one of the run."""
    return tuple(
        f"The settings for {owner} are not used: the generator is {generator}."
        for owner in settings
        if owner != generator
    )


def generator_notes(engine: object, name: str, request: GenerationRequest, execution: Execution) -> tuple[str, ...]:
    """What of a request and of how it is to be run a generator will not use: one sentence each."""
    return (*engines.request_notes(engine, request), *engines.compile_notes(engine, name, execution))


def precision_notes(choices: Choices, execution: Execution) -> tuple[str, ...]:
    """One sentence where another precision than fp32 is asked for, and no engine of the run computes in it."""
    names = [choice.name for choice in (choices.generator, choices.reasoner, choices.separator)]
    if execution.precision in ("auto", "fp32") or not set(names) <= _ALWAYS_FP32:
        return ()
    return (f"The precision {execution.precision} is not used: {', '.join(names)} compute in fp32.",)

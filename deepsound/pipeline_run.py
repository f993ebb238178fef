"""One pass through the four steps of DeepSound-V1: what each made, how long it took, what is to be said.

arXiv 2503.22208, Figure 2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from deepsound import choices as tables
from deepsound import engines, silence
from deepsound.fallback import NEG_PROMPT, final_sound, without_voice
from deepsound.media.clip import Clip
from deepsound.outcome import Choice, Choices, Fallback, Mode, Outcome, Step, Undecided, WeightsFile
from deepsound.rank.best_of import BestTake, TakeOptions, best_of
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.types import (
    Audio,
    GenerationRequest,
    Judgement,
    Preferences,
    SeparationSettings,
    Silence,
    Stems,
    Verdict,
)

T = TypeVar("T")

# Generates again where the run's own generator cannot avoid voices: it is always at hand, and knows no voices.
REGENERATOR = "draft"


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
    separation: SeparationSettings = SeparationSettings()
    replaces_negative_prompt: bool = False
    takes: TakeOptions = TakeOptions()
    generator_settings: Mapping[str, object] = field(default_factory=dict)

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
        self._adjust(generator)
        self.clip.expect(*engines.views(generator), *engines.views(reasoner))
        for note in self.clip.notes:
            self.progress.note(note)
        self._note_unused(generator, self.request)
        plan = self._timed("plan", lambda p: reasoner.plan(self.clip, p), lambda plan: f"{len(plan.steps)} steps")
        asked, best = self.request, self._best_take(generator)
        self.request, coarse = best.request, best.audio
        judgement = self._timed("judge", lambda p: reasoner.judge(self.clip, coarse, p), self._describe_judgement)
        self._note_weights(self.choices.reasoner.name, reasoner)
        outcome = Outcome(self.choices, asked, mode, fallback, plan, coarse, judgement, self.undecided)
        outcome = replace(outcome, takes=tuple(best.ranking.records()) if best.ranking is not None else ())
        if outcome.is_voice_over:
            outcome = self._repair(outcome, generator)
        else:
            outcome = replace(outcome, final=coarse, final_from="coarse")
        weights = tuple(chain.from_iterable(self.weights.values()))
        return replace(outcome, steps=tuple(self.steps), weights=weights, notes=tuple(self.notes))

    def _best_take(self, generator: engines.Generator) -> BestTake:
        """The coarse sound, best of several where that is asked for."""

        def work(progress: Progress) -> BestTake:
            execution = self.execution.unquantised
            return best_of(
                lambda request, part: self._generate(generator, request, part),
                self.request,
                self.clip,
                self.takes,
                execution,
                progress,
            )

        return self._timed("generate", work, lambda best: ", ".join(filter(None, (_describe(best.audio), best.note))))

    def _repair(self, outcome: Outcome, generator: engines.Generator) -> Outcome:
        name = self.choices.separator.name
        separator = engines.separator(name, self.execution.unquantised, self.separation)
        for note in engines.separation_notes(separator, name, self.separation):
            self.progress.note(note)
        self._note_weights(self.choices.separator.name, separator)
        stems = self._timed("remove", lambda p: self._separate(separator, outcome.coarse, p), lambda _: "voice removed")
        outcome = replace(outcome, stems=stems, final=stems.background, final_from="background")
        if not tables.option("mode", outcome.mode, tables.MODES).falls_back:
            return outcome
        quiet = self._timed("silence", lambda p: self._silence(outcome.coarse, stems, p), _describe_silence)
        return self._fall_back(replace(outcome, silence=quiet), stems, quiet, generator)

    def _silence(self, coarse: Audio, stems: Stems, progress: Progress) -> Silence:
        """By the published rule alone where the published settings are asked for, else against the removed voice."""
        if self.preferences.published_parser:
            return silence.measure(stems.background, progress=progress)
        return silence.measure_residue(coarse, stems.background, progress=progress)

    def _fall_back(self, outcome: Outcome, stems: Stems, quiet: Silence, generator: engines.Generator) -> Outcome:
        again: list[tuple[Audio, Choice]] = []

        def regenerate() -> Audio:
            again.append(self._regenerated(generator))
            return again[0][0]

        final = final_sound(outcome.coarse, stems.background, quiet.is_silent, outcome.fallback, regenerate)
        if quiet.is_silent and final.source == "coarse":
            self.progress.note(
                "Nothing audible is left without the voice, so the fallback "
                f"{outcome.fallback!r} keeps the coarse sound as it is, voice and all."
            )
        audio, by = again[0] if again else (None, None)
        return replace(outcome, final=final.audio, final_from=final.source, regenerated=audio, regenerated_by=by)

    def _regenerated(self, generator: engines.Generator) -> tuple[Audio, Choice]:
        """The sound of a second request without voices, and the engine that made it."""
        by = self.choices.generator
        own = self.request.negative_prompt
        request = replace(self.request, negative_prompt=without_voice(own, self.replaces_negative_prompt))
        if self.replaces_negative_prompt and own.strip():
            self.progress.note(f"Generated again with the negative prompt {NEG_PROMPT!r} in place of {own!r}.")
        if not engines.uses_negative_prompt(generator):
            by = Choice(REGENERATOR, f"{by.name!r} cannot generate again without voices")
            generator = engines.generator(by.name, self.execution.unquantised)
            self.progress.note(f"Nothing audible is left without the voice, and {by.why}: {by.name!r} made the sound.")
            self._note_unused(generator, request)
        audio = self._timed("generate again", lambda p: self._generate(generator, request, p, by.name), _describe)
        return audio, by

    def _adjust(self, generator: engines.Generator) -> None:
        """Give a generator its settings, and say whose are not used."""
        name = self.choices.generator.name
        for owner, settings in self.generator_settings.items():
            if owner == name:
                engines.require_settings(generator, name).adjust(settings)
            else:
                self.progress.note(f"The settings for {owner} are not used: the generator is {name}.")

    def _note_unused(self, generator: engines.Generator, request: GenerationRequest) -> None:
        for note in engines.request_notes(generator, request):
            self.progress.note(note)

    def _generate(
        self, generator: engines.Generator, request: GenerationRequest, progress: Progress, name: str = ""
    ) -> Audio:
        name = name or self.choices.generator.name
        audio = generator.generate(self.clip, request, progress)
        self._note_weights(name, generator)
        return engines.require_sound(audio, name)

    def _separate(self, separator: engines.Separator, mix: Audio, progress: Progress) -> Stems:
        return engines.check_stems(mix, separator.separate(mix, progress), self.choices.separator.name)

    def _describe_judgement(self, judgement: Judgement) -> str:
        answer = {
            Verdict.YES: "voice-over",
            Verdict.NO: "no voice-over",
            Verdict.UNDECIDED: f"undecided, taken as {self.undecided}",
        }
        return answer[judgement.verdict] + (f" ({judgement.category})" if judgement.category else "")

    def _note_weights(self, name: str, engine: object) -> None:
        if used := engines.files(engine):
            self.weights[name] = tuple(WeightsFile(name, role, path) for role, path in used.items())

    def _timed(self, name: str, work: Callable[[Progress], T], describe: Callable[[T], str]) -> T:
        stage = self.progress.at(name)
        began = time.perf_counter()
        made = work(stage)
        step = Step(name, time.perf_counter() - began, describe(made))
        self.steps.append(step)
        stage.finish(step.note, step.seconds)
        return made


def _describe(audio: Audio) -> str:
    return f"{audio.duration_s:.2f} s, {audio.channels} channel{'s' * (audio.channels > 1)}, {audio.sample_rate} Hz"


def _describe_silence(quiet: Silence) -> str:
    return f"{'silent' if quiet.is_silent else 'not silent'}, {quiet.ratio:.0%} of frames below the threshold"

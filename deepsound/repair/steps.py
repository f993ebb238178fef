"""Steps 3 and 4 of a run by segments: plan, removal, silence rule and fallback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from deepsound import choices as tables
from deepsound import engines, silence
from deepsound.errors import Cancelled, DeepSoundError
from deepsound.fallback import FALLBACKS, NEG_PROMPT, FallbackMode, without_voice
from deepsound.media.splice import covers, splice
from deepsound.outcome import Choice, Choices, Fallback, Mode, Outcome
from deepsound.presets import Preset
from deepsound.repair.plan import REMOVE, plan_segments, resolve_undecided, voiced_spans
from deepsound.repair.render import apply_actions, gate_stems, match_format, treated_spans, with_actions
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment
from deepsound.selection import EMBEDDED, choose_regenerator
from deepsound.separate.removal import RemovalSettings, apply_removal
from deepsound.types import Audio, GenerationRequest, Preferences, SeparationSettings, Silence, Span, Stems

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

T = TypeVar("T")


class Run(Protocol):
    """What the steps need of the run they belong to."""

    clip: Clip
    request: GenerationRequest
    choices: Choices
    execution: Execution
    preferences: Preferences
    progress: Progress
    scope: str
    given: tuple[Segment, ...] | None
    separation: SeparationSettings
    preset: Preset
    removal: RemovalSettings

    def run_step(self, name: str, work: Callable[[Progress], T], describe: Callable[[T], str]) -> T: ...

    def generate(
        self, generator: engines.Generator, request: GenerationRequest, progress: Progress, name: str = ""
    ) -> Audio: ...

    def note_use(self, name: str, engine: object) -> None: ...

    def note_unused(self, generator: engines.Generator, request: GenerationRequest) -> None: ...


class RepairSteps:
    """Steps 3 and 4 of `run`, whose coarse sound `generator` made."""

    def __init__(self, run: Run, generator: engines.Generator) -> None:
        self._run = run
        self._generator = generator

    def check(self, mode: Mode, fallback: Fallback) -> None:
        """Raise InputError for a fallback that the generator cannot carry out, before any work."""
        actions = {segment.action for segment in self._run.given or ()}
        if tables.option("mode", mode, tables.MODES).falls_back:
            actions.add(fallback)
        if any(row.masks and row.name in actions for row in FALLBACKS):
            engines.require_avoiding(self._generator, self._run.choices.generator.name)

    def segments(self, outcome: Outcome, reasoner: engines.Reasoner) -> tuple[Segment, ...]:
        """What is to be repaired: the given spans, the whole clip, or the voiced spans with a verdict on each."""
        coarse, undecided_is_voice = outcome.coarse, outcome.undecided == "yes"
        if self._run.given is not None:
            return resolve_undecided(self._run.given, undecided_is_voice)
        if not tables.option("scope", self._run.scope, tables.SCOPES).by_span:
            whole = Segment(Span(0.0, coarse.duration_s), outcome.judgement.verdict, "", "the scope is the clip")
            return (whole,) if outcome.verdict_is_voice_over else ()
        found = plan_segments(
            coarse,
            outcome.judgement,
            outcome.verdict_is_voice_over,
            engines.span_verdicts(reasoner),
            self._run.progress.at("judge"),
        )
        return resolve_undecided(found, undecided_is_voice)

    def take(self, outcome: Outcome) -> Outcome:
        """The outcome with its final sound; without a segment to repair that is the coarse one."""
        coarse, spans = outcome.coarse, treated_spans(outcome.segments)
        if not spans:
            return replace(outcome, final=coarse, final_from="coarse")
        name = self._run.choices.separator.name
        separator = engines.separator(name, self._run.execution.unquantised, self._run.separation)
        for note in engines.separation_notes(separator, name, self._run.separation):
            self._run.progress.note(note)
        stems = self._run.run_step(
            "remove",
            lambda p: self._separate(separator, coarse, name, p),
            lambda _: self._how_removed() + ("" if covers(spans, coarse) else f" in {_total(spans)}"),
        )
        self._run.note_use(name, separator)
        outcome = replace(outcome, stems=gate_stems(coarse, stems, spans))
        if not tables.option("mode", outcome.mode, tables.MODES).falls_back:
            removed = tuple(replace(each, action=each.action or REMOVE) for each in outcome.segments)
            return self._render(replace(outcome, segments=removed), stems)
        segments, quiet = self._run.run_step(
            "silence", lambda p: self._measure_silence(outcome, stems, p), lambda found: _describe_silence(found[1])
        )
        return self._render(replace(outcome, segments=segments, silence=quiet), stems)

    def _separate(self, separator: engines.Separator, coarse: Audio, name: str, progress: Progress) -> Stems:
        stems = engines.check_stems(coarse, separator.separate(coarse, progress), name)
        return apply_removal(coarse, stems, self._run.removal, progress)

    def _how_removed(self) -> str:
        removal = self._run.removal
        depth = "voice removed" if not removal.lets_through else f"voice {removal.db:g} dB lower"
        return depth + (", ambience kept" if removal.keep_ambience else "")

    def _measure_silence(
        self, outcome: Outcome, stems: Stems, progress: Progress
    ) -> tuple[tuple[Segment, ...], Silence]:
        """By the published rule alone where the published settings are asked for, else against the removed voice."""
        quietly = Progress(check=progress.check)

        def measure(coarse: Audio, background: Audio) -> Silence:
            if self._run.preferences.published_parser:
                return silence.measure(background, progress=quietly)
            return silence.measure_residue(coarse, background, progress=quietly)

        return with_actions(outcome.segments, outcome.coarse, stems.background, outcome.fallback, measure, progress)

    def _render(self, outcome: Outcome, stems: Stems) -> Outcome:
        """The final sound by the segments' actions; `stems` are those of the whole sound."""
        again: list[tuple[Audio, Choice]] = []

        def regenerate(mode: FallbackMode, spans: tuple[Span, ...]) -> Audio:
            again.append(self._regenerate_masked(outcome, spans) if mode.masks else self._without_voice())
            return again[-1][0]

        made = apply_actions(outcome.coarse, stems.background, outcome.segments, regenerate)
        self._note_kept(outcome)
        audio, by = again[-1] if again else (None, None)
        # Where nothing but the removal was done, the background is the final sound.
        final = outcome.stems.background if outcome.stems and made.source == "background" else made.final
        return replace(outcome, final=final, final_from=made.source, regenerated=audio, regenerated_by=by)

    def _note_kept(self, outcome: Outcome) -> None:
        """Say where a fallback leaves the voice in the final sound."""
        keeping = {row.name for row in FALLBACKS if row.keeps_voice}
        spans = tuple(
            each.span for each in outcome.segments if each.action in keeping and each.silence_ratio is not None
        )
        if not spans:
            return
        where = "" if covers(spans, outcome.coarse) else f" in {_total(spans)}"
        self._run.progress.note(
            f"Nothing audible is left without the voice{where}, so the fallback {outcome.fallback!r} keeps the coarse "
            "sound as it is, voice and all."
        )

    def _without_voice(self) -> tuple[Audio, Choice]:
        """The sound of a second request without voices, and the engine that made it."""
        run, generator, by = self._run, self._generator, self._run.choices.generator
        own = run.request.negative_prompt
        request = replace(run.request, negative_prompt=without_voice(own, run.preset.replaces_negative_prompt))
        if run.preset.replaces_negative_prompt and own.strip():
            run.progress.note(f"Generated again with the negative prompt {NEG_PROMPT!r} in place of {own!r}.")
        if not engines.uses_negative_prompt(generator):
            by = choose_regenerator(by.name, run.preset, run.execution)
            return self._by_another(by, request)
        return run.run_step("generate again", lambda p: run.generate(generator, request, p, by.name), describe), by

    def _by_another(self, by: Choice, request: GenerationRequest) -> tuple[Audio, Choice]:
        """The sound of a generator that was not chosen for the run; of the embedded one where that cannot make it."""
        run, generator = self._run, engines.generator(by.name, self._run.execution.unquantised)
        run.note_unused(generator, request)
        try:
            made = run.run_step("generate again", lambda p: run.generate(generator, request, p, by.name), describe)
        except DeepSoundError as error:
            if isinstance(error, Cancelled) or by.name == EMBEDDED["generator"]:
                raise
            failed = f"{by.why}, but {by.name!r} failed ({str(error).rstrip('.')})"
            return self._by_another(Choice(EMBEDDED["generator"], failed), request)
        run.progress.note(f"Nothing audible is left without the voice, and {by.why}: {by.name!r} made the sound.")
        return made, by

    def _regenerate_masked(self, outcome: Outcome, spans: tuple[Span, ...]) -> tuple[Audio, Choice]:
        """The coarse sound with `spans` made anew from a picture that is hidden there; of a whole clip, its voices."""
        run, coarse, by = self._run, outcome.coarse, self._run.choices.generator
        if covers(spans, coarse):
            spans = voiced_spans(coarse, outcome.judgement.voice_spans, run.progress) or spans
        request = replace(run.request, avoid=(*run.request.avoid, *spans))
        work = partial(engines.regenerate, self._generator, run.clip, coarse, spans, request)
        made = run.run_step("generate again", lambda p: engines.require_sound(work(p), by.name), describe)
        run.note_use(by.name, self._generator)
        return splice(coarse, match_format(made, coarse), spans), by


def describe(audio: Audio) -> str:
    """Length, channels and rate of a sound in words."""
    return f"{audio.duration_s:.2f} s, {audio.channels} channel{'s' * (audio.channels > 1)}, {audio.sample_rate} Hz"


def _describe_silence(quiet: Silence) -> str:
    verdict = "silent" if quiet.is_silent else "not silent"
    return f"{verdict}, {quiet.ratio:.0%} of frames below the threshold"


def _total(spans: tuple[Span, ...]) -> str:
    return f"{len(spans)} span{'s' * (len(spans) > 1)} ({sum(span.duration_s for span in spans):.1f} s)"

"""DeepSoundSilenceFallback: step 4, the choice of the final sound by lazy inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from comfy_api.latest import io

from deepsound.choices import SCOPE_NAMES
from deepsound.errors import InputError
from deepsound.fallback import FALLBACKS, NEG_PROMPT, FallbackMode, FinalSound, fallback_mode
from deepsound.media.splice import covers
from deepsound.repair.plan import ACTIONS
from deepsound.repair.render import apply_actions, match_format, treated_spans, with_actions
from deepsound.segments import Segment
from deepsound.silence import measure_residue
from deepsound.types import Audio, Span

from . import comfy_host
from .convert import silence_like
from .listen import with_players
from .schema import option_input, output, schema
from .span_lists import (
    scope_input,
    segments_input,
    segments_json,
    segments_of,
    segments_output,
    spans_to_avoid,
    spans_ui,
)
from .takes import Takes, as_list, at, for_each_take, take_stage

# What is to be connected for a mode that generates again, by whether it holds the rest of the sound.
_MAKER = {
    False: f"a second Generate Audio with the negative prompt '{NEG_PROMPT}'",
    True: "Regenerate Span with hide_picture",
}

NO_VERDICT = (
    "No verdict arrived at voice_over (its node is muted, bypassed or not connected): the sound counts as voice-over."
)


class SilenceFallback(io.ComfyNode):
    """Chooses between the coarse audio, the background and, where that is silent, the fallback."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundSilenceFallback",
            "Silence Fallback (DeepSound)",
            description="Step 4: no voice-over keeps the coarse audio; else the background is final, unless nothing "
            "audible is left of it. Branches that are not needed never run. Each take of a batch is decided alone.",
            search_aliases=["silence detection", "fallback", "switch audio"],
            inputs=[
                io.Boolean.Input(
                    "voice_over",
                    force_input=True,
                    optional=True,
                    tooltip="The verdict of step 2. Where none arrives, since that node is muted or bypassed, the "
                    "sound counts as voice-over.",
                ),
                option_input("mode", FALLBACKS, "When the background is silent."),
                io.Audio.Input("coarse", tooltip="The sound of step 1."),
                io.Audio.Input(
                    "background", lazy=True, tooltip="The sound of step 3; made only when there is voice-over."
                ),
                io.Audio.Input(
                    "regenerated",
                    lazy=True,
                    optional=True,
                    tooltip="For neg: a second Generate Audio with the negative prompt 'human voice'; made "
                    "only when the background is silent. For mask: Regenerate Span with hide_picture.",
                ),
                scope_input(),
                segments_input(
                    "Choose in these spans and no others, such as Vocal Separate's, whatever the verdict on the clip; "
                    "empty: they are found."
                ),
            ],
            outputs=[
                output(io.Audio, "audio", "The final sound; of several takes each.", per_take=True),
                output(io.Boolean, "is_silent", "True when the background was measured and is silent.", per_take=True),
                output(
                    io.String,
                    "chosen",
                    "coarse, background, regenerated, removed, or mixed where spans differ.",
                    per_take=True,
                ),
                segments_output(per_take=True),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt, io.Hidden.extra_pnginfo],
            is_input_list=True,
        )

    @classmethod
    def check_lazy_status(
        cls,
        mode: Any,
        coarse: Any = None,
        voice_over: Any = None,
        background: Any = None,
        regenerated: Any = None,
        scope: Any = SCOPE_NAMES[0],
        spans: Any = "",
    ) -> list[str]:
        voice_over = _verdict_or_yes(voice_over)
        if not any(as_list(voice_over)) and not any(map(_is_given, as_list(spans))):
            return []
        if not _has_value(background):
            is_needed = not _has_value(coarse) or any(_to_repair(Takes(coarse, "coarse"), voice_over, spans))
            return ["background"] if is_needed and cls._is_linked("background") else []
        if _has_value(regenerated) or not cls._is_linked("regenerated"):
            return []
        takes = cls._takes(voice_over, mode, coarse if _has_value(coarse) else background, background, scope, spans)
        return ["regenerated"] if any(take.needs_regenerated for take in takes) else []

    @classmethod
    def execute(
        cls,
        mode: Any,
        coarse: Any,
        voice_over: Any = None,
        background: Any = None,
        regenerated: Any = None,
        scope: Any = SCOPE_NAMES[0],
        spans: Any = "",
    ) -> io.NodeOutput:
        for name in as_list(mode):
            fallback_mode(name, "mode")
        progress = comfy_host.progress(cls.hidden.unique_id, "measure")
        if not any(map(_is_given, as_list(spans))) and all(value is None for value in as_list(voice_over)):
            progress.note(NO_VERDICT)
        voice_over = _verdict_or_yes(voice_over)
        takes = cls._takes(voice_over, mode, coarse, background, scope, spans)
        again = _for_takes(regenerated, len(takes), "regenerated", may_be_one=True)
        chosen = [_chosen(take, sound) for take, sound in zip(takes, again, strict=True)]
        for number, take in enumerate(takes, 1):
            if take.keeps_voice:
                which = f"take {number}: " if len(takes) > 1 else ""
                progress.note(f"{which}nothing audible is left: {take.mode} keeps the voice")
        sounds = [final.audio or silence_like(take.coarse) for take, final in zip(takes, chosen, strict=True)]
        return io.NodeOutput(
            Takes(coarse, "coarse").like_input(sounds, progress),
            [take.silent for take in takes],
            [final.source for final in chosen],
            [segments_json(take.segments) for take in takes],
            ui=with_players(
                spans_ui([take.coarse for take in takes], [take.segments for take in takes], ACTIONS, progress),
                cls.hidden,
                audio=sounds,
            ),
        )

    @classmethod
    def _takes(
        cls, voice_over: Any, mode: Any, coarse: Any, background: Any, scope: Any, spans: Any
    ) -> list[_TakeState]:
        """The takes as they stand before the fallback; of those with voice-over the background is measured."""
        given = Takes(coarse, "coarse")
        verdicts = _to_repair(given, voice_over, spans)
        left: list[Audio | None] = [None] * len(given)
        if any(verdicts):
            left = _for_takes(background, len(given), "background")
        progress = comfy_host.progress(cls.hidden.unique_id, "measure")
        texts = for_each_take(spans, len(given), "spans")
        takes = []
        for number, (sound, verdict, rest) in enumerate(zip(given.sounds, verdicts, left, strict=True)):
            silent, element = False, given.element(number)
            segments: tuple[Segment, ...] = ()
            row = at(mode, element)
            if verdict and rest is not None:
                stage = take_stage(progress, number, len(given))
                found = segments_of(sound, texts[number], at(scope, element), stage)
                left_over = rest if covers(treated_spans(found), sound) else match_format(rest, sound)
                segments, quiet = with_actions(found, sound, left_over, row, measure_residue, stage)
                silent = quiet.is_silent
            takes.append(_TakeState(sound, bool(verdict), rest, silent, row, segments))
        return takes

    @classmethod
    def _is_linked(cls, input_id: str) -> bool:
        """Whether anything is connected: the values alone cannot tell, an unlinked input is None like a waiting one."""
        node = cls.hidden.dynprompt.get_node(cls.hidden.unique_id)
        return isinstance(node["inputs"].get(input_id), list)


@dataclass(frozen=True)
class _TakeState:
    """One take before the fallback: its verdict, what is left of it without the voice, and whether that is silent."""

    coarse: Audio
    voice_over: bool
    background: Audio | None
    silent: bool
    mode: str
    segments: tuple[Segment, ...] = ()

    @property
    def needs_regenerated(self) -> bool:
        return self._has(lambda row: row.regenerates)

    @property
    def keeps_voice(self) -> bool:
        return self._has(lambda row: row.keeps_voice)

    def _has(self, kind: Callable[[FallbackMode], bool]) -> bool:
        actions = {segment.action for segment in self.segments}
        return any(kind(row) and row.name in actions for row in FALLBACKS)


def _verdict_or_yes(voice_over: Any) -> Any:
    """The verdicts, each that did not arrive as voice-over: without a judge, what Vocal Separate made is final."""
    return [value is None or value for value in as_list(voice_over)]


def _is_given(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _to_repair(takes: Takes, voice_over: Any, spans: Any) -> list[bool]:
    """Whether anything of each take is to be repaired: a span list tells, which has a verdict each, else `voice_over`.

    Raises InputError for a text that is no span list.
    """
    verdicts = for_each_take(voice_over, len(takes), "voice_over")
    texts = for_each_take(spans, len(takes), "spans")
    return [
        bool(spans_to_avoid(text, sound.duration_s)) if _is_given(text) else bool(verdict)
        for sound, text, verdict in zip(takes.sounds, texts, verdicts, strict=True)
    ]


def _has_value(value: Any) -> bool:
    """Whether an input has come: one that is unconnected or still to be made is None, or a list of it."""
    return any(item is not None for item in as_list(value))


def _for_takes(value: Any, count: int, what: str, may_be_one: bool = False) -> list[Any]:
    """The sounds of an input, one for each take; None for each where nothing came.

    Raises InputError for another number of them; a single sound stands for all only where it `may_be_one`.
    """
    if not _has_value(value):
        if not may_be_one:
            raise InputError(
                f"{what}: no sound arrived (NoneType); connect a node that makes sound, and switch it on where it is "
                "muted."
            )
        return [None] * count
    sounds = Takes(value, what).sounds
    if len(sounds) == count or (may_be_one and len(sounds) == 1):
        return for_each_take(sounds, count, what)
    raise InputError(
        f"{what}: expected {count} takes as in 'coarse', got {len(sounds)}; connect what was made from the same takes."
    )


def _chosen(take: _TakeState, regenerated: Audio | None) -> FinalSound:
    if not take.voice_over or take.background is None:
        return FinalSound(take.coarse, "coarse")

    def regenerate(mode: FallbackMode, _: tuple[Span, ...]) -> Audio:
        if regenerated is None:
            raise InputError(
                f"mode {mode.name!r} needs a sound at 'regenerated', and nothing is connected: connect "
                f"{_MAKER[mode.masks]}, or choose rep or rm."
            )
        return regenerated

    background = take.background
    made = apply_actions(take.coarse, match_format(background, take.coarse), take.segments, regenerate)
    # A background of another form is given on as it came where it is all there is.
    is_all = made.source == "background" and covers(treated_spans(take.segments), take.coarse)
    return FinalSound(background if is_all else made.final, made.source)

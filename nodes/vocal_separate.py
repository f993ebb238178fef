"""DeepSoundVocalSeparate: step 3, separates voice and background."""

from __future__ import annotations

from typing import Any, NamedTuple

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import NETWORK_PRECISIONS, SCOPE_NAMES, SEPARATOR_MODE_NAMES
from deepsound.repair.plan import KEEP, REMOVE
from deepsound.repair.render import gate_stems, treated_spans
from deepsound.runtime.execution import Precision
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment
from deepsound.separate.removal import ALL_DB, apply_removal
from deepsound.types import Stems

from . import comfy_host
from .convert import silence_like
from .listen import with_players
from .run_inputs import (
    BY_ENGINE,
    execution_inputs,
    overlap_inputs,
    removal_inputs,
    removal_of,
    separation_of,
    separator_mode_input,
    separator_weights,
    tta_input,
    weights_input,
)
from .schema import download_input, engine_input, output, require_option, schema
from .span_lists import scope_input, segments_input, segments_json, segments_of, segments_output, spans_ui
from .takes import Takes, as_list, at, for_each_take, take_stage
from .values import check_values, refusal_of


class VocalSeparate(io.ComfyNode):
    """Splits a sound into voice and everything else; takes one by one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundVocalSeparate",
            "Vocal Separate (DeepSound)",
            description="Step 3: takes the voice out of a sound. Background and voice add up to the sound again.",
            search_aliases=["voice removal", "vocal remover", "stems", "source separation"],
            inputs=[
                io.Audio.Input("audio", tooltip="The sound to split; a batch is split one by one."),
                engine_input("separator"),
                io.Boolean.Input(
                    "enabled",
                    default=True,
                    tooltip="Off: the sound passes unchanged, the voice is silence, nothing is loaded. Step 2's "
                    "verdict can be wired in: then each take is split only where its own is yes.",
                ),
                download_input(optional=True),
                separator_mode_input("mode"),
                tta_input(),
                *overlap_inputs(),
                *execution_inputs(NETWORK_PRECISIONS),
                weights_input("weights", "separation", "a RoFormer separator"),
                scope_input(),
                segments_input("Take the voice out in these spans and no others."),
                *removal_inputs(),
            ],
            outputs=[
                output(io.Audio, "background", "The sound without the voice.", per_take=True),
                output(io.Audio, "voice", "The voice alone.", per_take=True),
                segments_output(per_take=True),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
            is_input_list=True,
        )

    @classmethod
    def validate_inputs(cls, overlap: Any = None, removal_db: Any = None) -> bool | str:
        given = [{"overlap": value} for value in as_list(overlap)]
        given += [{"removal_db": value} for value in as_list(removal_db)]
        answers = (refusal_of(cls, **value) for value in given)
        return next((answer for answer in answers if answer is not True), True)

    @classmethod
    def execute(
        cls,
        audio: Any,
        engine: str | list[str],
        enabled: bool | list[bool],
        download: bool | list[bool] = False,
        mode: str | list[str] = SEPARATOR_MODE_NAMES[0],
        tta: bool | list[bool] = False,
        overlap: float | list[float] = 0.0,
        batch: int | list[int] = 0,
        precision: Precision | list[Precision] = "auto",
        offload: bool | list[bool] = False,
        weights: str | list[str] = BY_ENGINE,
        scope: str | list[str] = SCOPE_NAMES[0],
        spans: str | list[str] = "",
        removal_db: float | list[float] = ALL_DB,
        keep_ambience: bool | list[bool] = False,
    ) -> io.NodeOutput:
        given = (engine, mode, tta, overlap, batch, precision, offload, download, weights)
        # The core's rule for lists: the shorter ones go on with their last element.
        count = max(len(as_list(value)) for value in (audio, *given))
        takes = Takes([at(audio, index) for index in range(count)])
        choices = [_EngineSetup._make(at(value, index) for value in given) for index in range(count)]
        wanted = for_each_take(enabled, len(takes), "enabled")
        progress = comfy_host.progress(cls.hidden.unique_id, "separate")
        separators: dict[_EngineSetup, engines.Separator] = {}
        stems: list[Stems] = []
        lists: list[tuple[Segment, ...]] = []
        texts = for_each_take(spans, len(takes), "spans")
        for take, (sound, on) in enumerate(zip(takes.sounds, wanted, strict=True)):
            stage = take_stage(progress, take, len(takes))
            planned = segments_of(sound, texts[take], at(scope, takes.element(take)), stage) if on else ()
            lists.append(planned)
            # Without a span to repair there is nothing to separate.
            if not (treated := treated_spans(planned)):
                stems.append(Stems(silence_like(sound), sound))
                continue
            chosen = choices[takes.element(take)]
            if chosen not in separators:
                separators[chosen] = cls._separator(chosen, progress)
            made = engines.check_stems(sound, separators[chosen].separate(sound, stage), chosen.engine)
            removal = removal_of(at(removal_db, takes.element(take)), at(keep_ambience, takes.element(take)))
            stems.append(gate_stems(sound, apply_removal(sound, made, removal, stage), treated))
        return io.NodeOutput(
            takes.like_input([parts.background for parts in stems]),
            takes.like_input([parts.voice for parts in stems]),
            [segments_json(planned) for planned in lists],
            ui=with_players(
                spans_ui(takes.sounds, lists, (KEEP, REMOVE), progress),
                cls.hidden,
                background=[parts.background for parts in stems],
                voice=[parts.voice for parts in stems],
            ),
        )

    @classmethod
    def _separator(cls, chosen: _EngineSetup, progress: Progress) -> engines.Separator:
        check_values(cls, overlap=chosen.overlap, batch=chosen.batch)
        require_option("mode", chosen.mode, SEPARATOR_MODE_NAMES)
        # What is as the node opens is the engine's own choice, which is noted for no engine.
        mode = "" if chosen.mode == SEPARATOR_MODE_NAMES[0] else chosen.mode
        settings = separation_of(mode, chosen.tta, chosen.overlap, chosen.batch)
        files = separator_weights(chosen.engine, chosen.weights, progress)
        execution = comfy_host.execution(chosen.precision, chosen.offload, chosen.download, files)
        separator = engines.separator(chosen.engine, execution, settings)
        for note in engines.separation_notes(separator, chosen.engine, settings):
            progress.note(note)
        return separator


class _EngineSetup(NamedTuple):
    """An engine and how it is run, as the inputs say."""

    engine: str
    mode: str
    tta: bool
    overlap: float
    batch: int
    precision: Precision
    offload: bool
    download: bool
    weights: str

"""DeepSoundPipeline: all steps in one node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from deepsound import pipeline
from deepsound.choices import MODES, NETWORK_PRECISIONS, PICK_NAMES, SCOPE_NAMES, UNDECIDED, option
from deepsound.errors import DeepSoundError
from deepsound.fallback import FALLBACKS
from deepsound.media.clip import Clip
from deepsound.media.formats import CONTAINER_CHOICES
from deepsound.media.length_policy import DEFAULT_LENGTH
from deepsound.mix.settings import LOUDNESS_TARGETS
from deepsound.outcome import Outcome
from deepsound.presets import DEFAULT_PRESET, PRESETS
from deepsound.presets import preset as preset_row
from deepsound.prompt_presets import NO_PRESET, join_prompt
from deepsound.rank.best_of import TakeOptions
from deepsound.reason.decided import JUDGED
from deepsound.runtime.execution import Precision
from deepsound.runtime.progress import Progress
from deepsound.separate.removal import ALL_DB
from deepsound.types import GenerationRequest

from . import comfy_host, host_folders
from .convert import clip_of
from .image_video import as_video, encoding_notes, image_rate_input, picture_input
from .pipeline_inputs import (
    ALL_TAKES,
    KEEP_LOUDNESS,
    PREFIX,
    at_loudness,
    loudness_input,
    pick_input,
    saving_inputs,
)
from .pipeline_result import RunDisplay, node_output
from .prompt_preset import prompt_preset_input
from .requests import request_of, requests_of_takes
from .run_inputs import (
    BY_ENGINE,
    BY_PRESET,
    advanced,
    execution_inputs,
    generator_weights,
    named_engines,
    optional_takes_input,
    preset_separator_mode_input,
    removal_inputs,
    removal_of,
    sampling_inputs,
    separation_of,
    separator_modes,
    separator_weights,
    tta_input,
    voice_decision_input,
    weights_input,
)
from .save_video import SaveSettings, saving_notes
from .schema import (
    download_input,
    engine_input,
    option_input,
    output,
    prompt_inputs,
    require_option,
    schema,
    window_input,
)
from .span_lists import preset_scope_input, segments_input, segments_output
from .takes import take_stage
from .values import check_values, refusal_of


class PipelineNode(io.ComfyNode):
    """The whole product: generates, judges, removes, falls back, saves and plays; steps not needed are not taken."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundPipeline",
            "DeepSound Pipeline",
            description="All steps in one: makes sound, decides whether it contains voice-over, removes the voice, and "
            "falls back when nothing audible is left. Saves the finished video and plays it.",
            search_aliases=[
                "foley",
                "sound effects",
                "sfx",
                "video to audio",
                "v2a",
                "voice removal",
                "add sound to video",
                "all in one",
                "DeepSound-V1",
            ],
            inputs=[
                picture_input("What gets its sound."),
                engine_input("generator", "generator", automatic=True),
                engine_input("reasoner", "reasoner", automatic=True),
                engine_input("separator", "separator", automatic=True),
                option_input("mode", MODES, ""),
                option_input("fallback", FALLBACKS, "When the voice was all there was."),
                *prompt_inputs(),
                download_input(optional=True),
                *saving_inputs(),
                option_input("preset", PRESETS, "What applies where an engine above is auto.", optional=True),
                optional_takes_input(),
                option_input(
                    "undecided",
                    UNDECIDED,
                    "What an answer that cannot be read counts as.",
                    **advanced(io.Combo.Input),
                ),
                *sampling_inputs(),
                preset_separator_mode_input(),
                tta_input(),
                *execution_inputs(NETWORK_PRECISIONS),
                weights_input("generator_weights", "mmaudio", "MMAudio"),
                weights_input("separator_weights", "separation", "a RoFormer separator"),
                preset_scope_input(),
                segments_input("Repair these spans and no others; empty: voiced spans are found and judged."),
                window_input(),
                pick_input(),
                voice_decision_input(),
                *removal_inputs(),
                image_rate_input(),
                prompt_preset_input(),
                loudness_input(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(
        cls,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        duration: float | None = None,
        cfg: float | None = None,
        filename_prefix: str | None = None,
        window: float | None = None,
        removal_db: float | None = None,
        fps: float | None = None,
    ) -> bool | str:
        try:
            if filename_prefix is not None:
                host_folders.check_prefix(filename_prefix)
        except DeepSoundError as error:
            return str(error)
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        video: Any,
        generator: str,
        reasoner: str,
        separator: str,
        mode: str,
        fallback: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        download: bool = False,
        save: bool = False,
        filename_prefix: str = PREFIX,
        container: str = CONTAINER_CHOICES[0].name,
        length: str = DEFAULT_LENGTH,
        preset: str = DEFAULT_PRESET,
        takes: int = 1,
        undecided: str = UNDECIDED[0].name,
        steps: int = 0,
        cfg: float = 0.0,
        separator_mode: str = BY_PRESET,
        tta: bool = False,
        precision: Precision = "auto",
        offload: bool = False,
        generator_weights: str = BY_ENGINE,
        separator_weights: str = BY_ENGINE,
        scope: str = BY_PRESET,
        spans: str = "",
        window: float = -1.0,
        pick: str = ALL_TAKES,
        voice_decision: str = JUDGED,
        removal_db: float = ALL_DB,
        keep_ambience: bool = False,
        fps: float = 0.0,
        prompt_preset: str = NO_PRESET,
        loudness: str = KEEP_LOUDNESS,
    ) -> io.NodeOutput:
        prompt = join_prompt(prompt_preset, prompt)
        request = request_of(cls, prompt, negative_prompt, seed, duration, steps or None, cfg or None, window)
        check_values(cls, takes=takes, window=window, removal_db=removal_db, fps=fps)
        option("loudness", loudness, LOUDNESS_TARGETS)
        require_option("pick", pick, (ALL_TAKES, *PICK_NAMES))
        require_option("separator_mode", separator_mode, tuple(separator_modes([BY_PRESET])))
        require_option("scope", scope, (BY_PRESET, *SCOPE_NAMES))
        removal = removal_of(removal_db, keep_ambience)
        repair = Repair("" if scope == BY_PRESET else scope, spans, voice_decision, removal.db, keep_ambience)
        settings = SaveSettings(filename_prefix, container, length=length)
        progress = comfy_host.progress(cls.hidden.unique_id, in_panel=True)
        named = named_engines(generator, reasoner, separator, preset)
        comfy_host.require_weights(repair.needed(named, preset), download)
        files = own_weights(named[0], generator_weights, named[2], separator_weights, progress)
        runner = pipeline.Pipeline(
            generator,
            reasoner,
            separator,
            comfy_host.execution(precision, offload, download, files),
            undecided=undecided,
            preset=preset,
            separation=separation_of(separator_mode, tta),
        )
        picture, video = video, as_video(video, fps, progress)
        clip = clip_of(video, progress)
        for note in (*encoding_notes(picture, video, fps), *saving_notes(clip, settings, progress)):
            progress.note(note)
        outcomes = run_takes(runner, clip, request, mode, fallback, repair, takes, pick, progress)
        outcomes = [at_loudness(outcome, loudness, progress) for outcome in outcomes]
        return node_output(outcomes, clip, RunDisplay(cls.hidden, settings, save), progress)


@dataclass(frozen=True)
class Repair:
    """What of a sound is repaired, and how, as Pipeline.run_in_memory takes it by name."""

    scope: str
    spans: str
    voice_decision: str
    removal_db: float | None
    keep_ambience: bool

    def needed(self, engines: list[str], preset: str) -> list[str]:
        """Those of generator, reasoner and separator that a voice decision leaves any work."""
        generator, reasoner, separator = engines
        judges = self.voice_decision == JUDGED or preset_row(preset).preferences.model_plan
        separates = self.voice_decision != "never"
        return [generator, *[reasoner] * judges, *[separator] * separates]


def run_takes(
    runner: pipeline.Pipeline,
    clip: Clip,
    request: GenerationRequest,
    mode: str,
    fallback: str,
    repair: Repair,
    takes: int,
    pick: str,
    progress: Progress,
) -> list[Outcome]:
    """The outcome of every take; with a `pick`, of the best one alone."""
    if pick != ALL_TAKES:
        best = TakeOptions(takes, pick)
        return [runner.run_in_memory(clip, request, mode, fallback, progress, best, **vars(repair))]
    return [
        runner.run_in_memory(clip, own, mode, fallback, take_stage(progress, take, takes), **vars(repair))
        for take, own in enumerate(requests_of_takes(request, takes))
    ]


def own_weights(
    generator: str, generator_file: str, separator: str, separator_file: str, progress: Progress
) -> dict[str, Path]:
    """The chosen files of both engines by catalogue id."""
    return generator_weights(generator, generator_file, progress) | separator_weights(
        separator, separator_file, progress
    )


def _outputs() -> list[io.Output]:
    return [
        output(io.Audio, "audio", "The final sound."),
        output(io.Audio, "coarse", "The sound of step 1."),
        output(io.Audio, "voice", "The voice that was removed; silence when none was."),
        output(io.Boolean, "voice_over", "True when the coarse sound contains voice-over.", per_take=True),
        output(
            io.String,
            "reasoning",
            "Summary, caption, reasoning and conclusion, as tagged text.",
            per_take=True,
        ),
        output(io.Video, "result", "The finished video; of several takes each.", label="video", per_take=True),
        segments_output(per_take=True),
    ]

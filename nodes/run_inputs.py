"""Optional execution inputs of nodes, and what they mean: weights, precision, separation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from deepsound.choices import SEPARATOR_MODES, VOICE_DECISIONS, names_of
from deepsound.generate.mmaudio.request import flow_weights_id
from deepsound.presets import preset as preset_row
from deepsound.runtime.progress import Progress
from deepsound.separate.removal import ALL_DB, RemovalSettings
from deepsound.types import SeparationSettings

from . import host_folders
from .schema import MOST_TAKES, offload_input, option_input, precision_input, supported_kwargs

BY_ENGINE, BY_PRESET = "by engine", "by preset"
# Catalogue id of the file that a separator's network is read from; other separators have no file to replace.
_SEPARATOR_FILES = {
    "bs_roformer": "bs_roformer/ep_317",
    "mel_band_roformer": "mel_band_roformer/kim",
    "mel_band_roformer_viperx": "mel_band_roformer/ep_3005",
    "bs_roformer_tiny": "bs_roformer_tiny",
    "roformer": "roformer",
}


def advanced(kind: Any) -> dict[str, Any]:
    """Keywords of an optional input that newer cores fold away."""
    return {"optional": True, **supported_kwargs(kind, advanced=True)}


def weights_input(input_id: str, folder: str, used_by: str) -> io.Combo.Input:
    """A menu of the weight files in one of ComfyUI's models folders, for the engines `used_by`."""
    return io.Combo.Input(
        input_id,
        options=[BY_ENGINE, *host_folders.weight_files(folder)],
        default=BY_ENGINE,
        tooltip=f"A file of your own in the {folder} models folder, such as a fine-tuned network, for {used_by}. Its "
        "variant is detected from its tensors, not from its name.",
        **advanced(io.Combo.Input),
    )


def execution_inputs(precisions: tuple[str, ...]) -> list[io.Input]:
    """Precision and offload, both optional."""
    return [precision_input(precisions, optional=True), offload_input(optional=True)]


def sampling_inputs() -> list[io.Input]:
    """Steps and guidance of any generator; 0 leaves them to the engine."""
    return [
        io.Int.Input(
            "steps",
            default=0,
            min=0,
            max=1000,
            tooltip="Sampling steps from noise to sound; 0 leaves them to the engine (25 as published).",
            **advanced(io.Int.Input),
        ),
        io.Float.Input(
            "cfg",
            default=0.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="Classifier-free guidance: how closely picture and words are followed; 0 leaves it to the engine "
            "(4.5 for MMAudio, 7.5 for FoleyCrafter, 2.5 for seeing_hearing as published).",
            **advanced(io.Float.Input),
        ),
    ]


def optional_takes_input() -> io.Int.Input:
    """How many sounds are made of one request, where saved graphs lack the input."""
    return io.Int.Input(
        "takes",
        default=1,
        min=1,
        max=MOST_TAKES,
        optional=True,
        tooltip="Several sounds as one batch, from seed, seed + 1, ...; each goes its own way through the steps.",
    )


def separator_mode_input(input_id: str) -> io.Combo.Input:
    """How a separator cuts a sound into chunks."""
    return option_input(input_id, SEPARATOR_MODES, "How a long sound is cut into chunks.", **advanced(io.Combo.Input))


def preset_separator_mode_input() -> io.Combo.Input:
    """The same with the preset's choice in front."""
    return io.Combo.Input(
        "separator_mode",
        options=separator_modes([BY_PRESET]),
        default=BY_PRESET,
        tooltip="How the separator cuts a long sound into chunks; by preset: as the preset says, else equal_overlap.",
        **advanced(io.Combo.Input),
    )


def tta_input() -> io.Boolean.Input:
    """Whether a separator takes the mean of three passes."""
    return io.Boolean.Input(
        "tta",
        default=False,
        tooltip="Test-time augmentation: the mean of three passes (as it is, channels swapped, upside down); slightly "
        "cleaner, three times the time.",
        **advanced(io.Boolean.Input),
    )


def voice_decision_input() -> io.Combo.Input:
    """Whether a judge decides on voice-over, or the person does."""
    return option_input("voice_decision", VOICE_DECISIONS, "Whether there is voice-over:", **advanced(io.Combo.Input))


def removal_inputs() -> list[io.Input]:
    """How much of a voice is removed, and what fills the place."""
    return [
        io.Float.Input(
            "removal_db",
            default=ALL_DB,
            min=0.0,
            max=ALL_DB,
            step=0.5,
            tooltip=f"How many dB quieter the voice becomes: {ALL_DB:g} removes all of it, 12 leaves it in the "
            "distance, 0 leaves it as it is.",
            **advanced(io.Float.Input),
        ),
        io.Boolean.Input(
            "keep_ambience",
            default=False,
            tooltip="Where the voice was, fill in the room tone of the stretches without a voice, so that no hole is "
            "left.",
            **advanced(io.Boolean.Input),
        ),
    ]


def removal_of(removal_db: float, keep_ambience: bool) -> RemovalSettings:
    """The settings of those inputs; the highest depth is all of the voice."""
    return RemovalSettings(None if removal_db >= ALL_DB else removal_db, keep_ambience)


def overlap_inputs() -> list[io.Input]:
    """What neighbouring chunks of a separator share, how many run at once; 0 leaves both to the engine."""
    return [
        io.Float.Input(
            "overlap",
            default=0.0,
            min=0.0,
            max=60.0,
            step=0.1,
            tooltip="What neighbouring chunks share, in seconds, with equal_overlap; 0 leaves it to the engine (1 s).",
            **advanced(io.Float.Input),
        ),
        io.Int.Input(
            "batch",
            default=0,
            min=0,
            max=64,
            tooltip="Chunks processed at once; 0 leaves it to the engine. In published mode the fades depend on it.",
            **advanced(io.Int.Input),
        ),
    ]


def separation_of(mode: str, tta: bool, overlap: float = 0.0, batch: int = 0) -> SeparationSettings:
    """The settings of those inputs; "by preset" and 0 leave the choice to others."""
    return SeparationSettings("" if mode == BY_PRESET else mode, tta, overlap or None, batch or None)


def generator_weights(engine: str, chosen: str, progress: Progress) -> dict[str, Path]:
    """The chosen file of the mmaudio folder by catalogue id; for another engine nothing, and a note."""
    if chosen == BY_ENGINE:
        return {}
    network = flow_weights_id(engine)
    if not network:
        progress.note(f"The weights {chosen} are for MMAudio; {engine} does not use them.")
        return {}
    return {network: host_folders.weight_file("mmaudio", chosen)}


def separator_weights(engine: str, chosen: str, progress: Progress) -> dict[str, Path]:
    """The chosen file of the separation folder by catalogue id; for an engine without a network nothing, and a note."""
    if chosen == BY_ENGINE:
        return {}
    if engine not in _SEPARATOR_FILES:
        progress.note(f"The weights {chosen} are for a RoFormer separator; {engine} does not use them.")
        return {}
    return {_SEPARATOR_FILES[engine]: host_folders.weight_file("separation", chosen)}


def separator_modes(first: Sequence[str] = ()) -> list[str]:
    """The names of a separator's modes, after `first`."""
    return [*first, *names_of(SEPARATOR_MODES)]


def named_engines(generator: str, reasoner: str, separator: str, preset: str) -> list[str]:
    """The three engines, each "auto" replaced by what the preset names, if it names one."""
    row = preset_row(preset)
    presets_own = (row.generator, row.reasoner, row.separator)
    chosen = (generator, reasoner, separator)
    return [own if name == "auto" else name for name, own in zip(chosen, presets_own, strict=True)]

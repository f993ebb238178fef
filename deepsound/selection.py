"""Engine selection: `auto` by the weights on disk, with reasons and what would be better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec

from deepsound import engines, silence
from deepsound.combinations import combination
from deepsound.media.clip import Clip
from deepsound.outcome import Choice, Choices
from deepsound.presets import AUTO, Preset
from deepsound.runtime.endpoints import endpoint
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import escaped
from deepsound.types import SeparationSettings
from deepsound.weights.catalogue import needed_by
from deepsound.weights.locate import candidates, find
from deepsound.weights.missing import MissingWeightsError, missing_weights
from deepsound.weights.search_paths import SearchPaths, default_search_paths

# What `auto` takes where the weights are installed, the best first; DeepSound-V1's own judge and separator lead theirs.
PREFERRED: dict[engines.Kind, tuple[str, ...]] = {
    "generator": (
        "mmaudio_large_44k_v2",
        "mmaudio_large_44k",
        "mmaudio_medium_44k",
        "mmaudio_small_44k",
        "mmaudio_small_16k",
        "foleycrafter",
    ),
    "reasoner": ("videollama2_cot", "videollama2_qa"),
    "separator": ("bs_roformer", "mel_band_roformer", "mel_band_roformer_viperx"),
}
EMBEDDED: dict[engines.Kind, str] = {"generator": "draft", "reasoner": "rules", "separator": "dtln"}
# The libraries without which the weights are of no use.
_LIBRARIES = {
    "foleycrafter": "diffusers",
    "selva": "transformers",
    "videollama2_cot": "transformers",
    "videollama2_qa": "transformers",
}


@dataclass(frozen=True)
class Selection:
    """The engines of a run and what is said about them before the work."""

    choices: Choices
    notes: tuple[str, ...] = ()


def select(clip: Clip, names: tuple[str, str, str], preset: Preset, execution: Execution) -> Selection:
    """Choose the engines of a run: those named, else the preset's, else by what is on this machine.

    `names` are generator, reasoner and separator, "auto" where none was named. No network is read to decide. Raises
    MissingWeightsError naming all that a preset's engines lack, EngineError for an explicit path without weights.
    """
    places = default_search_paths(execution.weights)
    chosen = dict(zip(engines.KINDS, names, strict=True))
    named = {kind: preset.engine(kind) if name == AUTO else name for kind, name in chosen.items()}
    _require_preset(preset, [named[kind] for kind in engines.KINDS if chosen[kind] == AUTO], places, execution)
    made = {
        kind: _automatic(kind, clip, preset, places) if name == AUTO else _explicit_choice(name, chosen[kind], preset)
        for kind, name in named.items()
    }
    notes = (
        *_replaced_sound(clip, made["generator"], chosen["generator"], preset),
        *_better([kind for kind, name in named.items() if name == AUTO], made, preset, places),
        *_several_files([choice.name for choice in made.values()], places),
        *_sent_away(made["reasoner"].name),
    )
    return Selection(Choices(**made), notes)


def choose_generator(clip: Clip) -> Choice:
    """`auto` for step 1 without a preset: a clip's own sound where it can be heard, else the best that is installed."""
    return _automatic("generator", clip, Preset("", "", ""), default_search_paths())


def _explicit_choice(name: str, chosen: str, preset: Preset) -> Choice:
    return Choice(name, f"the preset {preset.name!r}" if chosen == AUTO else "")


def _automatic(kind: engines.Kind, clip: Clip, preset: Preset, places: SearchPaths) -> Choice:
    reason = ""
    if kind == "generator":
        reason, can_be_heard = _own_sound(clip)
        if can_be_heard:
            return Choice("source", reason)
    at_hand = None if preset.embedded_only else best_at_hand(kind, places)
    if at_hand is not None:
        return Choice(at_hand, "; ".join(filter(None, (reason, "its published weights are on this machine"))))
    embedded = Choice(EMBEDDED[kind], reason or f"the embedded {kind}")
    return embedded if not preset.embedded_only else replace(embedded, why=f"{embedded.why}; the preset 'embedded'")


def _own_sound(clip: Clip) -> tuple[str, bool]:
    """What is to be said of a clip's own sound, and whether it can be heard."""
    own = clip.audio()
    if own is None:
        return "the video has no sound track", False
    if silence.measure(own).is_silent:
        return "the video's sound track is silent", False
    return "the video has sound of its own; name another generator to replace it", True


def choose_engine(kind: engines.Kind, preset: Preset, execution: Execution) -> str:
    """The engine of a kind for many clips: the preset's, else the best whose weights are here, else the embedded one.

    A clip's own sound is never chosen.
    """
    named = preset.engine(kind)
    if named != AUTO:
        return named
    at_hand = None if preset.embedded_only else best_at_hand(kind, default_search_paths(execution.weights))
    return at_hand or EMBEDDED[kind]


def choose_regenerator(refused: str, preset: Preset, execution: Execution) -> Choice:
    """What makes the sound of the fallback `neg` in place of the generator `refused`, which cannot avoid voices.

    The preset's generator or the best one whose weights are on this machine, else the embedded one, which is always at
    hand and knows no voices. No network is read to decide.
    """
    places = default_search_paths(execution.weights)
    why = f"{refused!r} cannot generate again without voices"
    own = preset.engine("generator")
    if preset.embedded_only:
        return Choice(EMBEDDED["generator"], why)
    at_hand = own if own not in (AUTO, refused) and is_at_hand(own, places) else best_at_hand("generator", places)
    if at_hand in (None, refused):
        return Choice(EMBEDDED["generator"], why)
    return Choice(str(at_hand), f"{why}; its published weights are on this machine")


def best_at_hand(kind: engines.Kind, places: SearchPaths) -> str | None:
    """The best published engine of a kind whose weights and library are all here; None where there is none."""
    return next((name for name in PREFERRED[kind] if is_at_hand(name, places)), None)


def is_at_hand(name: str, places: SearchPaths) -> bool:
    """Whether all weights of an engine are on this machine, and the library it needs; nothing of them is read."""
    library = _LIBRARIES.get(name)
    return (library is None or find_spec(library) is not None) and missing_weights(name, places) is None


def check_later_files(
    choices: Choices, execution: Execution, separation: SeparationSettings, separates: bool = True, judges: bool = True
) -> None:
    """Raise, before the first step, what is missing or wrong of the judge's and the separator's files.

    Only headers and settings are read; `separates` and `judges` are false where nothing can be left to them. Raises
    MissingWeightsError for weights that are not here and may not be downloaded, EngineError for a file that is none,
    InputError for a separator that needs one named, and for a server or model folder that is not there.
    """
    judge, separator = choices.reasoner.name, choices.separator.name
    engines.check_files(engines.reasoner(judge, execution))
    if separates:
        engines.check_files(engines.separator(separator, execution.unquantised, separation))
    names = (*[judge] * judges, *[separator] * separates)
    places = default_search_paths(execution.weights)
    missing = missing_weights(names, places)
    if missing is not None and not execution.download:
        raise MissingWeightsError(missing)
    for name in names:
        _check_headers(name, places)


def _check_headers(name: str, places: SearchPaths) -> None:
    from deepsound.weights.load import check_header

    for entry in needed_by(name):
        found = find(entry, places)
        if found is not None and entry.kind != "data":
            for file in sorted(found.glob("*.safetensors")) if entry.kind == "folder" else (found,):
                check_header(file)


def _require_preset(preset: Preset, names: Iterable[str], places: SearchPaths, execution: Execution) -> None:
    missing = None if execution.download else missing_weights(names, places)
    if missing is not None:
        raise MissingWeightsError(
            missing,
            f"The preset {preset.name!r} needs all of them: run `{missing.command}`, add `--download` to the run, or "
            "leave the preset out to use what is here.",
        )


def _replaced_sound(clip: Clip, generator: Choice, chosen: str, preset: Preset) -> Iterable[str]:
    if chosen == AUTO and preset.engine("generator") != AUTO and clip.info.audio is not None:
        yield f"The video's own sound is replaced: the preset {preset.name!r} generates one with {generator.name}."


def _better(
    automatic: Iterable[engines.Kind], made: dict[engines.Kind, Choice], preset: Preset, places: SearchPaths
) -> Iterable[str]:
    """One sentence on the published engines that would do better and are not here: sizes, licences, the command."""
    better = [PREFERRED[kind][0] for kind in automatic if made[kind].name not in ("source", PREFERRED[kind][0])]
    missing = None if preset.embedded_only else missing_weights(better, places)
    if missing is not None:
        names = ", ".join(missing.needed_by)
        yield (
            f"Better engines are published, whose weights are not on this machine: {names} ({missing.size_text}; "
            f"licence: {'; '.join(missing.licences)}). `{missing.command}` fetches them."
        )


def _sent_away(reasoner: str) -> Iterable[str]:
    """One sentence on what leaves this machine where a reasoner is on a server; its address is not for the record."""
    combined = combination("reasoner", reasoner)
    for member in combined.members if combined is not None else (reasoner,):
        kind, _, name = member.partition(":")
        if kind == "server":
            one = endpoint(name)
            heard = "the sound" if one.sound == "input_audio" else "what the voice detector found"
            yield f"server:{one.name}: to judge, {one.frames} frames and {heard} go to the server of your settings."


def _several_files(names: Iterable[str], places: SearchPaths) -> Iterable[str]:
    """One sentence for each entry of the catalogue of which this machine has different files: which one is used."""
    entries = {entry.id: entry for name in names for entry in needed_by(name) if entry.id not in places.explicit}
    for entry in entries.values():
        if entry.kind != "file":
            continue
        found = {(path.name, path.stat().st_size): path for path in reversed([*candidates(entry, places)])}
        if len(found) > 1:
            used, *others = reversed(found.values())
            yield (
                f"{entry.id} is on this machine in {len(found)} files: {escaped(used)} is used, not "
                f"{', '.join(map(escaped, others))}; name one with --weights {entry.id}=PATH."
            )

"""Engine registry: names to classes, each imported on first use.

Third parties add theirs through the entry points `deepsound.generators`, `deepsound.reasoners`, `deepsound.separators`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from typing import cast

from deepsound import contracts, plugins
from deepsound.combinations import Combination, combination, combined_name
from deepsound.combined_engine import CombinedEngine
from deepsound.engine_protocols import (
    Generator,
    Reasoner,
    Separator,
    SupportsExecution,
    SupportsPreferences,
    SupportsSeparationSettings,
)
from deepsound.engine_registry import (
    ALIASES,
    COMBINED,
    EMBEDDED,
    KINDS,
    OF_A_NAME,
    OWN,
    PUBLISHED,
    EngineInfo,
    Kind,
)
from deepsound.engine_support import (
    avoids_spans,
    check_files,
    compile_notes,
    files,
    regenerate,
    request_notes,
    require_avoiding,
    require_settings,
    require_takes,
    settings_in_use,
    span_verdicts,
    takes_loras,
    uses_negative_prompt,
    views,
)
from deepsound.errors import EngineError, InputError
from deepsound.runtime.endpoints import endpoint_names
from deepsound.runtime.execution import Execution
from deepsound.types import Audio, Preferences, SeparationSettings, Stems
from deepsound.weights.omni_folders import omni_names

__all__ = [
    "ALIASES",
    "EMBEDDED",
    "KINDS",
    "PUBLISHED",
    "EngineInfo",
    "Generator",
    "Kind",
    "Reasoner",
    "Separator",
    "available",
    "avoids_spans",
    "check_files",
    "check_stems",
    "compile_notes",
    "files",
    "generator",
    "names",
    "reasoner",
    "regenerate",
    "request_notes",
    "require",
    "require_avoiding",
    "require_settings",
    "require_sound",
    "require_takes",
    "separation_notes",
    "separator",
    "settings_in_use",
    "span_verdicts",
    "uses_negative_prompt",
    "views",
]


def available(kind: Kind) -> tuple[EngineInfo, ...]:
    """The engines of one kind: embedded, published, combined, then installed plug-ins; nothing is imported.

    A plug-in whose name is taken is offered as `package:name`.
    """
    own = EMBEDDED + PUBLISHED + OF_A_NAME + COMBINED
    listed = {info.name: info for info in own if info.kind == kind}
    listed |= {info.name: info for info in _of_names(kind)}
    for plugin in plugins.find(f"deepsound.{kind}s"):
        name = plugin.name if plugin.name not in listed else f"{plugin.package}:{plugin.name}"
        listed[name] = EngineInfo(kind, name, plugin.summary, plugin.target, plugin.origin)
    return tuple(listed.values())


def _of_names(kind: Kind) -> Iterator[EngineInfo]:
    """`server:NAME` for each configured server, and `omni:FOLDER` for each model in a models folder."""
    rests = {"server": endpoint_names, "omni": omni_names} if kind == "reasoner" else {}
    for info in OF_A_NAME:
        for rest in rests.get(info.name, tuple)():
            yield replace(info, name=f"{info.name}:{rest}", arguments=(rest,))


def names(kind: Kind) -> tuple[str, ...]:
    """The names a menu offers for one kind of engine."""
    return tuple(info.name for info in available(kind))


def generator(name: str, execution: Execution = Execution()) -> Generator:
    """The step 1 engine of that name. Raises InputError for an unknown one, EngineError for a broken one."""
    engine = _build("generator", name, execution)
    if execution.loras and not takes_loras(engine):
        raise InputError(
            f"expected a generator that takes LoRA (mmaudio_*), got {name!r}; choose one, or leave it out."
        )
    return cast(Generator, engine)


def reasoner(
    name: str,
    execution: Execution = Execution(),
    preferences: Preferences = Preferences(),
) -> Reasoner:
    """The step 0 and 2 engine of that name. Raises InputError for an unknown one, EngineError for a broken one.

    `preferences` are for those that have `prefer`; there is nothing to prefer about a set of rules.
    """
    engine = _build("reasoner", name, execution)
    if isinstance(engine, SupportsPreferences):
        engine.prefer(preferences)
    return cast(Reasoner, engine)


def separator(
    name: str, execution: Execution = Execution(), settings: SeparationSettings = SeparationSettings()
) -> Separator:
    """The step 3 engine of that name. Raises InputError for an unknown one, EngineError for a broken one.

    `settings` are for those that have `cut`; `separation_notes` says where they are not used.
    """
    engine = _build("separator", name, execution)
    if isinstance(engine, SupportsSeparationSettings):
        engine.cut(settings)
    return cast(Separator, engine)


def separation_notes(engine: object, name: str, settings: SeparationSettings) -> tuple[str, ...]:
    """What of `settings` a separator will not use: one sentence, or nothing."""
    if isinstance(engine, CombinedEngine):
        return tuple(note for member, one in engine.members.items() for note in separation_notes(one, member, settings))
    if settings == SeparationSettings() or isinstance(engine, SupportsSeparationSettings):
        return ()
    return (f"{name} does not use the separator's settings (mode, augmentation, overlap, batch).",)


def require(kind: Kind, name: str) -> EngineInfo:
    """The engine of that name, or a combination `a+b`, not yet imported. Raises InputError for an unknown one."""
    combined = combination(kind, name)
    if combined is not None:
        members = tuple(require(kind, member).name for member in combined.members)
        target = next(info.target for info in COMBINED if info.kind == kind)
        joined = combined_name(kind, Combination(combined.rule, members))
        return EngineInfo(kind, joined, f"{combined.rule} of {', '.join(members)}", target, "combined")
    name = ALIASES.get((kind, name), name)
    base, _, rest = name.partition(":")
    of_a_name = next((info for info in OF_A_NAME if rest and (info.kind, info.name) == (kind, base)), None)
    if of_a_name is not None:
        return replace(of_a_name, name=name, arguments=(rest,))
    info = next((info for info in available(kind) if info.name == name), None)
    if info is None:
        near = get_close_matches(name, names(kind), n=1)
        asked = f"Did you mean {near[0]}? " if near else ""
        raise InputError(f"Unknown {kind} '{name}'. {asked}Choose one of: {', '.join(names(kind))}.")
    return info


def require_sound(audio: object, engine: str) -> Audio:
    """What a generator returned, if it is finite Audio. Raises EngineError naming the engine otherwise."""
    return contracts.require_sound(audio, f"The engine '{engine}'")


def check_stems(mix: Audio, stems: object, engine: str) -> Stems:
    """What a separator returned, if both stems are finite and shaped like the mix; EngineError naming it otherwise."""
    return contracts.check_stems(mix, stems, f"The separator '{engine}'")


def _build(kind: Kind, name: str, execution: Execution) -> object:
    """The engine of that name; one that runs networks is configured before anything else."""
    info = require(kind, name)
    if info.origin == "combined":
        return _combine(info, execution)
    engine = _own(info) if info.origin in OWN else plugins.build(kind, info.name, info.target, info.origin)
    if isinstance(engine, SupportsExecution):
        engine.configure(execution)
    return engine


def _combine(info: EngineInfo, execution: Execution) -> object:
    """The members of a combination, each configured, behind one engine."""
    combined = combination(info.kind, info.name)
    if combined is None:
        raise EngineError(f"expected a combination such as a+b, got {info.name!r}; name two engines joined by '+'.")
    members = {member: _build(info.kind, member, execution) for member in combined.members}
    return _own(replace(info, arguments=(members, combined.rule)))


def _own(info: EngineInfo) -> object:
    module, _, attribute = info.target.partition(":")
    try:
        return getattr(import_module(module), attribute)(*info.arguments)
    except (ImportError, AttributeError) as error:
        raise EngineError(
            f"The {info.kind} '{info.name}' cannot be loaded from {info.target}: {error}. Reinstall deepsound."
        ) from error

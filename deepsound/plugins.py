"""Engines of other packages: found unimported, held to the contract, named on failure.

A plug-in that cannot be imported, raises, or returns something else than it should is one EngineError that names it
and the distribution it came with; the other engines are not touched by it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound import contracts
from deepsound.engine_protocols import (
    Generator,
    Reasoner,
    Separator,
    SupportsExecution,
    SupportsNegativePrompt,
    SupportsPreferences,
    SupportsRequestNotes,
    SupportsViews,
    SupportsWeights,
)
from deepsound.errors import Cancelled, DeepSoundError, EngineError, MediaError, OutputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.numeric_defaults import numeric_defaults
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.runtime.sample_memory import copy_of
from deepsound.types import Audio, GenerationRequest, Judgement, Plan, Preferences, Stems

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

    from deepsound.media.clip import Clip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plugin:
    """An entry point: its name, `module:Class`, the package it came with, and that one's version and summary."""

    name: str
    target: str
    package: str
    version: str
    summary: str

    @property
    def origin(self) -> str:
        """The package and its version, as an error names them."""
        return f"{self.package} {self.version}".strip()


def find(group: str) -> tuple[Plugin, ...]:
    """The entry points of a group, sorted by package and name; a package that cannot be read is left out."""
    found = _installed(tuple(map(_state, sys.path))).get(group, {})
    return tuple(found[key] for key in sorted(found))


def _state(place: str) -> tuple[str, int, int]:
    """What changes when a package is installed into, or removed from, a folder of `sys.path`."""
    try:
        folder = Path(place or ".").stat()
    except (OSError, ValueError):
        return place, 0, 0
    return place, folder.st_ino, folder.st_mtime_ns


@lru_cache(maxsize=1)
def _installed(path: tuple[tuple[str, int, int], ...]) -> dict[str, dict[tuple[str, str], Plugin]]:
    """The plug-ins of every group, by package and name, while `path` is the state of `sys.path`.

    Reading hundreds of packages' entry points takes longer than all else that a menu needs, and menus are asked often.
    """
    if not _may_have_plugins():
        return {}
    from importlib.metadata import distributions

    found: dict[str, dict[tuple[str, str], Plugin]] = {}
    for distribution in distributions():
        try:
            for point in distribution.entry_points:
                if point.group.startswith("deepsound."):
                    plugin = _plugin(point, distribution)
                    # The first on the path is the one that is imported; a second copy of it is not another engine.
                    found.setdefault(point.group, {}).setdefault((plugin.package, plugin.name), plugin)
        except Exception as error:  # A damaged package must not take the others' engines away.
            log.debug("The entry points of a package cannot be read: %s: %s", type(error).__name__, error)
    return found


def _may_have_plugins() -> bool:
    """Whether any package names a group of ours, or lies where a look at folders does not tell.

    It saves importing importlib.metadata, which is a fourth of `deepsound engines`, where there are no plug-ins.
    """
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    return any(map(_may_hold_plugins, sys.path))


def _may_hold_plugins(place: str) -> bool:
    """`_may_have_plugins` of one place of `sys.path`: archives and eggs are left to importlib.metadata."""
    if place.endswith(".egg"):
        return True
    try:
        entries = list(Path(place or ".").iterdir())
    except NotADirectoryError:
        return True
    except (OSError, ValueError):
        return False
    return any(map(_names_a_group, (each for each in entries if each.suffix.lower() in (".dist-info", ".egg-info"))))


def _names_a_group(info: Path) -> bool:
    """Whether the entry points in a package's metadata folder name a group of ours."""
    try:
        return b"[deepsound." in (info / "entry_points.txt").read_bytes()
    except (NotADirectoryError, FileNotFoundError):
        return False
    except OSError:
        return True


def build(kind: str, name: str, target: str, origin: str) -> object:
    """The engine behind a plug-in's entry point, guarded. Raises EngineError when it cannot be had."""
    who = f"The {kind} '{name}' of {origin}"
    module, _, attribute = target.partition("[")[0].strip().partition(":")
    try:
        named: Any = reduce(getattr, attribute.strip().split("."), import_module(module.strip()))
        engine = named()
    except (Exception, SystemExit) as error:
        raise EngineError(
            f"{who} cannot be loaded from {target}: {_message_of(error)}. Reinstall {origin}, or choose another engine."
        ) from error
    step = _STEPS[kind]
    if not isinstance(engine, step.protocol):
        lacking = next((name for name in step.methods if name not in dir(engine)), step.methods[0])
        raise EngineError(
            f"{who} ({target}) has no {lacking}(): it does not follow the engine contract; ask its "
            "author, or choose another engine."
        )
    return step.guard(engine, who)


class _Guarded:
    """Stands before a plug-in's engine; whatever else the engine offers is passed on, guarded as well."""

    def __init__(self, engine: Any, who: str) -> None:
        self._engine = engine
        self._who = who

    @property
    def views(self) -> tuple[Any, ...]:
        """What the engine wants to see of a clip."""
        with attribute_errors(self._who):
            wanted = self._engine.views if isinstance(self._engine, SupportsViews) else ()
            return contracts.require_views(wanted, self._who)

    def configure(self, execution: Execution) -> None:
        if isinstance(self._engine, SupportsExecution):
            with attribute_errors(self._who):
                self._engine.configure(execution)

    def files(self) -> dict[str, Path]:
        if not isinstance(self._engine, SupportsWeights):
            return {}
        with attribute_errors(self._who):
            return contracts.require_files(self._engine.files(), self._who)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._engine, name)
        if not callable(found):
            return found

        def call(*arguments: Any) -> Any:
            with attribute_errors(self._who):
                return found(*map(_own_copy, arguments))

        return call


class _GuardedGenerator(_Guarded):
    @property
    def uses_negative_prompt(self) -> bool:
        with attribute_errors(self._who):
            return self._engine.uses_negative_prompt if isinstance(self._engine, SupportsNegativePrompt) else True

    def request_notes(self, request: GenerationRequest) -> tuple[str, ...]:
        if not isinstance(self._engine, SupportsRequestNotes):
            return ()
        with attribute_errors(self._who):
            return contracts.require_notes(self._engine.request_notes(request), self._who)

    def generate(self, clip: Clip, request: GenerationRequest, progress: Progress) -> Audio:
        with attribute_errors(self._who, progress) as watched:
            return contracts.require_sound(self._engine.generate(clip, request, watched), self._who)


class _GuardedReasoner(_Guarded):
    def prefer(self, preferences: Preferences) -> None:
        if isinstance(self._engine, SupportsPreferences):
            with attribute_errors(self._who):
                self._engine.prefer(preferences)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        with attribute_errors(self._who, progress) as watched:
            return contracts.require_plan(self._engine.plan(clip, watched), self._who)

    def judge(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        with attribute_errors(self._who, progress) as watched:
            return contracts.require_judgement(self._engine.judge(clip, _own_copy(audio), watched), self._who)


class _GuardedSeparator(_Guarded):
    def separate(self, audio: Audio, progress: Progress) -> Stems:
        with attribute_errors(self._who, progress) as watched:
            return contracts.check_stems(audio, self._engine.separate(_own_copy(audio), watched), self._who)


def _own_copy(argument: Any) -> Any:
    """A sound as a copy, which a plug-in may write on; anything else as it is."""
    return replace(argument, waveform=copy_of(argument.waveform)) if isinstance(argument, Audio) else argument


@dataclass(frozen=True)
class _Step:
    """What an engine of one kind must be, and what stands before it."""

    protocol: Any
    methods: tuple[str, ...]
    guard: type[_Guarded]


_STEPS: dict[str, _Step] = {
    "generator": _Step(Generator, ("generate",), _GuardedGenerator),
    "reasoner": _Step(Reasoner, ("plan", "judge"), _GuardedReasoner),
    "separator": _Step(Separator, ("separate",), _GuardedSeparator),
}


@contextmanager
def attribute_errors(who: str, progress: Progress = Progress()) -> Iterator[Progress]:
    """Inside, errors become EngineErrors that name `who`; yields the progress to hand on.

    What the host's own callbacks raise (it wants the run to end) is no fault of the plug-in and comes out as it was,
    even where the plug-in caught it and went on.
    """
    host = _Host(progress)
    try:
        with numeric_defaults():
            yield replace(progress, on_event=host.on_event, check=host.check)
    except (Exception, SystemExit) as error:
        if host.raised is not None:
            raise host.raised from None
        if isinstance(error, (Cancelled, MediaError, OutputError)) or _names(error, who):
            raise
        raise EngineError(
            f"{who} failed: {_message_of(error)}. Report it to its author, or choose another engine."
        ) from error
    if host.raised is not None:
        raise host.raised


class _Host:
    """The host's callbacks, remembering what they raised."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.raised: BaseException | None = None

    def on_event(self, event: ProgressEvent) -> None:
        self._remember(lambda: self._progress.on_event(event))

    def check(self) -> None:
        self._remember(self._progress.check)

    def _remember(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            self.raised = error
            raise


def _plugin(point: EntryPoint, distribution: Distribution) -> Plugin:
    facts = distribution.metadata
    package = str(facts["Name"] or "a package without a name")
    return Plugin(
        point.name, point.value, package, str(facts["Version"] or ""), str(facts["Summary"] or f"plug-in {point.value}")
    )


def _names(error: BaseException, who: str) -> bool:
    return isinstance(error, EngineError) and str(error).startswith(who)


def _message_of(error: BaseException) -> str:
    """An error in words: its own, behind its type's name unless it is one of ours, which are written for people."""
    text = str(error).strip().rstrip(".")
    if isinstance(error, DeepSoundError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

"""Engine contracts: runtime-checkable protocols, and base classes with the defaults.

An engine owes nothing but the methods of its step. What else it can do is found by these protocols alone, so that an
engine which offers none of it works as well; `docs/plugins.md` lists them for authors of plug-ins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import (
    Audio,
    GenerationRequest,
    Judgement,
    Plan,
    Preferences,
    SeparationSettings,
    Span,
    Stems,
    Verdict,
)

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.media.views import FrameConsumer

SceneT = TypeVar("SceneT", contravariant=True)
SettingsT = TypeVar("SettingsT", contravariant=True)

# The fields of a GenerationRequest that an engine may leave unused, by the words a person knows them under.
REQUEST_FIELDS = {
    "prompt": "the prompt",
    "negative_prompt": "the negative prompt",
    "steps": "the number of steps",
    "guidance": "the guidance strength",
    "window_s": "the window",
}


@runtime_checkable
class Generator(Protocol):
    """Step 1: coarse audio from a clip. The same clip, request and seed give the same samples."""

    def generate(self, clip: Clip, request: GenerationRequest, progress: Progress) -> Audio: ...


@runtime_checkable
class Reasoner(Protocol):
    """Steps 0 and 2: the plan, and whether the audio contains voice-over."""

    def plan(self, clip: Clip, progress: Progress) -> Plan: ...

    def judge(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement: ...


@runtime_checkable
class Separator(Protocol):
    """Step 3: voice and background; both stems keep the input's rate, length and channels."""

    def separate(self, audio: Audio, progress: Progress) -> Stems: ...


@runtime_checkable
class SupportsViews(Protocol):
    """Looks at a clip through `views`, all of which one decoding pass serves."""

    @property
    def views(self) -> Sequence[FrameConsumer[Any]]: ...


@runtime_checkable
class SupportsExecution(Protocol):
    """Runs networks: `configure` says where, in which precision and from which files, before anything else."""

    def configure(self, execution: Execution) -> None: ...


@runtime_checkable
class SupportsPreferences(Protocol):
    """A reasoner with choices: `prefer` says how to plan, how much to write, by which rule to read the answer."""

    def prefer(self, preferences: Preferences) -> None: ...


@runtime_checkable
class SupportsSeparationSettings(Protocol):
    """A separator with choices: `cut` sets chunking and test-time augmentation; InputError for impossible ones."""

    def cut(self, settings: SeparationSettings) -> None: ...


@runtime_checkable
class SupportsWeights(Protocol):
    """Reads weights: `files` gives their paths by what they are for, once the engine has run."""

    def files(self) -> Mapping[str, str | Path]: ...


@runtime_checkable
class SupportsFileCheck(Protocol):
    """Checks its files before a run's first step: EngineError or InputError where one is missing or of no use.

    Nothing is downloaded and no network is loaded; what a download may still bring is no error.
    """

    def check_files(self) -> None: ...


@runtime_checkable
class SupportsNegativePrompt(Protocol):
    """A generator that says whether a negative prompt changes its sound; false rules out the fallback `neg`.

    A generator without this attribute is taken to obey negative prompts.
    """

    @property
    def uses_negative_prompt(self) -> bool: ...


@runtime_checkable
class SupportsLora(Protocol):
    """A generator that takes the adapters of `Execution.loras`."""

    @property
    def takes_loras(self) -> bool: ...


@runtime_checkable
class SupportsAvoid(Protocol):
    """A generator that says whether it leaves spans of the picture out (`request.avoid`), as the fallback `mask` needs.

    A generator without this attribute is taken not to.
    """

    @property
    def avoids_spans(self) -> bool: ...


@runtime_checkable
class SupportsCompilation(Protocol):
    """An engine that says whether it runs networks through torch.compile (`execution.compiled`).

    An engine without this attribute is taken not to.
    """

    @property
    def compiles(self) -> bool: ...


@runtime_checkable
class SupportsInpainting(Protocol):
    """A generator that makes spans of a sound anew and continues what is around them."""

    def inpaint(
        self, clip: Clip, sound: Audio, spans: Sequence[Span], request: GenerationRequest, progress: Progress, /
    ) -> Audio: ...


@runtime_checkable
class SupportsSpanVerdicts(Protocol):
    """A reasoner that judges spans of a sound on their own: a verdict and why for each, after its `judge`."""

    def judge_spans(
        self, judgement: Judgement, spans: Sequence[Span], duration_s: float, /
    ) -> Sequence[tuple[Verdict, str]]: ...


@runtime_checkable
class SupportsRequestNotes(Protocol):
    """A generator that says, before the work, what of a request it will not use: one sentence each."""

    def request_notes(self, request: GenerationRequest) -> Sequence[str]: ...


@runtime_checkable
class SupportsTakes(Protocol[SceneT]):
    """A generator that makes several sounds of one request, and pays for what it is conditioned on once."""

    def takes(self, scene: SceneT, request: GenerationRequest, count: int, progress: Progress, /) -> list[Audio]: ...


@runtime_checkable
class SupportsSettings(Protocol[SettingsT]):
    """An engine with settings of its own, which `adjust` replaces."""

    def adjust(self, settings: SettingsT, /) -> None: ...


@runtime_checkable
class SupportsSettingsInUse(Protocol):
    """An engine that says what it works with, its own defaults filled in, as plain data for the record of a run."""

    def settings_in_use(self) -> Mapping[str, object]: ...


class EngineBase:
    """Defaults for any engine: no views, no weights, and the execution kept where its methods find it."""

    execution = Execution()

    @property
    def views(self) -> Sequence[FrameConsumer[Any]]:
        """What the engine looks at in a clip."""
        return ()

    def configure(self, execution: Execution) -> None:
        """Say how the networks are to be run, and from which files."""
        self.execution = execution

    def files(self) -> Mapping[str, str | Path]:
        """The weights in use, by what they are for."""
        return {}


class GeneratorBase(EngineBase):
    """Defaults for a generator: it uses all of a request; one that does not names the rest in `ignores`.

    `name` is how its notes call it. `ignores` holds names of REQUEST_FIELDS.
    """

    name = "this generator"
    ignores: frozenset[str] = frozenset()
    avoids_spans = False
    compiles = False
    takes_loras = False

    @property
    def uses_negative_prompt(self) -> bool:
        """Whether a negative prompt changes the sound."""
        return "negative_prompt" not in self.ignores

    def request_notes(self, request: GenerationRequest) -> Sequence[str]:
        """What of `request` was given for nothing, in one sentence; nothing where all of it is used."""
        given = {
            "prompt": bool(request.prompt.strip()),
            "negative_prompt": bool(request.negative_prompt.strip()),
            "steps": request.steps is not None,
            "guidance": request.guidance is not None,
            "window_s": bool(request.window_s),
        }
        unused = [words for field, words in REQUEST_FIELDS.items() if given[field] and field in self.ignores]
        if request.avoid and not self.avoids_spans:
            unused.append("the spans to avoid")
        return (f"{self.name} does not use {_join_names(unused)}.",) if unused else ()


class ReasonerBase(EngineBase):
    """Defaults for a reasoner: the preferences are kept where its methods find them."""

    preferences = Preferences()

    def prefer(self, preferences: Preferences) -> None:
        """Say how to plan, how much to write, and by which rule to read the answer."""
        self.preferences = preferences


class SeparatorBase(EngineBase):
    """Defaults for a separator."""


def _join_names(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last

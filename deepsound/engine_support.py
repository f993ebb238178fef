"""Queries of what an engine supports, with the defaults for engines that do not say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.engine_protocols import (
    Generator,
    SupportsAvoid,
    SupportsCompilation,
    SupportsFileCheck,
    SupportsInpainting,
    SupportsLora,
    SupportsNegativePrompt,
    SupportsRequestNotes,
    SupportsSettings,
    SupportsSettingsInUse,
    SupportsSpanVerdicts,
    SupportsTakes,
    SupportsViews,
    SupportsWeights,
)
from deepsound.errors import EngineError, InputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest, Judgement, Span, Verdict

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.media.views import FrameConsumer


def views(engine: object) -> Sequence[FrameConsumer[Any]]:
    """What an engine will look at in a clip: its `views`, or nothing for engines that read the file themselves."""
    return tuple(engine.views) if isinstance(engine, SupportsViews) else ()


def files(engine: object) -> dict[str, Path]:
    """The weights an engine has read, by what they are for; nothing for engines that have none."""
    if not isinstance(engine, SupportsWeights):
        return {}
    return {role: Path(path) for role, path in engine.files().items()}


def check_files(engine: object) -> None:
    """Raise what an engine finds wrong with its files before the work; nothing for engines that do not check them."""
    if isinstance(engine, SupportsFileCheck):
        engine.check_files()


def uses_negative_prompt(engine: object) -> bool:
    """Whether a generator can be asked again for a sound without something; true where it does not say."""
    return engine.uses_negative_prompt if isinstance(engine, SupportsNegativePrompt) else True


def avoids_spans(engine: object) -> bool:
    """Whether a generator leaves out spans of the picture; false where it does not say."""
    return engine.avoids_spans if isinstance(engine, SupportsAvoid) else False


def compile_notes(engine: object, name: str, execution: Execution) -> tuple[str, ...]:
    """One sentence where `execution` asks for torch.compile and the generator has nothing to compile, or nothing."""
    compiles = engine.compiles if isinstance(engine, SupportsCompilation) else False
    return (f"{name} does not use compile; MMAudio's generators do.",) if execution.compiled and not compiles else ()


def takes_loras(engine: object) -> bool:
    """Whether a generator takes LoRA adapters; false where it does not say."""
    return engine.takes_loras if isinstance(engine, SupportsLora) else False


def span_verdicts(
    engine: object,
) -> Callable[[Judgement, Sequence[Span], float], Sequence[tuple[Verdict, str]]] | None:
    """How a reasoner judges spans of a sound on their own; None where it judges whole clips."""
    return engine.judge_spans if isinstance(engine, SupportsSpanVerdicts) else None


def require_avoiding(engine: object, name: str) -> None:
    """Raise InputError for a generator that cannot leave out spans of the picture."""
    if not avoids_spans(engine):
        raise InputError(
            f"The generator {name!r} cannot leave out spans of the picture; choose the fallback neg, or another "
            "generator."
        )


def regenerate(
    engine: Generator, clip: Clip, sound: Audio, spans: Sequence[Span], request: GenerationRequest, progress: Progress
) -> Audio:
    """A sound of the clip that is new within `spans`: `sound` continued where the generator can, else another one."""
    if isinstance(engine, SupportsInpainting):
        return engine.inpaint(clip, sound, spans, request, progress)
    return engine.generate(clip, request, progress)


def request_notes(engine: object, request: GenerationRequest) -> tuple[str, ...]:
    """What a generator will not use of a request, one sentence each; nothing where it does not say."""
    return tuple(engine.request_notes(request)) if isinstance(engine, SupportsRequestNotes) else ()


def settings_in_use(engine: object) -> dict[str, object]:
    """What an engine works with beside the request, as plain data; nothing where it does not say."""
    return dict(engine.settings_in_use()) if isinstance(engine, SupportsSettingsInUse) else {}


def require_takes(engine: object, name: str) -> SupportsTakes[Any]:
    """`engine`, if it makes several takes. Raises EngineError otherwise."""
    if not isinstance(engine, SupportsTakes):
        raise EngineError(f"The generator {name!r} makes one sound at a time (it has no takes()); choose another one.")
    return engine


def require_settings(engine: object, name: str) -> SupportsSettings[Any]:
    """`engine`, if it has settings of its own. Raises EngineError otherwise."""
    if not isinstance(engine, SupportsSettings):
        raise EngineError(f"The engine {name!r} has no settings of its own (no adjust()); choose another one.")
    return engine

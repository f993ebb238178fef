"""Audio inpainting of spans with any generator; also what the fallback mode `mask` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deepsound import engines
from deepsound.engine_protocols import SupportsInpainting
from deepsound.media.splice import splice
from deepsound.repair.plan import KEEP
from deepsound.repair.render import match_format
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment
from deepsound.types import Audio, GenerationRequest, Span

if TYPE_CHECKING:
    from deepsound.media.clip import Clip


def regenerate_segments(
    engine: engines.Generator,
    name: str,
    clip: Clip,
    sound: Audio,
    segments: Sequence[Segment],
    request: GenerationRequest,
    hide_picture: bool = False,
    progress: Progress = Progress(),
) -> Audio:
    """`sound` with `segments` made anew, each by its own prompt where it has one; outside bit for bit what it was.

    A generator that can continues what is around a span; another makes a sound of its own, joined at equal power. Spans
    of one prompt are made at once. With `hide_picture` the picture does not lead within them. Raises InputError where
    the generator cannot hide it.
    """
    if hide_picture:
        engines.require_avoiding(engine, name)
    groups: dict[str, list[Span]] = {}
    for segment in segments:
        if segment.action != KEEP:
            groups.setdefault(segment.prompt or request.prompt, []).append(segment.span)
    final = sound
    for number, (prompt, spans) in enumerate(groups.items()):
        part = progress.part(number / len(groups), (number + 1) / len(groups))
        avoid = (*request.avoid, *spans) if hide_picture else request.avoid
        asked = replace(request, prompt=prompt, avoid=avoid)
        made = engines.require_sound(engines.regenerate(engine, clip, sound, spans, asked, part), name)
        continues = isinstance(engine, SupportsInpainting)
        final = splice(final, match_format(made, sound), spans, equal_power=not continues)
    return final

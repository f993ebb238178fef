"""A judgement as JSON for the reasoning panel: verdict, reasons, waveform, voiced spans."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from deepsound.errors import EngineError
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Judgement, Span

_COLUMNS = 600
# Listening again only for the picture of it must stay a matter of a second or two.
_LONGEST_LISTENED_S = 120.0
_MOST_SPANS = 500


def judgement_json(judgement: Judgement, taken_as: str, audio: Audio, progress: Progress) -> dict[str, Any]:
    """What the panel needs, as plain JSON; times in seconds, peaks in hundredths of full scale.

    Where the reasoner gives no voice spans, the voice detector finds them.
    """
    spans = judgement.voice_spans or _detected_spans(audio, progress)
    return {
        "verdict": judgement.verdict.value,
        "taken_as": taken_as,
        "category": judgement.category,
        "reasoning": judgement.thought.tagged(),
        "sound": {
            **waveform_json(audio),
            "spans": [[round(span.start_s, 2), round(span.end_s, 2)] for span in spans[:_MOST_SPANS]],
            "people": [round(time_s, 2) for time_s in judgement.people_times_s],
        },
    }


def waveform_json(audio: Audio) -> dict[str, Any]:
    """A sound's length and peaks, as the page draws them."""
    return {"duration": round(audio.duration_s, 3), "peaks": peaks(audio, _COLUMNS)}


def peaks(audio: Audio, columns: int) -> list[int]:
    """The highest absolute sample of each of `columns` equal stretches, any channel, 0 to 100; fewer for few samples.

    Samples that are not finite count as silence.
    """
    import torch

    samples = audio.waveform.detach().cpu()
    columns = min(columns, audio.samples)
    edges = [audio.samples * column // columns for column in range(columns + 1)] if columns else [0]
    found = []
    for first, last in pairwise(edges):
        stretch = samples[:, first:last]
        found.append(float(torch.maximum(stretch.amax(), -stretch.amin()).nan_to_num(0.0, 0.0, 0.0)))
    return [round(100 * min(peak, 1.0)) for peak in found]


def _detected_spans(audio: Audio, progress: Progress) -> tuple[Span, ...]:
    from deepsound.media.vad import voice_spans

    if audio.duration_s > _LONGEST_LISTENED_S or not audio.samples:
        return ()
    try:
        return voice_spans(audio, progress.at("listen"))
    except EngineError:
        # The detector is not installed, and the verdict stands without it.
        return ()

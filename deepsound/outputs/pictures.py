"""Plots of a run's sounds: waveform with voiced spans, and mel spectrogram."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from deepsound.media import plots
from deepsound.types import Audio, Span

ENDS = (".wave.png", ".mel.png")


def draw_pictures(audio: Audio, spans: Sequence[Span]) -> Iterator[tuple[str, np.ndarray]]:
    """The two pictures of a sound as (end of the name, uint8 [height, width, 3]), `spans` shaded in the waveform."""
    yield ENDS[0], plots.waveform_image(audio, 1200, 240, spans)
    yield ENDS[1], plots.mel_spectrogram_image(audio, 1200, 320)

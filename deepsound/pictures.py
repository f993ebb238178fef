"""Pictures of a run's sounds, beside the sounds."""

from __future__ import annotations

from pathlib import Path

from deepsound.outputs import Result
from deepsound.runtime.progress import Progress


def draw_pictures(result: Result, progress: Progress) -> list[Path]:
    """Write a waveform (voiced spans shaded) and a mel spectrogram beside each sound; returns the PNG files."""
    from deepsound.media import plots

    outcome = result.outcome
    sounds = {result.step1_audio_path: outcome.coarse, result.final_audio_path: outcome.final}
    if outcome.stems is not None:
        sounds[result.step3_audio_path] = outcome.stems.background
    drawn = []
    for path, audio in sounds.items():
        if path is None or audio is None:
            continue
        progress.check()
        spans = outcome.judgement.voice_spans if audio is outcome.coarse else ()
        for name, image in (
            ("wave", plots.waveform_image(audio, 1200, 240, spans)),
            ("mel", plots.mel_spectrogram_image(audio, 1200, 320)),
        ):
            target = path.with_suffix(f".{name}.png")
            plots.write_png(image, target)
            drawn.append(target)
    return drawn

"""Held-out report of a trained separator: before and after, as JSON, a table and a plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsound.evaluate.chart import Bar, Panel, draw_panels
from deepsound.media.files import atomic_write
from deepsound.media.png import write_png
from deepsound.runtime.execution import Execution
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.json_schemas import versioned
from deepsound.runtime.progress import Progress
from deepsound.separate.roformer import RoformerSeparator
from deepsound.train.backgrounds import SAMPLE_RATE, scale_to_rms
from deepsound.train.losses import si_sdr
from deepsound.train.mixing import BackgroundSource, VoiceSource
from deepsound.train.voices import active_rms, fill
from deepsound.types import Audio

LEVELS_DB = (-5.0, 0.0, 5.0, 10.0)
_COLOURS = ((120, 42, 60), (150, 205, 250))


def held_out_scores(
    name: str,
    weights: Mapping[str, Path],
    sources: tuple[VoiceSource, BackgroundSource],
    seed: int,
    progress: Progress,
    cases: int = 2,
    seconds: float = 4.0,
) -> dict[float, float]:
    """Mean SI-SDR improvement of the background in dB by the voice's level, on `cases` mixes of each level."""
    separator = RoformerSeparator(name)
    separator.configure(Execution(weights=dict(weights)))
    voices, backgrounds = sources
    samples = round(seconds * SAMPLE_RATE)
    found: dict[float, float] = {}
    for level in progress.track(LEVELS_DB, len(LEVELS_DB)):
        gains = []
        for case in range(cases):
            rng = np.random.default_rng([seed, 17, case])
            bed = scale_to_rms(backgrounds.draw(samples, rng), 0.1)
            voice = fill(samples, voices, rng)
            voice = voice * np.float32(10 ** (level / 20) * active_rms(bed) / max(active_rms(voice), 1e-6))
            mix = Audio.from_numpy((bed + voice)[None], SAMPLE_RATE)
            got = separator.separate(mix, Progress(check=progress.check)).background.waveform[0]
            wanted = torch.from_numpy(np.asarray(bed, np.float32))
            gains.append(float(si_sdr(got, wanted) - si_sdr(mix.waveform[0], wanted)))
        found[level] = sum(gains) / len(gains)
    return found


def write_report(
    out: Path, before: Mapping[float, float] | None, after: Mapping[float, float], more: dict[str, Any]
) -> dict[str, Any]:
    """Write report.json, report.md and report.png into `out`; returns what report.json holds."""
    sets = {name: rows for name, rows in (("before", before), ("after", after)) if rows}
    rounded = {name: {f"{level:g}": round(gain, 2) for level, gain in rows.items()} for name, rows in sets.items()}
    report = versioned("separator_training", {**more, "si_sdri_db": rounded})
    lines = ["| voice over background | " + " | ".join(sets) + " |", "| ---: |" + " ---: |" * len(sets)]
    for level in after:
        lines.append(f"| {level:+g} dB | " + " | ".join(f"{rows[level]:.2f} dB" for rows in sets.values()) + " |")
    text = "# Held-out sounds: SI-SDR improvement of the background\n\n" + "\n".join(lines) + "\n"
    for name, content in (("report.json", json_bytes(report)), ("report.md", text.encode())):
        with atomic_write(out / name) as partial:
            partial.write_bytes(content)
    panels = [
        Panel(
            f"{level:+g} dB",
            tuple(
                Bar(name, max(rows[level], 0.0), f"{rows[level]:.1f} dB", _COLOURS[number])
                for number, (name, rows) in enumerate(sets.items())
            ),
        )
        for level in after
    ]
    write_png(draw_panels("SI-SDR improvement of the background on held-out sounds", panels), out / "report.png")
    return report

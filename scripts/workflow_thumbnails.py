"""Square thumbnails of the workflows: a frame, the sounds, the steps with their engines.

`python scripts/workflow_thumbnails.py [NAME ...]`. The sounds are those of the engines that come with the package, of
the workflow's own clip: the published weights are not needed to draw them.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.workflows.titles import TITLES, file_name  # noqa: E402

SIDE, FRAME_HEIGHT, MARGIN, QUALITY = 512, 288, 18, 84
COLOURS = {"generated": "#5c8fef", "original": "#e39a5a", "final": "#4fae77", "voice": "#e06a4a"}
BACKGROUND, TEXT, CHIP = "#14181f", "#e8edf7", "#2b3444"
NARRATED = "narrated_landscape.mp4"
# The inputs that say which engine a step uses.
ENGINE_INPUTS = ("engine", "variant", "generator", "reasoner", "separator")
STEPS = ("Generate", "CoT", "Separate", "Span", "BestTake", "MixMaster", "ExportStems", "Pipeline", "Folder")


def nodes_of(name: str) -> list[dict[str, Any]]:
    return list(json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text(encoding="utf-8")).values())


def clip_of(nodes: list[dict[str, Any]]) -> str:
    named = next((node["inputs"]["file"] for node in nodes if "file" in node["inputs"]), None)
    return named or (NARRATED if _has_folder(nodes) else "silent_impacts.mp4")


def _has_folder(nodes: list[dict[str, Any]]) -> bool:
    return any("folder" in node["inputs"] for node in nodes)


@cache
def sounds_of(clip: str) -> dict[str, np.ndarray]:
    """Mono waveforms of a demo clip: its own sound cleaned, or one drafted for it."""
    from deepsound import engines
    from deepsound.media.clip import Clip
    from deepsound.runtime.progress import Progress
    from deepsound.types import GenerationRequest

    opened = Clip.open(ROOT / "demo" / clip)
    own = opened.audio()
    if own is None:
        made = engines.generator("draft").generate(opened, GenerationRequest(seed=42), Progress())
        return {"generated": made.numpy().mean(axis=0)}
    stems = engines.separator("bs_roformer_tiny").separate(own, Progress())
    parts = {"original": own, "voice": stems.voice, "final": stems.background}
    return {name: sound.numpy().mean(axis=0) for name, sound in parts.items()}


@cache
def frame_of(clip: str, share: float) -> np.ndarray:
    """The frame at that share of a clip, uint8 [height, width, 3]."""
    from deepsound.media.clip import Clip

    opened = Clip.open(ROOT / "demo" / clip)
    wanted = share * opened.duration_s
    return next(frame.rgb(SIDE) for frame in opened.frames() if frame.time_s >= wanted)


def draw(name: str) -> Any:
    """The thumbnail as a PIL image."""
    from PIL import Image, ImageDraw, ImageOps

    nodes = nodes_of(name)
    clip = clip_of(nodes)
    number = list(TITLES).index(name) + 1
    picture = Image.new("RGB", (SIDE, SIDE), BACKGROUND)
    has_video = any("file" in node["inputs"] for node in nodes) or _has_folder(nodes)
    if has_video:
        frame = Image.fromarray(frame_of(clip, 0.15 + 0.7 * ((number * 5) % 17) / 17))
        picture.paste(ImageOps.fit(frame, (SIDE, FRAME_HEIGHT)), (0, 0))
    pen = ImageDraw.Draw(picture)
    _draw_number(pen, number)
    _draw_steps(pen, nodes, FRAME_HEIGHT + 10 if has_video else 90)
    sounds = sounds_of(clip)
    top = FRAME_HEIGHT + 56 if has_video else 190
    height = (SIDE - MARGIN - top) // len(sounds)
    for index, (kind, samples) in enumerate(sounds.items()):
        _draw_wave(pen, samples, COLOURS[kind], top + index * height, height)
    return picture


def _draw_number(pen: Any, number: int) -> None:
    pen.rounded_rectangle((MARGIN, MARGIN, MARGIN + 64, MARGIN + 48), 12, fill=BACKGROUND)
    pen.text((MARGIN + 32, MARGIN + 24), f"{number:02}", fill=TEXT, font=_font(30), anchor="mm")


def _draw_steps(pen: Any, nodes: list[dict[str, Any]], top: int) -> None:
    """A chip for each engine, in the order of the graph, as far as the row has room."""
    steps = [node for node in nodes if any(step in node["class_type"] for step in STEPS)]
    names = [
        str(node["inputs"].get(key))
        for node in steps
        for key in (*ENGINE_INPUTS, "")
        if key in node["inputs"] and isinstance(node["inputs"][key], str)
    ]
    left, font = MARGIN, _font(17)
    for name in dict.fromkeys(names):
        width = pen.textlength(name, font=font) + 20
        if left + width > SIDE - MARGIN:
            break
        pen.rounded_rectangle((left, top, left + width, top + 32), 16, fill=CHIP)
        pen.text((left + width / 2, top + 16), name, fill=TEXT, font=font, anchor="mm")
        left += width + 8


def _draw_wave(pen: Any, samples: np.ndarray, colour: str, top: int, height: int) -> None:
    columns = np.array_split(np.abs(samples), (SIDE - 2 * MARGIN) // 4)
    loudest = max(float(np.abs(samples).max()), 1e-3)
    for index, column in enumerate(columns):
        tall = max(2.0, float(column.max()) / loudest * (height - 8))
        left, middle = MARGIN + 4 * index, top + height / 2
        pen.rectangle((left, middle - tall / 2, left + 2, middle + tall / 2), fill=colour)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def main(names: list[str]) -> None:
    available = [name for name in TITLES if (ROOT / "workflows" / "api" / f"{name}.json").is_file()]
    for name in names or available:
        path = ROOT / "workflows" / f"{file_name(name)}.jpg"
        draw(name).save(path, quality=QUALITY, optimize=True)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])

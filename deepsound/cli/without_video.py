"""`deepsound run --text_only` and `deepsound run PICTURE`: step 1 alone, without a video."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound import __version__, engines
from deepsound.cli.display import Display
from deepsound.errors import InputError, OutputError
from deepsound.media.files import atomic_write, require_writable
from deepsound.media.wav import write_wav
from deepsound.outputs.naming import output_stem
from deepsound.preparation import take_template
from deepsound.presets import AUTO, preset
from deepsound.prompt_presets import join_prompt
from deepsound.rank.limits import MOST_TAKES
from deepsound.runtime.execution import Execution
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
from deepsound.runtime.paths import expand, is_file
from deepsound.runtime.progress import Progress
from deepsound.runtime.seeds import consecutive_seeds
from deepsound.selection import PREFERRED, is_at_hand
from deepsound.types import Audio, GenerationRequest
from deepsound.weights.missing import MissingWeightsError, missing_weights
from deepsound.weights.search_paths import default_search_paths

if TYPE_CHECKING:
    import torch

    from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
    from deepsound.media.sequence import ImageSequence

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
TEXT_STEM = "text"
# Takes a picture too, and has no sound of words alone.
STILLS_BESIDE_MMAUDIO = "seeing_hearing"
USUAL_S = 8.0
MMAUDIO = tuple(name for name in PREFERRED["generator"] if name.startswith("mmaudio_"))
NOTE = (
    "Step 1 alone was taken: without a video there is nobody to be seen, so nothing was judged or removed, and no "
    "video was made."
)


def has_no_video(options: argparse.Namespace) -> bool:
    """Whether the flags ask for a sound of words alone, or of one picture. Raises InputError for several pictures."""
    named = _named(options)
    pictures = [name for name in named if name.lower().endswith(PICTURES)]
    if pictures and len(named) > 1:
        raise InputError(f"{pictures[0]} is a picture, and {len(named)} files were named; give each picture a run.")
    return bool(options.text_only or pictures)


def _named(options: argparse.Namespace) -> list[str]:
    return [*map(str, options.video), *([] if options.video_input is None else [options.video_input])]


def generate(
    options: argparse.Namespace, execution: Execution, display: Display, progress: Progress
) -> list[dict[str, Any]]:
    """Write `<stem>.wav` and `<stem>.result.json` for every take and return the records.

    The stem is the picture's, or `text`. Raises InputError for a generator that needs a video, or for flags that do
    not go together, and what the generator raises.
    """
    picture = _picture(options)
    if not 1 <= options.takes <= MOST_TAKES:
        raise InputError(f"The number of takes is {options.takes}; expected 1 to {MOST_TAKES}.")
    name = _generator(options, execution)
    request = _request(options)
    folder = expand(options.output_dir, OutputError)
    own = [replace(request, seed=seed) for seed in consecutive_seeds(request.seed, options.takes)]
    stems = [_stem(options, picture, name, each.seed, number) for number, each in enumerate(own, 1)]
    if options.no_overwrite:
        _refuse_present(folder, stems)
    engine = engines.generator(name, execution.unquantised)
    notes = (NOTE, *engines.request_notes(engine, request), *engines.compile_notes(engine, name, execution))
    for note in notes:
        display.note(note)
    visual = _still(picture, request) if name == STILLS_BESIDE_MMAUDIO else _condition(picture)
    require_writable(folder)
    sounds = engines.require_takes(engine, name).takes(visual, request, options.takes, progress.at("generate"))
    weights = {role: str(path) for role, path in engines.files(engine).items()}
    records = []
    for each, stem, sound in zip(own, stems, sounds, strict=True):
        record = {
            VERSION_KEY: SCHEMAS["sound"].version,
            "deepsound_version": __version__,
            "picture": None if picture is None else str(picture),
            "generator": name,
            "request": asdict(each),
            "engine_settings": {name: engines.settings_in_use(engine)},
            "weights": weights,
            "notes": list(notes),
        }
        records.append(_write_files(folder, stem, sound, record))
        display.note(f"{records[-1]['final_audio_path']}: {sound.duration_s:.2f} s, seed {each.seed}")
    return records


def _request(options: argparse.Namespace) -> GenerationRequest:
    return GenerationRequest(
        join_prompt(options.prompt_preset, options.prompt),
        options.negative_prompt,
        options.seed,
        options.duration,
        options.steps,
        options.guidance,
        options.window,
    )


def _stem(options: argparse.Namespace, picture: Path | None, generator: str, seed: int, number: int) -> str:
    """What a take's files are called. Raises InputError for a template of unknown fields."""
    template = take_template(options.output_template, number, options.takes)
    values = {"stem": TEXT_STEM if picture is None else picture.stem, "ext": "", "start": "0", "mode": "s3"}
    values |= {"generator": generator, "reasoner": "none", "separator": "none", "fallback": "none"}
    return output_stem(template, {**values, "seed": seed})


def _refuse_present(folder: Path, stems: list[str]) -> None:
    for path in (folder / f"{stem}{suffix}" for stem in stems for suffix in (".wav", ".result.json")):
        if is_file(path, OutputError):
            raise OutputError(
                f"{path} exists already and is not to be overwritten; choose another output folder or template."
            )


def _picture(options: argparse.Namespace) -> Path | None:
    video = next(iter(_named(options)), None)
    if options.text_only and video is not None:
        raise InputError(f"--text_only makes sound of words alone, and {video} was named; leave one of them out.")
    if options.text_only and not join_prompt(options.prompt_preset, options.prompt).strip():
        raise InputError("--text_only needs words; say with --prompt what it should sound like.")
    return None if options.text_only or video is None else expand(video)


def _generator(options: argparse.Namespace, execution: Execution) -> str:
    """The generator that was named, the preset's, or the best MMAudio whose weights are installed."""
    named = options.generator if options.generator != AUTO else preset(options.preset).generator
    if named == AUTO:
        places = default_search_paths(execution.weights)
        named = next((name for name in MMAUDIO if is_at_hand(name, places)), MMAUDIO[0])
        missing = None if execution.download else missing_weights(named, places)
        if missing is not None:
            raise MissingWeightsError(missing)
    name = engines.require("generator", named).name
    if name == STILLS_BESIDE_MMAUDIO and not options.text_only:
        return name
    if not name.startswith("mmaudio_"):
        raise InputError(
            f"{name} needs a video; a picture or words alone are for mmaudio_*, as in --generator {MMAUDIO[0]}, a "
            f"picture for {STILLS_BESIDE_MMAUDIO} too."
        )
    return name


def _condition(picture: Path | None) -> VisualCondition:
    from deepsound.generate.mmaudio.visual_conditioning import VisualCondition

    return VisualCondition() if picture is None else VisualCondition(still=_pixels(picture))


def _still(picture: Path | None, request: GenerationRequest) -> ImageSequence:
    """The picture as a scene of the asked-for length, 8 s where none is asked for."""
    from deepsound.media.sequence import still_scene

    if picture is None:
        raise InputError(f"{STILLS_BESIDE_MMAUDIO}: expected a picture or a video, got none; name one.")
    return still_scene(_pixels(picture).permute(1, 2, 0).float() / 255, request.duration_s or USUAL_S)


def _pixels(picture: Path) -> torch.Tensor:
    """The picture's pixels, uint8 [3, height, width]."""
    import numpy as np
    import torch
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture) as image:
            pixels = np.array(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"The picture {picture} cannot be read ({error}); choose another one.") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _write_files(folder: Path, stem: str, sound: Audio, record: dict[str, Any]) -> dict[str, Any]:
    path, about = folder / f"{stem}.wav", folder / f"{stem}.result.json"
    record = {**record, "final_audio_path": str(path)}
    write_wav(sound, path)
    with atomic_write(about) as partial:
        partial.write_bytes(json_bytes(record))
    return record

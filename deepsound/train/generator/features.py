"""Features of training clips for MMAudio, extracted once: latents, CLIP, sync, text."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.errors import Cancelled, DeepSoundError, InputError, MissingPackage, OutputError
from deepsound.generate.mmaudio.components import MMAudioComponents
from deepsound.generate.mmaudio.conditions import encode_conditions
from deepsound.generate.mmaudio.request import validate_request
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.audio import fit_length, resample, to_mono
from deepsound.media.clip import Clip
from deepsound.media.files import require_writable
from deepsound.models.mel import MEL_16K, MEL_44K, MelSpectrogram
from deepsound.models.mmaudio.lengths import LATENTS_16K
from deepsound.runtime.paths import escaped, is_file
from deepsound.runtime.progress import Progress
from deepsound.train.checkpoint_file import write_tensors
from deepsound.train.flow_matching import FlowBatch
from deepsound.train.item_checks import ItemProblem
from deepsound.types import Audio, GenerationRequest
from deepsound.weights.load import read_tensors
from deepsound.weights.missing import MissingWeightsError

TABLE = "captions.csv"
# As the original scales the sounds of its training split.
_PEAK = 0.95
_SILENT = 1e-6


@dataclass(frozen=True)
class FlowItem:
    """A clip's features in `file`; `path` is the clip."""

    path: Path
    file: Path

    def load(self) -> dict[str, Tensor]:
        """`mean`, `std` [latents, latent_dim], `clip`, `sync` and `text` [tokens, width], float32."""
        return {name: tensor.float() for name, tensor in read_tensors(self.file).items()}


def captions_of(folder: Path, clips: Sequence[Path], prompt: str) -> dict[Path, str]:
    """What each clip sounds like: by captions.csv (video, caption), else a .txt beside it, else `prompt` for all.

    Raises InputError for a table without these columns.
    """
    table = _table(folder / TABLE)
    found = {}
    for clip in clips:
        beside = clip.with_suffix(".txt")
        name = clip.relative_to(folder).as_posix()
        text = table.get(name, table.get(clip.name))
        if text is None and is_file(beside):
            text = beside.read_text(encoding="utf-8", errors="replace").strip()
        found[clip] = prompt if text is None else text
    return found


def extract_features(
    components: MMAudioComponents,
    captions: Mapping[Path, str],
    seconds: float,
    cache: Path,
    progress: Progress,
) -> tuple[list[FlowItem], list[ItemProblem]]:
    """The features of the first `seconds` of each clip, from the cache where they are there, and what was left out."""
    require_writable(cache)
    items, problems = [], []
    for path, caption in progress.track(list(captions.items()), len(captions)):
        try:
            status = path.stat()
            source = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{caption}|{seconds}"
            source += "".join(str(components.key(role)) for role in ("encoder", "clip", "synchformer"))
            file = cache / f"{hashlib.sha256(source.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}.safetensors"
            if not is_file(file):
                made = _features(components, path, caption, seconds, Progress(check=progress.check))
                write_tensors({name: tensor.contiguous().clone() for name, tensor in made.items()}, file)
            items.append(FlowItem(path, file))
        except (Cancelled, OutputError, MissingPackage, MissingWeightsError):
            raise
        except (DeepSoundError, OSError) as error:
            problems.append(ItemProblem(escaped(path), str(error)))
    return items, problems


def batch_of(items: Sequence[FlowItem], device: torch.device) -> FlowBatch:
    """The items' features together; every item has video and text."""
    loaded = [item.load() for item in items]

    def stacked(name: str) -> Tensor:
        return torch.stack([each[name] for each in loaded]).to(device)

    there = torch.ones(len(items), dtype=torch.bool, device=device)
    return FlowBatch(stacked("mean"), stacked("std"), stacked("clip"), stacked("sync"), stacked("text"), there, there)


def _features(
    components: MMAudioComponents, path: Path, caption: str, seconds: float, progress: Progress
) -> dict[str, Tensor]:
    clip = Clip.open(path, 0.0, seconds)
    if clip.duration_s < seconds - 0.02:
        raise InputError(f"expected a clip of {seconds:g} s or more, got {clip.duration_s:.2f} s; use a longer one.")
    audio = clip.audio(progress)
    if audio is None or not audio.samples or float(audio.waveform.abs().max()) <= _SILENT:
        raise InputError("expected a clip with sound, got a silent one; remove it.")
    request = validate_request(GenerationRequest(prompt=caption, duration_s=seconds), seconds, 1)
    features = encode_conditions(components, VisualCondition(clip), request, progress)
    if features.clip is None or features.sync is None:
        raise InputError("expected a clip with pictures, got one without; remove it.")
    mean, std = _latents(components, audio, components.rate.latents(features.usable_s), progress)
    conditions = {"clip": features.clip[0], "sync": features.sync[0], "text": features.text[0]}
    return {"mean": mean, "std": std} | {name: tensor.float().cpu() for name, tensor in conditions.items()}


def _latents(components: MMAudioComponents, audio: Audio, length: int, progress: Progress) -> tuple[Tensor, Tensor]:
    """Mean and deviation [length, latent_dim] of the autoencoder, which are not normalised."""
    rate = components.rate
    mono = to_mono(audio)
    scaled = Audio(mono.waveform * (_PEAK / mono.waveform.abs().max().clamp_min(_SILENT)), mono.sample_rate)
    sound = fit_length(resample(scaled, rate.sample_rate, progress), rate.samples(length))
    with components.stage(progress) as stage:
        spectrogram = MelSpectrogram(MEL_16K if rate == LATENTS_16K else MEL_44K).to(stage.device)
        network = stage.encoder()
        distribution = network.encode(spectrogram(sound.waveform.to(stage.device)).to(stage.dtype))
        mean, std = (
            F.pad(part, (0, length - part.shape[-1]))[0].T.float().cpu().clone()
            for part in (distribution.mean, distribution.std)
        )
    return mean, std


def _table(path: Path) -> dict[str, str]:
    if not is_file(path):
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{escaped(path)} cannot be read as a table: {error}. Save it as CSV in UTF-8.") from error
    if rows and not {"video", "caption"} <= rows[0].keys():
        raise InputError(
            f"{escaped(path)}: expected the columns video and caption, got {', '.join(map(str, rows[0]))}; add what is "
            "missing."
        )
    return {row["video"]: row["caption"] or "" for row in rows if row["video"]}

"""ImageBind's towers within the aligner: texts, pictures and sounds to embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from deepsound.generate.aligner.components import AlignedStage, NetworkSource
from deepsound.generate.aligner.front_ends import audio_windows, video_windows
from deepsound.generate.clip_tokenizer import tokenizer
from deepsound.models.clip.tokenizer import OPENAI_MARKS
from deepsound.models.imagebind.config import Modality
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.imagebind.weights import config_of, state_dict
from deepsound.runtime.digests import digest_of
from deepsound.runtime.feature_cache import feature_cache
from deepsound.weights.diffusers_folder import read_content
from deepsound.weights.load import load_into_meta, read_tensors

WEIGHTS, TABLE = "metrics/imagebind", "clip/bpe"
ADVICE = "Get it again with `deepsound models download metrics/imagebind`, or name another one."
# Around the tensors in files that were saved by others.
_WRAPPERS = ("model", "state_dict")
_WORKING_BYTES: dict[Modality, int] = {"vision": 2 << 30, "audio": 1 << 30, "text": 1 << 28}


def sources(path: Path) -> dict[str, NetworkSource]:
    """The three towers of the file at `path`, by the roles `imagebind_vision` and the like."""
    return {
        f"imagebind_{modality}": NetworkSource((path,), partial(_tower, path, modality), room, in_float32=True)
        for modality, room in _WORKING_BYTES.items()
    }


def embed_text(stage: AlignedStage, text: str, table: Path) -> Tensor:
    """The embedding [1, width] of a text, a constant."""
    ids = tokenizer(table, OPENAI_MARKS)([text])
    key = (stage.components.key("imagebind_text"), stage.device.type, text)
    found = feature_cache().get(key, lambda: stage.network("imagebind_text").embed_text(ids.to(stage.device)))
    return found.to(stage.device)


def embed_pictures(stage: AlignedStage, pictures: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """The embedding [1, width] of pictures [B, 3, 224, 224] in [0, 1], two for each window, one window at a time."""
    tower = stage.network("imagebind_vision")
    distinct = list(dict.fromkeys(pairs))
    parts = {pair: stage.run(tower.embed_video, video_windows(pictures, [pair])) for pair in distinct}
    return torch.stack([parts[pair] for pair in pairs]).mean(dim=0)


def embed_constant_pictures(stage: AlignedStage, pictures: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """The same for pictures that no gradient is wanted of; cached by their content."""
    content = digest_of(pictures.numpy().tobytes(), str(list(pairs)))
    key = (stage.components.key("imagebind_vision"), stage.device.type, content)
    found = feature_cache().get(key, lambda: embed_pictures(stage, pictures.to(stage.device), pairs))
    return found.to(stage.device)


def embed_sound(stage: AlignedStage, waveform: Tensor, count: int) -> Tensor:
    """The embedding [1, width] of a waveform [1, samples] at 16 kHz in `count` windows."""
    tower = stage.network("imagebind_audio")
    embedding: Tensor = stage.run(tower.embed_audio, audio_windows(waveform, count))
    return embedding


def _tower(path: Path, modality: Modality, dtype: torch.dtype) -> nn.Module:
    tensors = read_tensors(path, _WRAPPERS)
    config = read_content(path, ADVICE, config_of, tensors)
    return load_into_meta(partial(ImageBind, config, [modality]), state_dict(tensors, [modality]), dtype, path)

"""VideoLLaMA2 checkpoint folder: configuration, tokenizer, three networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from deepsound.errors import EngineError
from deepsound.models.beats.weights import first_layer_name
from deepsound.models.videollama2 import weights
from deepsound.models.videollama2.config import VideoLlama2Config
from deepsound.models.videollama2.encoders import AudioEncoder, VisionEncoder
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.decoding import GenerationSettings
from deepsound.reason.videollama2.tokenizer import QwenTokenizer, load_tokenizer
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.weights.formats import MALFORMED, read_settings
from deepsound.weights.load import load_into_meta, read_tensors
from deepsound.weights.lora import CONFIG, WEIGHTS, LoraFile, is_adapter, merge, read_lora

T = TypeVar("T")

_INDEX = "model.safetensors.index.json"
# What else a generation_config.json can ask of greedy decoding; the published ones ask for none of it.
_NEUTRAL = {
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "min_new_tokens": None,
    "min_length": 0,
    "bad_words_ids": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "forced_eos_token_id": None,
    "sequence_bias": None,
    "num_beams": 1,
}
_AGAIN = "Get the folder again with `deepsound models download`, or name another one."


@dataclass(frozen=True)
class VideoLLaMA2Checkpoint:
    """The published files in `folder`; `siglip` is the folder or file of a vision tower for those that lack their own.

    `audio_files` hold BEATs and its projector for a folder without them, as VideoLLaMA2.1-7B-16F.

    Nothing is read before it is asked for. Everything raises EngineError, naming the file, where something is missing
    or is not what it should be.
    """

    folder: Path
    siglip: Path | None = None
    adapter: Path | None = None
    audio_files: tuple[Path, ...] = ()

    @classmethod
    def open(
        cls, folder: Path, siglip: Path | None = None, audio_files: tuple[Path, ...] = ()
    ) -> VideoLLaMA2Checkpoint:
        """The checkpoint in `folder`; of an adapter's folder, the base it names with the adapter on it."""
        if not is_adapter(folder):
            return cls(folder, siglip, audio_files=audio_files)
        base = read_settings(folder / CONFIG, _AGAIN).get("base_model_name_or_path")
        if not isinstance(base, str) or not is_dir(folder / base, EngineError):
            raise EngineError(
                f"The adapter in {folder} names the base {str(base)!r}, which is not there. Put the base's folder "
                "there, or write its place into adapter_config.json."
            )
        return cls(folder / base, siglip, folder, audio_files)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """config.json."""
        return _json(self.folder / "config.json", required=True)

    @cached_property
    def generation(self) -> GenerationSettings:
        """What generation_config.json says of greedy decoding; without one, what config.json does."""
        path = self.folder / "generation_config.json"
        stated = _json(path) or self.settings
        asked = sorted(name for name, neutral in _NEUTRAL.items() if stated.get(name, neutral) not in (neutral, None))
        if asked:
            raise EngineError(
                f"{path} asks for {', '.join(asked)}, which this engine does not know: the answers would "
                "not be the published model's. Take it out, or use the published folder."
            )
        return self._read_config(_generation, stated, source=path)

    @cached_property
    def tokenizer(self) -> QwenTokenizer:
        return load_tokenizer(self.folder)

    @cached_property
    def frames(self) -> int:
        """How many frames of a clip the model is shown."""
        return self._read_config(weights.frames_of, self.settings)

    @cached_property
    def config(self) -> VideoLlama2Config:
        """The sizes of all three networks."""
        own = _json(self.siglip / "config.json") if self.siglip is not None and is_dir(self.siglip, EngineError) else {}
        return self._read_config(
            weights.config_of,
            self.settings,
            self._tensors(),
            self._tower(),
            own.get("vision_config", own) if not self.has_tower else {},
        )

    @cached_property
    def has_tower(self) -> bool:
        """Whether the vision tower is in the folder itself."""
        return bool(weights.embedded_tower(self._tensors()))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files that hold weights."""
        own = sorted(self.folder.glob("*.safetensors")) or sorted(self.folder.glob("pytorch_model*.bin"))
        if self.adapter is not None:
            own.append(self.adapter / WEIGHTS)
        own += self.audio_files
        if self.siglip is None or self.has_tower:
            return tuple(own)
        other = sorted(self.siglip.glob("*.safetensors")) if is_dir(self.siglip, EngineError) else [self.siglip]
        return (*own, *other)

    def language(self, dtype: torch.dtype) -> LanguageModel:
        """The language model, in eval mode, on the CPU; likewise the two below."""
        config = self.config.language
        return load_into_meta(
            lambda: LanguageModel(config),
            self.with_adapter(weights.language_state(self._tensors())),
            dtype,
            self.folder,
        )

    def vision(self, dtype: torch.dtype) -> VisionEncoder:
        config = self.config
        tensors = self.with_adapter(self._tensors(), updates=False)
        state = weights.vision_state(tensors, self._tower(), config.vision.used_layers)
        return load_into_meta(lambda: VisionEncoder(config.vision, config.connector), state, dtype, self.folder)

    def audio(self, dtype: torch.dtype) -> AudioEncoder:
        config = self.config
        state = self._read_config(weights.audio_state, self.with_adapter(self._tensors(), updates=False))
        return load_into_meta(lambda: AudioEncoder(config.audio, config.language.width), state, dtype, self.folder)

    @cached_property
    def _lora(self) -> LoraFile | None:
        return None if self.adapter is None else read_lora(self.adapter)

    def with_adapter(self, tensors: Mapping[str, Tensor], updates: bool = True) -> dict[str, Tensor]:
        """Some of the base's tensors with the adapter's in them, if there is one; low-rank `updates` only if wanted.

        BEATs' shared bias table is written over every layer's copy of it.
        """
        if self._lora is None:
            return dict(tensors)
        whole = {
            name: self._lora.whole[first_layer_name(name)]
            for name in tensors
            if first_layer_name(name) in self._lora.whole
        }
        low_rank = {name: update for name, update in self._lora.updates.items() if updates and name in tensors}
        return merge(tensors, LoraFile(self._lora.path, low_rank, whole))

    def _tensors(self) -> dict[str, Tensor]:
        """All tensors, mapped from their files: what is not used is not read."""
        index = _json(self.folder / _INDEX).get("weight_map", {})
        if not isinstance(index, Mapping) or not all(isinstance(name, str) for name in index.values()):
            raise EngineError(
                f"The weight_map in {self.folder / _INDEX} is not files by tensor; expected names of files. {_AGAIN}"
            )
        listed = set(index.values())
        missing = sorted(escaped(name) for name in listed if not is_file(self.folder / name, EngineError))
        if missing:
            raise EngineError(
                f"The folder {self.folder} lacks {', '.join(missing[:5])} of its {len(listed)} files of weights. "
                f"{_AGAIN}"
            )
        found = read_tensors(self.folder)
        for file in self.audio_files:
            found |= self._read_config(weights.separate_audio, read_tensors(file), source=file)
        return found

    def _tower(self) -> dict[str, Tensor]:
        embedded = weights.embedded_tower(self._tensors())
        if embedded:
            return embedded
        if self.siglip is None:
            raise EngineError(
                f"The weights in {self.folder} come without a vision tower, and no SigLIP was found. "
                "Fetch it with `deepsound models download siglip/so400m_384`."
            )
        return self._read_config(weights.separate_tower, read_tensors(self.siglip), source=self.siglip)

    def _read_config(self, reader: Callable[..., T], *arguments: Any, source: Path | None = None) -> T:
        """What `reader` says; what it fails with as an EngineError that names the folder."""
        try:
            return reader(*arguments)
        except MALFORMED as error:
            raise EngineError(f"{source or self.folder} cannot be used: {error}. {_AGAIN}") from error


def _generation(stated: Mapping[str, Any]) -> GenerationSettings:
    ends = stated.get("eos_token_id")
    ids = ends if isinstance(ends, list) else [] if ends is None else [ends]
    return GenerationSettings(frozenset(map(int, ids)), float(stated.get("repetition_penalty") or 1.0))


def _json(path: Path, required: bool = False) -> dict[str, Any]:
    """The settings in a JSON file; none where there is no such file, unless it is required."""
    if not is_file(path, EngineError) and not required:
        return {}
    return read_settings(path, _AGAIN)

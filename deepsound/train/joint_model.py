"""VideoLLaMA2's three networks as one module that learns: the audio-video joint stage.

Original: `third_party/VideoLLaMA2/videollama2/model/videollama2_arch.py`. Video tokens, then audio tokens, stand where
an item's placeholder is.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.beats.model import BEATS_TRAINING, BeatsTrainingRules
from deepsound.models.videollama2.batch import IGNORED, expand, visible_tokens
from deepsound.models.videollama2.encoders import AudioEncoder, VisionEncoder
from deepsound.models.videollama2.language import LanguageModel
from deepsound.models.videollama2.weights import VISION_TOWER

_TOWER = "vision.vision_tower."


class JointModel(nn.Module):
    """Vision encoder, audio encoder and language model; `forward` gives token losses of a padded batch.

    In training mode BEATs learns by `rules`, the original's; None leaves its gradients plain.
    """

    def __init__(
        self,
        vision: VisionEncoder,
        audio: AudioEncoder,
        language: LanguageModel,
        rules: BeatsTrainingRules | None = BEATS_TRAINING,
    ) -> None:
        super().__init__()
        self.vision, self.audio, self.language = vision, audio, language
        audio.audio_tower.encoder.training_rules = rules

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor,
        parts: Tensor,
        attention_mask: Tensor,
        frames: Tensor | None = None,
        frame_rows: Tensor | None = None,
        filterbanks: Tensor | None = None,
        filterbank_rows: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses and parts of the N labelled tokens, [N] each, and where they stand in the expanded rows, [N, 2].

        `input_ids`, `labels`, `parts` and `attention_mask` are [B, tokens] as `collate_texts` makes them; `frames`
        [videos, frames, 3, size, size] belong to the rows `frame_rows` [videos], `filterbanks` [sounds, frames, mel
        bins] to `filterbank_rows` [sounds].
        """
        media = self.media_tokens(len(input_ids), frames, frame_rows, filterbanks, filterbank_rows)
        batch = expand(input_ids, labels, attention_mask, media, self.language.embed)
        where = (batch.labels[:, 1:] != IGNORED).nonzero()
        # The head is computed for labelled tokens alone: of a long prompt its logits would be most of the memory.
        hidden = self.language.model(batch.embeddings, None, visible_tokens(batch.mask))
        logits = self.language.lm_head(hidden[where[:, 0], where[:, 1]]).float()
        targets = batch.labels[where[:, 0], where[:, 1] + 1]
        losses = F.cross_entropy(logits, targets, reduction="none")
        return {"losses": losses, "parts": parts[labels != IGNORED], "where": where, "labels": batch.labels}

    def media_tokens(
        self,
        rows: int,
        frames: Tensor | None,
        frame_rows: Tensor | None,
        filterbanks: Tensor | None,
        filterbank_rows: Tensor | None,
    ) -> list[Tensor]:
        """The media tokens [tokens, width] of each row: video, then sound; none of a row that has neither."""
        width, device = self.language.config.width, self.language.device
        found = [torch.zeros(0, width, device=device, dtype=self.language.dtype) for _ in range(rows)]
        if frames is not None and frame_rows is not None:
            for row, tokens in zip(frame_rows.tolist(), self._video_tokens(frames), strict=True):
                found[row] = torch.cat((found[row], tokens.to(found[row].dtype)))
        if filterbanks is not None and filterbank_rows is not None:
            for row, tokens in zip(filterbank_rows.tolist(), self.audio(filterbanks), strict=True):
                found[row] = torch.cat((found[row], tokens.to(found[row].dtype)))
        return found

    def _video_tokens(self, frames: Tensor) -> Tensor:
        tower = self.vision.vision_tower
        learns = any(parameter.requires_grad for parameter in tower.parameters())
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            pictures = frames.flatten(0, 1).to(tower.embeddings.patch_embedding.weight.dtype)
            features = tower(pictures).unflatten(0, frames.shape[:2])
        projector = next(self.vision.mm_projector.parameters())
        return self.vision.mm_projector(features.to(projector.dtype))

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Trade time for memory in the language model's and BEATs' layers, or stop doing so."""
        self.language.model.gradient_checkpointing = enabled
        self.audio.audio_tower.encoder.gradient_checkpointing = enabled

    def published_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters by their names in a checkpoint."""
        for name, parameter in self.named_parameters():
            yield published_name(name), parameter


def published_name(name: str) -> str:
    """The name in a VideoLLaMA2 checkpoint of a parameter of JointModel."""
    if name.startswith(_TOWER):
        return VISION_TOWER + name.removeprefix(_TOWER)
    network, _, inner = name.partition(".")
    return inner if network == "language" else f"model.{inner}"

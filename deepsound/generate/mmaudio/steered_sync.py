"""SelVA's sync features: Synchformer's tokens of a clip, steered by a prompt.

The trunk makes 90 % of the work and does not depend on the text: its tokens are kept by the clip's content, so that
another prompt costs only the cross attention and the aggregation.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from deepsound.generate.mmaudio.components import MMAudioStage
from deepsound.generate.mmaudio.deduplication import distinct_segments
from deepsound.generate.mmaudio.frame_sampling import TickedFrames
from deepsound.generate.mmaudio.text_encoder import token_ids
from deepsound.models.synchformer.config import SynchformerConfig
from deepsound.models.synchformer.preprocess import sync_values
from deepsound.runtime.digests import digest_of
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress

# Segments whose tokens are kept together: eight seconds of a clip, 58 MB in 16 bit.
_KEPT_TOGETHER = 25
_AT_ONCE = {"cpu": 2}


def steering_states(stage: MMAudioStage, text: str) -> Tensor:
    """FLAN-T5's states [1, tokens, width] of a prompt."""
    components = stage.components
    ids = token_ids(components.text_folder, text)
    key = (components.key("text_encoder"), stage.device.type, "states", *ids)
    return feature_cache().get(key, lambda: stage.text_encoder()(torch.tensor([ids], device=stage.device)))


def steered_features(stage: MMAudioStage, frames: TickedFrames, states: Tensor, progress: Progress) -> Tensor:
    """Features [1, 8 per segment, width] of the pictures at each tick, steered by a prompt's states."""
    text = digest_of(states.float().numpy().tobytes())
    key = (stage.components.key("synchformer"), stage.device.type, "steered", frames.digest(), text)
    return feature_cache().get(key, lambda: torch.cat(list(_steered(stage, frames, states, progress)), dim=1))


def _steered(stage: MMAudioStage, frames: TickedFrames, states: Tensor, progress: Progress) -> Iterator[Tensor]:
    network = stage.steered_synchformer()
    mask = torch.ones(states.shape[:2], dtype=torch.bool, device=stage.device)
    text = network.project_text(states.to(stage.device, stage.dtype), mask)
    count, hop = network.config.segments(len(frames.rows)), _hop(network.config)
    for begin in range(0, count, _KEPT_TOGETHER):
        end = min(begin + _KEPT_TOGETHER, count)
        part = progress.part(begin / count, end / count)
        piece = frames.between(begin * hop, (end - 1) * hop + network.config.segment_frames)
        tokens = _trunk_tokens(stage, piece, end - begin, part)
        at_once = _AT_ONCE.get(stage.device.type, _KEPT_TOGETHER)
        for some in tokens.split(at_once, dim=1):
            part.check()
            yield network.steer(some.to(stage.device, stage.dtype), text).cpu()
        part.update(1.0)


def _trunk_tokens(stage: MMAudioStage, frames: TickedFrames, count: int, progress: Progress) -> Tensor:
    """Tokens [1, segments, tokens, width] of so many segments, on the CPU; kept by what is seen."""
    key = (stage.components.key("synchformer"), stage.device.type, "trunk", frames.digest())
    return feature_cache().get(key, lambda: _encoded(stage, frames, count, progress))


def _encoded(stage: MMAudioStage, frames: TickedFrames, count: int, progress: Progress) -> Tensor:
    network = stage.steered_synchformer()
    segments = distinct_segments(frames, network.config, count)
    runs = list(segments.runs(_AT_ONCE.get(stage.device.type, _KEPT_TOGETHER)))
    parts = [
        network.tokens(network.segments(segment_video(stage, frames, network.config, run))).cpu()
        for run in progress.track(runs, len(runs))
    ]
    return torch.cat(parts, dim=1)[:, list(segments.rows)]


def segment_video(stage: MMAudioStage, frames: TickedFrames, config: SynchformerConfig, run: tuple[int, int]) -> Tensor:
    """The pictures of a run of segments in a row, [1, frames, 3, size, size] in [-1, 1], on the stage's device."""
    begin, end = run
    rows = frames.rows[begin * _hop(config) : (end - 1) * _hop(config) + config.segment_frames]
    pictures = frames.batch(rows[0], rows[-1] + 1).to(stage.device)
    return sync_values(pictures).to(stage.dtype)[[row - rows[0] for row in rows]].unsqueeze(0)


def _hop(config: SynchformerConfig) -> int:
    """Frames from the start of one segment to that of the next."""
    return config.hop_steps * config.frames_per_step

"""Synchformer: the published keys at full size, segments, and work in pieces."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.models.synchformer.config import SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.weights import state_dict

MANIFESTS = Path(__file__).parent / "manifests" / "mmaudio"
SMALL = replace(SYNCHFORMER, width=16, depth=2, heads=2, patch_size=56)


def manifest(name: str) -> dict[str, tuple[tuple[int, ...], str]]:
    listed = json.loads((MANIFESTS / f"{name}.json").read_text())["tensors"]
    return {key: (tuple(shape), dtype) for key, (shape, dtype) in listed.items()}


def small_model(seed: int = 0) -> Synchformer:
    generator = torch.Generator().manual_seed(seed)
    model = Synchformer(SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=generator)
    return model


def video(frames: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, frames, 3, 224, 224, generator=torch.Generator().manual_seed(frames))


def test_the_published_keys_at_full_size() -> None:
    with torch.device("meta"):
        model = Synchformer()
    ours = {
        name: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in model.state_dict().items()
    }
    assert ours == manifest("synchformer_vfeat")
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(122.4e6, rel=1e-3)


def test_the_rest_of_the_published_file_is_left() -> None:
    whole_file = manifest("synchformer_vfeat") | manifest("synchformer_ignored")
    published = {name: torch.empty(shape, device="meta") for name, (shape, _) in whole_file.items()}
    with torch.device("meta"):
        model = Synchformer()
    assert set(state_dict(published)) == set(manifest("synchformer_vfeat"))
    model.load_state_dict(state_dict(published), strict=True)


@pytest.mark.parametrize(("frames", "segments"), [(15, 0), (16, 1), (23, 1), (24, 2), (200, 24), (250, 30)])
def test_segments_of_a_video(frames: int, segments: int) -> None:
    assert SYNCHFORMER.segments(frames) == segments


def test_a_video_under_one_segment_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 frames, not 15"):
        small_model()(video(15))


@torch.no_grad()
def test_pieces_give_what_the_whole_gives() -> None:
    model, clip = small_model(), video(41, batch=2)
    segments = model.segments(clip)
    pieces = [model.encode(segments[:, index : index + 1]) for index in range(segments.shape[1])]
    whole = model(clip)
    assert whole.shape == (2, 4 * 8, 16)
    assert torch.allclose(torch.cat(pieces, dim=1).flatten(1, 2), whole, atol=1e-5)


@torch.no_grad()
def test_a_segment_sees_its_own_sixteen_frames_only() -> None:
    model, clip = small_model(), video(32)
    changed = clip.clone()
    changed[:, 24:] = 0
    before, after = model(clip).unflatten(1, (3, 8)), model(changed).unflatten(1, (3, 8))
    assert torch.equal(before[:, 0], after[:, 0])
    assert torch.equal(before[:, 1], after[:, 1])
    assert not torch.allclose(before[:, 2], after[:, 2], atol=1e-3)


@torch.no_grad()
def test_runs_in_bfloat16() -> None:
    model = small_model()
    exact = model(video(16))
    rounded = model.to(torch.bfloat16)(video(16).to(torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(exact, rounded.float(), dim=-1).min() > 0.98

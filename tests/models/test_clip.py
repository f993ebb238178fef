"""CLIP: the published keys at full size, the patch grid, and what the text side looks at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.models.clip.config import DFN5B_VIT_H_14_384, ClipTextConfig, ClipVisionConfig
from deepsound.models.clip.model import CLIP
from deepsound.models.clip.weights import state_dict

MANIFEST = Path(__file__).parent / "manifests" / "mmaudio" / "DFN5B-CLIP-ViT-H-14-384.json"
SMALL = replace(
    DFN5B_VIT_H_14_384,
    embed_dim=12,
    vision=ClipVisionConfig(image_size=28, patch_size=7, width=32, layers=2, head_width=8),
    text=ClipTextConfig(context_length=9, vocab_size=30, width=16, heads=2, layers=2),
)


def small_model() -> CLIP:
    generator = torch.Generator().manual_seed(0)
    model = CLIP(SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=generator)
    return model


def frames(size: int) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_the_published_keys_at_full_size() -> None:
    with torch.device("meta"):
        model = CLIP()
    ours = {
        name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for name, tensor in model.state_dict().items()
    }
    assert ours == json.loads(MANIFEST.read_text())["tensors"]


@pytest.mark.parametrize("shape", [(), (1,)])
def test_both_published_shapes_of_logit_scale_load(shape: tuple[int, ...]) -> None:
    model = small_model()
    published = model.state_dict() | {"logit_scale": torch.full(shape, 4.5)}
    model.load_state_dict(state_dict(published), strict=True)
    assert model.logit_scale.item() == 4.5


@torch.no_grad()
def test_pixels_beyond_the_last_whole_patch_are_not_seen() -> None:
    model, seen = small_model(), frames(28)
    padded = torch.nn.functional.pad(seen, (0, 6, 0, 6), value=0.7)
    assert torch.allclose(model.encode_image(seen), model.encode_image(padded), atol=1e-6)


@torch.no_grad()
def test_image_features_have_unit_length() -> None:
    features = small_model().encode_image(frames(28))
    assert features.shape == (2, 12)
    assert torch.allclose(features.norm(dim=-1), torch.ones(2))


@torch.no_grad()
def test_text_features_depend_on_what_is_before_them_only() -> None:
    model = small_model()
    tokens = torch.tensor([[28, 5, 6, 29, 0, 0, 0, 0, 0]])
    other = tokens.clone()
    other[0, 3] = 7
    first, second = model.encode_text(tokens), model.encode_text(other)
    assert torch.equal(first[:, :3], second[:, :3])
    assert (first[:, 3:] - second[:, 3:]).abs().amax(dim=-1).min() > 1e-3
    assert torch.allclose(first.norm(dim=-1), torch.ones(1, 9))


@torch.no_grad()
def test_runs_in_bfloat16() -> None:
    model = small_model()
    exact = model.encode_image(frames(28))
    rounded = model.to(torch.bfloat16).encode_image(frames(28).to(torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(exact, rounded.float(), dim=-1).min() > 0.98

"""Tests of SelVA's video encoder: published keys, text steering, segment independence."""

import json
from pathlib import Path

import pytest
import torch

from deepsound.models.synchformer.config import SynchformerConfig
from deepsound.models.synchformer.text_steered import TextSteeredConfig, TextSteeredSynchformer, config_of

MANIFEST = Path(__file__).parent / "manifests" / "selva" / "video_enc_sup_5.json"
SMALL = TextSteeredConfig(
    SynchformerConfig(width=24, depth=1, heads=3, image_size=32, patch_size=16), text_width=10, supplementary_tokens=2
)


@pytest.fixture(scope="module")
def model() -> TextSteeredSynchformer:
    generator = torch.Generator().manual_seed(0)
    network = TextSteeredSynchformer(SMALL).eval()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return network


def clip(frames: int = 24) -> torch.Tensor:
    return torch.rand(1, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def text(length: int = 4, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(1, length, 10, generator=torch.Generator().manual_seed(seed)), torch.ones(1, length)


def test_every_published_key_has_its_shape_and_dtype():
    published = json.loads(MANIFEST.read_text())
    with torch.device("meta"):
        network = TextSteeredSynchformer()
    ours = {name: [list(tensor.shape), str(tensor.dtype)[6:]] for name, tensor in network.state_dict().items()}
    assert ours == published
    assert sum(tensor.numel() for tensor in network.parameters()) == 134_838_656


def test_the_sizes_are_read_from_the_tensors():
    with torch.device("meta"):
        assert config_of(TextSteeredSynchformer().state_dict()) == TextSteeredConfig()


def test_another_file_is_refused_with_the_missing_key():
    with pytest.raises(ValueError, match="text_proj"):
        config_of(
            {name: value for name, value in TextSteeredSynchformer(SMALL).state_dict().items() if "text" not in name}
        )


@torch.no_grad()
def test_another_text_gives_other_features_from_the_same_tokens(model):
    tokens = model.tokens(model.segments(clip()))
    one, other = (model.steer(tokens, model.project_text(*text(seed=seed))) for seed in (2, 3))
    assert float((one - other).abs().max()) > 0.1 * float(one.abs().max())


@torch.no_grad()
def test_padding_of_a_text_changes_nothing(model):
    states, mask = text(3)
    padded = torch.cat((states, torch.full((1, 5, 10), 7.0)), dim=1)
    padded_mask = torch.cat((mask, torch.zeros(1, 5)), dim=1)
    torch.testing.assert_close(model(clip(), states, mask), model(clip(), padded, padded_mask), rtol=0, atol=1e-5)


@torch.no_grad()
def test_kept_tokens_give_what_the_whole_network_gives(model):
    states, mask = text()
    kept = model.tokens(model.segments(clip(40)))
    assert torch.equal(model.steer(kept, model.project_text(states, mask)), model(clip(40), states, mask))


@torch.no_grad()
def test_a_segment_does_not_depend_on_the_others(model):
    states, mask = text()
    whole, first = model(clip(40), states, mask), model(clip(40)[:, :16], states, mask)
    torch.testing.assert_close(whole[:, :8], first, rtol=0, atol=1e-5)

"""Tests of VideoLLaMA2: published keys, sizes detected from tensors, the KV cache."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from deepsound.models.beats.config import BEATS
from deepsound.models.beats.layers import relative_buckets
from deepsound.models.beats.model import Beats
from deepsound.models.videollama2 import attention, weights
from deepsound.models.videollama2.config import VIDEOLLAMA2_1_7B_AV, LanguageConfig, VideoLlama2Config
from deepsound.models.videollama2.encoders import AudioEncoder, VisionEncoder
from deepsound.models.videollama2.kv_cache import KeyValueCache
from deepsound.models.videollama2.language import LanguageModel

MANIFESTS = Path(__file__).parent / "manifests" / "videollama2"
SMALL = LanguageConfig(vocabulary=50, width=32, layers=2, heads=4, key_value_heads=2, mlp_width=40)
SETTINGS = {
    "model_type": "videollama2_qwen2",
    "vocab_size": 152064,
    "hidden_size": 3584,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "rope_theta": 1e6,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 32768,
    "num_frames": 16,
    "mm_vision_select_layer": -2,
    "mm_vision_tower": "google/siglip-so400m-patch14-384",
}

pytestmark = pytest.mark.usefixtures("no_gradients")


def manifest(name: str) -> dict[str, torch.Tensor]:
    listed = json.loads((MANIFESTS / f"full_{name}.json").read_text())
    return {key: torch.empty(shape, dtype=torch.bfloat16, device="meta") for key, (shape, _) in listed.items()}


@pytest.fixture(scope="module")
def needed() -> dict[str, torch.Tensor]:
    return manifest("llm_projectors_audio")


@pytest.fixture(scope="module")
def tower() -> dict[str, torch.Tensor]:
    return manifest("vision_tower")


def on_meta(config: VideoLlama2Config) -> dict[str, nn.Module]:
    with torch.device("meta"):
        return {
            "language": LanguageModel(config.language),
            "vision": VisionEncoder(config.vision, config.connector),
            "audio": AudioEncoder(config.audio, config.language.width),
        }


def shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def small_model(seed: int = 0) -> LanguageModel:
    model = LanguageModel(SMALL).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def embeddings(tokens: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(1, tokens, SMALL.width, generator=torch.Generator().manual_seed(seed))


def test_the_published_keys_at_full_size(needed, tower) -> None:
    published = needed | tower
    networks = on_meta(VIDEOLLAMA2_1_7B_AV)
    taken = {
        "language": weights.language_state(published),
        "audio": weights.audio_state(published),
        "vision": weights.vision_state(published, weights.embedded_tower(published), 26),
    }
    for role, network in networks.items():
        assert shapes(network.state_dict()) == shapes(taken[role]), role
        network.load_state_dict(taken[role], strict=True, assign=True)
    assert sum(parameter.numel() for parameter in networks["language"].parameters()) == 7_615_616_512


def test_every_published_key_is_used_or_known_to_be_left(needed, tower) -> None:
    published = needed | tower
    used = (
        len(weights.language_state(published))
        + len(weights.audio_state(published))
        + len(weights.vision_state(published, weights.embedded_tower(published), 26))
    )
    copies_of_the_bias = 11
    behind_the_selected_layer = {
        name for name in tower if ".layers.26." in name or ".post_layernorm." in name or ".head." in name
    }
    assert len(published) == 708 + 448 == used + copies_of_the_bias + len(behind_the_selected_layer)


def test_a_file_without_the_vision_tower_and_with_one_bias_table_is_complete(needed, tower) -> None:
    lean = {
        name: tensor for name, tensor in needed.items() if "relative_attention_bias" not in name or ".layers.0." in name
    }
    assert weights.embedded_tower(lean) == {}
    assert shapes(weights.audio_state(lean)) == shapes(weights.audio_state(needed))
    separate = {name.removeprefix("model.vision_tower.vision_tower."): tensor for name, tensor in tower.items()}
    separate |= {"text_model.embeddings.token_embedding.weight": torch.empty(1), "logit_scale": torch.empty(1)}
    without_prefix = {name.removeprefix(weights.VISION_TOWER): tensor for name, tensor in tower.items()}
    embedded = weights.vision_state(needed, weights.embedded_tower(tower), 26)
    for form in (separate, without_prefix):
        assert shapes(weights.vision_state(lean, weights.separate_tower(form), 26)) == shapes(embedded)
    with pytest.raises(ValueError, match="not the weights of SigLIP"):
        weights.separate_tower(needed)


def test_sizes_are_told_by_settings_and_tensors(needed, tower) -> None:
    published = needed | tower
    assert weights.config_of(SETTINGS, published, weights.embedded_tower(published), {}) == VIDEOLLAMA2_1_7B_AV
    assert VIDEOLLAMA2_1_7B_AV.connector.tokens(16, VIDEOLLAMA2_1_7B_AV.vision.grid) == 1352


def test_other_files_are_refused(needed, tower) -> None:
    for changed, message in (
        ({"model_type": "llama"}, "model_type"),
        ({"hidden_size": None}, "no number"),
        ({"model_type": ""}, "model_type"),
    ):
        with pytest.raises(ValueError, match=message):
            weights.language_config(SETTINGS | changed)
    for reader in (
        weights.audio_config,
        lambda tensors: weights.connector_config(tensors, 3584),
        lambda tensors: weights.vision_config(tensors, SETTINGS, {}),
    ):
        with pytest.raises(ValueError):
            reader({"lm_head.weight": torch.empty(2, 2)})


def test_frames_default_to_the_originals_eight() -> None:
    assert weights.frames_of({}) == 8 and weights.frames_of(SETTINGS) == 16


def test_bias_tables_that_differ_are_refused() -> None:
    name = "model.audio_tower.encoder.layers.{}.self_attn.relative_attention_bias.weight"
    file = {name.format(0): torch.zeros(4, 2), name.format(1): torch.zeros(4, 2)}
    assert len(weights.audio_state(file)) == 1
    with pytest.raises(ValueError, match="every layer shares"):
        weights.audio_state(file | {name.format(1): torch.ones(4, 2)})


def test_ten_seconds_of_sound_are_1496_tokens_and_late_frames_are_dropped() -> None:
    small = replace(BEATS, patch_width=8, width=16, layers=1, heads=2, mlp_width=16, conv_kernel=6, conv_groups=2)
    model = Beats(small).eval()
    sound = torch.randn(1, 2998, 128, generator=torch.Generator().manual_seed(0))
    features = model(sound)
    assert features.shape == (1, 1496, 16)
    assert torch.equal(features, model(sound[:, :2992]))


def test_buckets_are_exact_nearby_and_end_at_the_largest_distance() -> None:
    places = torch.arange(1496)
    buckets = relative_buckets(places[None] - places[:, None], 320, 800)
    assert buckets[0, :81].tolist() == [0, *range(161, 241)]
    assert buckets[80:, 0][:1].tolist() == [80] and buckets.diagonal().eq(0).all()
    assert buckets[0, 800:].eq(319).all() and buckets[800:, 0].eq(159).all()


def test_pieces_behind_a_cache_are_what_the_whole_is() -> None:
    model, prompt = small_model(), embeddings(11)
    whole = model(prompt)
    for fixed in (False, True):
        kept = model.new_cache(12, fixed)
        pieces = [model(prompt[:, begin:end], kept, end - begin) for begin, end in ((0, 5), (5, 6), (6, 10), (10, 11))]
        assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-5)
        kept.rewind(6)
        assert torch.allclose(model(prompt[:, 6:], kept, 1), whole[:, -1:], atol=1e-5)


def test_a_cache_says_when_it_is_full_or_asked_for_more_than_it_has() -> None:
    model = small_model()
    kept = model.new_cache(4)
    model(embeddings(3), kept, 1)
    with pytest.raises(ValueError, match="do not fit into a cache of 4"):
        model(embeddings(2), kept, 1)
    with pytest.raises(ValueError, match="holds 3 tokens"):
        kept.rewind(4)
    assert kept.length == 3 and kept.bytes == 2 * 2 * 2 * 4 * 8 * 4


FIRST_BUILT_ON_META = """
import torch
from deepsound.models.videollama2.config import LanguageConfig
from deepsound.models.videollama2.language import LanguageModel
with torch.device("meta"):
    LanguageModel(LanguageConfig(vocabulary=8, width=16, layers=1, heads=2, key_value_heads=1, mlp_width=16))
from torchaudio.compliance import kaldi
kaldi.fbank(torch.zeros(1, 800))
"""


def test_what_is_imported_while_building_on_meta_is_real() -> None:
    """transformers imports torchaudio, which makes tensors as it is imported."""
    done = subprocess.run([sys.executable, "-c", FIRST_BUILT_ON_META], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_cache_of_the_published_size_takes_57344_bytes_a_token() -> None:
    kept = KeyValueCache(LanguageConfig(), 100, torch.bfloat16, torch.device("meta"))
    assert kept.bytes == 100 * 57344


def test_both_sides_of_the_attention_seam_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """flash-attn itself needs CUDA; here a stand-in with its signature shows what it is given and that it is chosen."""
    given = []

    def flash(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        given.append(query.shape)
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        seen = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril(key.shape[2] - query.shape[2])
        scores = (query @ key.transpose(2, 3) / query.shape[3] ** 0.5).masked_fill(~seen, float("-inf"))
        return scores.softmax(-1) @ value

    model, prompt = small_model(), embeddings(7)
    expected = model(prompt)
    monkeypatch.setattr(attention, "use_flash", lambda query: True)
    monkeypatch.setattr(attention, "_flash", flash)
    kept = model.new_cache(8)
    got = torch.cat([model(prompt[:, :6], kept, 6), model(prompt[:, 6:], kept, 1)], dim=1)
    assert torch.allclose(got, expected, atol=1e-5) and len(given) == 2 * SMALL.layers


def test_flash_is_for_cuda_in_16_bit_alone() -> None:
    assert not attention.use_flash(torch.zeros(1, 2, 3, 4, dtype=torch.bfloat16))


def test_the_rotary_angles_stay_in_float32_when_the_network_is_cast() -> None:
    rotary = small_model().to(torch.bfloat16).model.rotary
    cosines, _ = rotary(torch.tensor([[30000]]), torch.float32)
    assert cosines[0, 0, 1] == pytest.approx(float(torch.cos(torch.tensor(30000 * 1e6**-0.25))), abs=2e-3)


def test_a_compiled_step_writes_what_the_plain_one_does() -> None:
    plain, compiled, prompt = small_model(), small_model(), embeddings(6)
    compiled.compile_step(backend="eager")
    rows = []
    for model in (plain, compiled):
        kept = model.new_cache(8, fixed=True)
        model(prompt[:, :4], kept, 1)
        rows.append(torch.cat([model(prompt[:, index : index + 1], kept, 1) for index in (4, 5)], dim=1))
    assert torch.allclose(*rows, atol=1e-6)


def test_a_network_is_freed_when_it_is_let_go() -> None:
    """Its memory must not wait for the garbage collector, which does not see how much there is of it."""
    gc.disable()
    try:
        for compiled in (False, True):
            model = small_model()
            if compiled:
                model.compile_step(backend="eager")
            kept = model.new_cache(8, fixed=True)
            model(embeddings(4), kept, 1)
            model(embeddings(1), kept, 1)
            gone = weakref.ref(model.lm_head.weight)
            del model
            assert gone() is None, compiled
    finally:
        gc.enable()


def test_everything_runs_in_bfloat16() -> None:
    model = small_model()
    exact, rounded = model(embeddings(9)), small_model().to(torch.bfloat16)(embeddings(9).bfloat16())
    assert rounded.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(exact, rounded, dim=-1).min() > 0.99

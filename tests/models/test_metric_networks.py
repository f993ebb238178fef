"""Tests of the metrics' networks: published keys, sizes detected from tensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.imagebind.config import (
    IMAGEBIND_HUGE,
    ImageBindAudioConfig,
    ImageBindConfig,
    ImageBindVisionConfig,
)
from deepsound.models.imagebind.layers import LearntKeyAttention
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.imagebind.weights import config_of as imagebind_config
from deepsound.models.imagebind.weights import state_dict as imagebind_state
from deepsound.models.panns.config import CNN14_16K
from deepsound.models.panns.model import Cnn14
from deepsound.models.panns.weights import config_of as panns_config
from deepsound.models.passt.config import PASST
from deepsound.models.passt.model import Passt
from deepsound.models.passt.weights import config_of as passt_config
from deepsound.models.synchformer.audio import SynchformerAudio
from deepsound.models.synchformer.config import OFFSET, SYNC_AUDIO
from deepsound.models.synchformer.offset import SynchformerOffset
from deepsound.models.synchformer.weights import (
    audio_config_of,
    audio_state_dict,
    offset_config_of,
    offset_state_dict,
)
from deepsound.models.vggish.config import VGGISH
from deepsound.models.vggish.frontend import examples
from deepsound.models.vggish.model import Vggish
from deepsound.models.vggish.weights import config_of as vggish_config
from deepsound.models.vggish.weights import state_dict as vggish_state

MANIFESTS = Path(__file__).parent / "manifests"
Listing = dict[str, tuple[tuple[int, ...], str]]


def listed(family: str, name: str) -> Listing:
    content = json.loads((MANIFESTS / family / f"{name}.json").read_text())
    return {key: (tuple(shape), dtype) for key, (shape, dtype) in content.get("tensors", content).items()}


def listing(model: nn.Module) -> Listing:
    return {
        name: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in model.state_dict().items()
    }


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build()


def as_tensors(rows: Listing) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, (shape, _) in rows.items()}


def seeded(model: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2, generator=generator)
    return model.eval()


@pytest.mark.parametrize(
    ("manifest", "build", "config_of", "config"),
    [
        ("panns_cnn14_16k.manifest", Cnn14, panns_config, CNN14_16K),
        ("passt_s_swa_p16_128_ap476.manifest", Passt, passt_config, PASST),
        ("vggish.manifest", Vggish, vggish_config, VGGISH),
        ("synchformer_compare_head.manifest", SynchformerOffset, offset_config_of, OFFSET),
    ],
)
def test_published_keys_at_full_size(manifest, build, config_of, config) -> None:
    rows = listed("metrics", manifest)
    assert listing(on_meta(build)) == rows
    assert config_of(as_tensors(rows)) == config


def test_the_three_parts_of_synchformers_file() -> None:
    rows = listed("mmaudio", "synchformer_ignored")
    whole = as_tensors(rows | listed("mmaudio", "synchformer_vfeat"))
    parts = [listing(on_meta(build)) for build in (SynchformerAudio, SynchformerOffset)]
    assert parts[0] | parts[1] == rows
    assert audio_state_dict(whole).keys() == parts[0].keys()
    assert offset_state_dict(whole).keys() == parts[1].keys()
    assert (audio_config_of(whole), offset_config_of(whole)) == (SYNC_AUDIO, OFFSET)


def test_imagebinds_two_towers() -> None:
    rows = listed("metrics", "imagebind_huge.manifest")
    assert listing(on_meta(ImageBind)) == rows
    published = as_tensors(rows) | {"modality_trunks.text.blocks.0.norm_1.weight": torch.empty(1)}
    assert imagebind_config(published) == IMAGEBIND_HUGE
    assert imagebind_state(published).keys() == rows.keys()
    assert (
        imagebind_state(published, ["audio"]).keys() == listing(on_meta(lambda: ImageBind(modalities=["audio"]))).keys()
    )


def test_imagebinds_text_tower_at_full_size() -> None:
    rows = listed("seeing_hearing", "imagebind_huge_text.manifest")
    assert listing(on_meta(lambda: ImageBind(modalities=["text"]))) == rows
    published = as_tensors(rows | listed("metrics", "imagebind_huge.manifest"))
    assert imagebind_config(published) == IMAGEBIND_HUGE
    assert imagebind_state(published, ["text"]).keys() == rows.keys()


@pytest.mark.parametrize(
    ("config_of", "family"),
    [
        (panns_config, "Cnn14"),
        (passt_config, "PaSST"),
        (vggish_config, "VGGish"),
        (imagebind_config, "ImageBind"),
        (audio_config_of, "audio half"),
        (offset_config_of, "head"),
    ],
)
def test_other_weights_are_refused_by_name(config_of, family: str) -> None:
    with pytest.raises(ValueError, match=rf"{family}.* is missing"):
        config_of({"some.weight": torch.zeros(1)})


def test_the_cnn_of_another_rate_is_refused() -> None:
    at_32k = as_tensors(listing(on_meta(lambda: Cnn14(replace(CNN14_16K, n_fft=1024)))))
    with pytest.raises(ValueError, match="window of 1024 samples"):
        panns_config(at_32k)


def test_cnn14_hears_decibels_of_mel_power() -> None:
    config = replace(CNN14_16K, channels=(2, 2, 4, 4, 4, 8), width=16, classes=5)
    model = Cnn14(config).eval()
    waveform = torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    powers = model.spectrogram_extractor(waveform)
    spectrum = torch.stft(waveform, 512, 160, window=torch.hann_window(512), return_complex=True).abs().square()
    assert powers.shape == (2, 257, 51)
    torch.testing.assert_close(powers, spectrum, rtol=1e-4, atol=1e-3)
    heard = model(waveform)
    assert heard.features.shape == (2, 16) and heard.logits.shape == (2, 5) and bool((heard.features >= 0).all())
    torch.testing.assert_close(heard.logits, model.fc_audioset(heard.features))
    assert model(torch.zeros(1, config.shortest)).features.isfinite().all()
    with pytest.raises(ValueError, match="4960 samples"):
        model(torch.zeros(1, config.shortest - 1))


def test_passt_takes_shorter_sounds_and_only_its_summaries_are_computed_last() -> None:
    config = replace(PASST, width=16, depth=2, heads=2, mlp_width=32, mel_patches=2, time_patches=5, classes=7)
    model = seeded(Passt(config))
    spectrogram = torch.randn(2, 26, 56, generator=torch.Generator().manual_seed(1))
    heard = model(spectrogram)
    assert heard.features.shape == (2, 16) and heard.logits.shape == (2, 7)
    tokens: list[Tensor] = []
    model.blocks[0].register_forward_hook(lambda _module, _given, out: tokens.append(out))
    model(spectrogram)
    assert tokens[0].shape == (2, 2 + 2 * 5, 16)
    whole = model.norm(model.blocks[1](tokens[0]))[:, :2].mean(dim=1)
    torch.testing.assert_close(heard.features, whole)
    assert model(spectrogram[..., :36]).features.shape == (2, 16)


def test_vggish_flattens_as_tensorflow_does_and_ends_without_an_activation() -> None:
    model = seeded(Vggish(replace(VGGISH, channels=(2, 2, 2, 2, 2, 3), hidden=8, width=4)))
    heard = examples(torch.randn(31000, generator=torch.Generator().manual_seed(2)))
    assert heard.shape == (2, 96, 64)
    maps = model.features(heard.unsqueeze(1))
    assert maps.shape == (2, 3, 6, 4)
    by_place = torch.stack([maps[:, :, row, column] for row in range(6) for column in range(4)], dim=1)
    features = model(heard)
    torch.testing.assert_close(features, model.embeddings(by_place.flatten(1)))
    assert bool((features < 0).any())
    saved = model.state_dict() | {"pproc.pca_means": torch.zeros(4, 1)}
    assert vggish_state(saved).keys() == model.state_dict().keys()


@pytest.mark.parametrize(("samples", "count"), [(15600, 1), (30959, 1), (30960, 2)])
def test_vggish_hears_whole_examples_alone(samples: int, count: int) -> None:
    assert len(examples(torch.zeros(samples))) == count
    with pytest.raises(ValueError, match="at least 15600"):
        examples(torch.zeros(15599))


def test_imagebinds_learnt_key_is_torchs() -> None:
    ours = seeded(LearntKeyAttention(16, 2))
    theirs = nn.MultiheadAttention(16, 2, add_bias_kv=True, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    tokens = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(ours(tokens, tokens), theirs(tokens, tokens, tokens)[0])
    with pytest.raises(ValueError, match="no order"):
        ours(tokens, tokens, causal=True)


def test_imagebind_embeds_the_mean_of_pieces() -> None:
    config = ImageBindConfig(
        embed_dim=8,
        vision=ImageBindVisionConfig(width=16, depth=2, heads=2, mlp_width=32, image_size=8, patch_size=4),
        audio=ImageBindAudioConfig(width=16, depth=2, heads=2, mlp_width=32),
    )
    model = seeded(ImageBind(config))
    model.modality_postprocessors["audio"][1].log_logit_scale.fill_(20.0)
    clips = torch.rand(2, 3, 3, 2, 8, 8, generator=torch.Generator().manual_seed(4))
    together, apart = model.embed_video(clips), model.embed_video(clips.reshape(6, 1, 3, 2, 8, 8))
    torch.testing.assert_close(apart.norm(dim=-1), torch.ones(6))
    torch.testing.assert_close(together, apart.reshape(2, 3, 8).mean(dim=1))
    sounds = torch.randn(2, 3, 128, 204, generator=torch.Generator().manual_seed(5))
    lengths = model.embed_audio(sounds.reshape(6, 1, 128, 204)).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.full((6,), 100.0))  # the factor is e^20, and never more than 100
    same = F.cosine_similarity(model.embed_audio(sounds[:1].expand(2, -1, -1, -1)), model.embed_audio(sounds[:1]))
    torch.testing.assert_close(same, torch.ones(2))


def test_synchformers_audio_half_keeps_moments_apart() -> None:
    model = seeded(SynchformerAudio(replace(SYNC_AUDIO, width=16, depth=1, heads=2, mlp_width=32)))
    spectrograms = torch.randn(3, 128, 66, generator=torch.Generator().manual_seed(6))
    features = model(spectrograms)
    assert features.shape == (3, 6, 16)
    torch.testing.assert_close(features[1:2], model(spectrograms[1:2]))
    # Tokens lie by mel band first: of what comes out of the transformer, moment 2 takes every sixth token.
    tokens = model.afeat_extractor.ast(spectrograms)[:, 2:]
    torch.testing.assert_close(features[:, 2], model.afeat_extractor.freq_attn_agg(tokens[:, 2::6]))


def test_offsets_are_told_of_fourteen_segments_alone() -> None:
    model = seeded(SynchformerOffset(replace(OFFSET, width=16, depth=1, heads=2, mlp_width=32)))
    video, audio = torch.zeros(2, 14, 8, 16), torch.zeros(2, 14, 6, 16)
    assert model(video, audio).shape == (2, 21)
    with pytest.raises(ValueError, match="14 segments of each, not 13 of the video and 14 of the sound"):
        model(video[:, 1:], audio)

"""Tests of separators' settings files: JSON or YAML as published, checked first."""

import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import save_file

from deepsound.errors import EngineError
from deepsound.models.roformer.config import BS_ROFORMER, BS_ROFORMER_TINY
from deepsound.models.roformer.weights import network
from deepsound.separate.checkpoints import fit_to_checkpoint, separation, shipped_file, sources
from deepsound.weights.convert import convert
from tests.separate.small import SMALL, SMALL_MEL, write

TUPLE = """\
audio:
  chunk_size: 13000
  num_channels: 2
  sample_rate: 32000
model:
  dim: 8
  depth: 1
  stereo: true
  num_stems: 1
  time_transformer_depth: 1
  freq_transformer_depth: 1
  freqs_per_bands: !!python/tuple
    - 7
    - 50
    - 200
  dim_head: 4
  heads: 2
  attn_dropout: 0.1
  flash_attn: true
  stft_n_fft: 512
  stft_hop_length: 100
  stft_win_length: 400
  stft_normalized: true
  mask_estimator_depth: 2
  multi_stft_resolutions_window_sizes: !!python/tuple
    - 4096
    - 2048
training:
  instruments: [vocals, other]
  target_instrument: vocals
  lr: 5.0e-05
inference:
  batch_size: 3
  num_overlap: 5
"""


@pytest.fixture
def small(tmp_path):
    """A checkpoint without settings beside it."""
    path = write(tmp_path / "small.ckpt")
    path.with_suffix(".json").unlink()
    return path


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_the_yaml_beside_a_checkpoint_as_published_is_read(small, suffix):
    """It was ignored, and the stem wrong by a factor of five: hop, window, rate and scaling are in it alone."""
    small.with_suffix(suffix).write_text(TUPLE)
    found = fit_to_checkpoint(separation("bs_roformer"), small)
    assert found.network.freqs_per_bands == (7, 50, 200) and found.sample_rate == 32000
    assert (found.network.stft_hop_length, found.network.stft_win_length) == (100, 400)
    assert found.network.stft_normalized
    assert (found.demix.chunk, found.demix.overlaps, found.demix.batch) == (13000, 5, 3)
    assert sources(small) == (small, small.with_suffix(suffix))


def test_json_goes_before_yaml(small):
    small.with_suffix(".yaml").write_text(TUPLE)
    settings = {**yaml.safe_load(TUPLE.replace("!!python/tuple", "")), "audio": {"sample_rate": 44100}}
    small.with_suffix(".json").write_text(json.dumps(settings))
    assert fit_to_checkpoint(separation("bs_roformer"), small).sample_rate == 44100


@pytest.mark.parametrize("name", ["bs_roformer", "mel_band_roformer"])
def test_a_checkpoint_of_unknown_settings_is_refused_and_not_guessed(tmp_path, name):
    path = write(tmp_path / "small.ckpt", SMALL if name == "bs_roformer" else SMALL_MEL)
    path.with_suffix(".json").unlink()
    with pytest.raises(EngineError, match=r"small\.ckpt"):
        fit_to_checkpoint(separation(name), path)


def test_published_networks_are_known_by_their_tensors(tmp_path):
    shipped = tmp_path / "other_name.safetensors"
    shutil.copyfile(shipped_file("bs_roformer_tiny"), shipped)
    assert fit_to_checkpoint(separation("bs_roformer_tiny"), shipped).network == BS_ROFORMER_TINY
    assert (
        fit_to_checkpoint(separation("bs_roformer"), shipped).network.stft_hop_length
        == BS_ROFORMER_TINY.stft_hop_length
    )
    with torch.device("meta"):
        published = network(BS_ROFORMER).state_dict()
    state = {key: torch.zeros(1).expand(tensor.shape) for key, tensor in published.items()}
    assert sum(tensor.numel() for tensor in state.values()) > 1.5e8
    from deepsound.models.roformer.weights import config_of

    assert config_of(state, separation("bs_roformer").network) == BS_ROFORMER


def changed(part, **values):
    settings = yaml.safe_load(TUPLE.replace("!!python/tuple", ""))
    if part:
        settings[part] = {**settings[part], **values}
    return settings | ({} if part else values)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (changed("model", stft_n_fft=0), r"model\.stft_n_fft is 0; expected a whole number from 16"),
        (changed("model", stft_hop_length=0), r"model\.stft_hop_length is 0"),
        (changed("model", stft_hop_length=-1), r"stft_hop_length is -1"),
        (changed("model", stft_hop_length=600), "expected at most stft_n_fft, 512"),
        (changed("model", stft_win_length=600), "expected at most stft_n_fft, 512"),
        (changed("model", stft_n_fft="512"), r"stft_n_fft is '512'"),
        (changed("model", stft_n_fft=512.0), r"stft_n_fft is 512\.0"),
        (changed("model", stft_n_fft=None), "stft_n_fft is None"),
        (changed("model", stft_n_fft=True), "stft_n_fft is True"),
        (changed("model", depth=10**9), r"model\.depth is 1000000000"),
        (changed("model", depth=[1]), r"model\.depth is \[1\]"),
        (changed("model", dim={}), r"model\.dim is \{\}"),
        (changed("model", dim_head=5), "odd|even number"),
        (changed("model", heads=0), r"model\.heads is 0"),
        (changed("model", stereo="yes"), r"model\.stereo is 'yes'; expected true or false"),
        (changed("model", stereo=1), r"model\.stereo is 1"),
        (changed("model", freqs_per_bands=3), "freqs_per_bands is 3"),
        (changed("model", freqs_per_bands=[7, "50", 200]), "freqs_per_bands"),
        (changed("model", freqs_per_bands=[7, -50, 300]), "freqs_per_bands"),
        (changed("model", freqs_per_bands=[1] * 5000), "freqs_per_bands"),
        (changed("model", freqs_per_bands=[7, 50, 100]), "the bands have 157 bins"),
        (changed("model", freqs_per_bands=[]), "freqs_per_bands"),
        (changed("model", num_stems=10**6), "num_stems"),
        (changed("model", num_stems=2) | {"training": {"instruments": ["drums", "bass"]}}, "expected vocals among"),
        (changed("model", num_stems=2) | {"training": {"instruments": None}}, "instruments is None"),
        (
            changed("model", num_stems=2) | {"training": {"instruments": ["other", "vocals"]}},
            r"small\.ckpt have 1 stem",
        ),
        (changed("model", mask_estimator_depth=-1), "mask_estimator_depth"),
        (changed("model", mlp_expansion_factor="x" * 5000), "mlp_expansion_factor is 'xxx.*expected a whole number"),
        (changed("audio", sample_rate=10**12), r"audio\.sample_rate is 1000000000000; expected a whole number"),
        (changed("audio", sample_rate=0), r"audio\.sample_rate is 0"),
        (changed("audio", sample_rate=None), r"audio\.sample_rate is None"),
        (changed("audio", chunk_size=0), "chunk_size is 0"),
        (changed("audio", chunk_size=10**15), "chunk_size"),
        (changed("audio", chunk_size="13000"), "chunk_size"),
        (changed("audio", num_channels=7), "num_channels is 7"),
        (changed("inference", num_overlap=0), "num_overlap is 0"),
        (changed("inference", num_overlap=[2]), "num_overlap"),
        (changed("inference", batch_size=-4), "batch_size is -4"),
        (changed("inference", normalize=True), "normalize is True"),
        (changed("training", target_instrument="other"), "target_instrument is 'other'; expected vocals"),
        (changed("", model=3), "model is 3; expected settings by name"),
        (changed("", model=[1]), "model is"),
        (changed("", audio="44100"), "audio is '44100'"),
        (changed("", inference=[]), r"inference is \[\]"),
        (changed("", training=5), "training is 5"),
        (changed("", model={}), r"model\.dim is missing"),
    ],
    ids=range(46),
)
@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_malformed_settings_are_one_error_that_names_file_and_value(small, suffix, settings, says):
    text = json.dumps(settings) if suffix == ".json" else yaml.safe_dump(settings)
    small.with_suffix(suffix).write_text(text)
    with pytest.raises(EngineError, match=says) as caught:
        fit_to_checkpoint(separation("bs_roformer"), small)
    assert f"small{suffix}" in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".json", b"[" * 100_000),
        (".json", b'{"model":' * 50_000),
        (".json", b"\xff\xfe\x00"),
        (".json", b'{"model": {"dim": ' + b"9" * 6000 + b"}}"),
        (".yaml", b"[" * 20_000),
        (".yaml", b"model: !!python/object/apply:os.system ['touch it_ran']"),
        (".yaml", b"model: !!python/name:os.system"),
        (".yaml", b"model: !!python/tuple 3"),
        (".yaml", b"model: &a {<<: *a}"),
        (".yaml", b"a: &a {x: 1}\nb: &b {<<: [*a, *a, *a]}\nmodel: {<<: [*b, *b, *b]}"),
        (".yaml", b"\x00\x01"),
        (".yaml", b"model: {dim: 8"),
        (".yaml", b"#" * 1_100_000),
        (".yaml", b"{? {a: 1} : 2}"),
    ],
    ids=range(14),
)
def test_settings_that_are_nested_cut_off_or_want_code_are_one_error(small, tmp_path, monkeypatch, suffix, content):
    monkeypatch.chdir(tmp_path)
    small.with_suffix(suffix).write_bytes(content)
    with pytest.raises(EngineError, match=rf"small\{suffix}"):
        fit_to_checkpoint(separation("bs_roformer"), small)
    assert not (tmp_path / "it_ran").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("band_split.to_features.0.0.gamma"),
        lambda state: state.pop("mask_estimators.0.to_freqs.0.0.0.weight"),
        lambda state: [state.pop(key) for key in list(state) if key.endswith("rotary_embed.freqs")],
        lambda state: state.update({"band_split.to_features.0.1.weight": torch.tensor(1.0)}),
        lambda state: state.update({"band_split.to_features.0.1.weight": torch.zeros(0, 0)}),
        lambda state: state.update({"mask_estimators.0.to_freqs.0.0.0.weight": torch.tensor(1.0)}),
    ],
    ids=range(6),
)
def test_tensors_that_are_half_a_separator_are_one_error(small, spoil):
    from tests.separate.small import tensors_of

    small.with_suffix(".yaml").write_text(TUPLE)
    state = tensors_of(SMALL)
    spoil(state)
    path = small.with_suffix(".safetensors")
    save_file(state, path)
    with pytest.raises(EngineError, match=r"small\.safetensors"):
        fit_to_checkpoint(separation("bs_roformer"), path)


def test_settings_go_along_when_a_checkpoint_is_converted(small):
    small.with_suffix(".yaml").write_text(TUPLE)
    target = convert(small, "fp32", small.with_name("other.safetensors"))
    assert target.with_suffix(".yaml").read_text() == TUPLE
    assert fit_to_checkpoint(separation("bs_roformer"), target).sample_rate == 32000

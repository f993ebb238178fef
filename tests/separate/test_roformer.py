"""Tests of the RoFormer separators on tiny checkpoints that are real files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig
from deepsound.models.roformer.weights import network
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.separate.checkpoints import fit_to_checkpoint, load, separation
from deepsound.separate.demix import demix
from deepsound.separate.roformer import (
    BSRoformerTinySeparator,
    RoformerSeparator,
)
from deepsound.types import Audio, Stems
from tests.separate.small import SMALL, SMALL_MEL, tensors_of, write

PUBLISHED = Path(__file__).parents[1] / "models" / "manifests" / "bs_roformer"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """checkpoint(config, suffix=".ckpt"): a file of a small separator, its settings beside it."""

    def make(
        config: BSRoformerConfig | MelBandRoformerConfig = SMALL, suffix: str = ".ckpt", chunk: int = 22_050
    ) -> Path:
        return write(tmp_path / f"small{suffix}", config, chunk)

    return make


def bs_roformer(path: Path, **options: object) -> RoformerSeparator:
    engine = RoformerSeparator("bs_roformer", **options)  # type: ignore[arg-type]
    engine.configure(Execution(device="cpu", weights={"bs_roformer/ep_317": path}))
    return engine


def sound(samples: int, channels: int = 2, rate: int = 44100) -> Audio:
    generator = torch.Generator().manual_seed(samples + channels)
    return Audio(0.2 * torch.randn(channels, samples, generator=generator), rate)


def separate(engine: RoformerSeparator, audio: Audio) -> Stems:
    """Both stems, like the mix and adding up to it."""
    stems = engine.separate(audio, Progress())
    for stem in (stems.voice, stems.background):
        assert (stem.sample_rate, stem.channels, stem.samples) == (audio.sample_rate, audio.channels, audio.samples)
        assert torch.isfinite(stem.waveform).all()
    together = stems.voice.waveform + stems.background.waveform
    assert torch.allclose(together, audio.waveform, atol=1e-6, rtol=0)
    return stems


@pytest.mark.parametrize("mode", ["equal_overlap", "published"])
@pytest.mark.parametrize(
    ("samples", "channels", "rate"),
    [
        (1, 1, 44100),
        (2, 2, 44100),
        (1, 2, 8000),
        (22_050, 2, 44100),
        (22_051, 1, 44100),
        (50_000, 2, 44100),
        (20_001, 1, 8000),
        (33_333, 2, 16000),
        (30_000, 2, 48000),
        (120_000, 1, 192_000),
        (40_000, 6, 44100),
        (9_999, 3, 44100),
        (12_345, 4, 22050),
        (12_345, 8, 48000),
    ],
)
def test_voice_and_background_are_the_mix(
    checkpoint: Callable[..., Path],
    mode: str,
    samples: int,
    channels: int,
    rate: int,
) -> None:
    stems = separate(bs_roformer(checkpoint(), mode=mode), sound(samples, channels, rate))
    if samples > 2:
        assert stems.voice.waveform.abs().max() > 1e-4


@pytest.mark.parametrize("suffix", [".ckpt", ".pth", ".safetensors"])
def test_a_file_of_any_form_gives_the_network_s_own_answer(checkpoint: Callable[..., Path], suffix: str) -> None:
    audio = sound(10_000)
    voice = separate(bs_roformer(checkpoint(suffix=suffix)), audio).voice.waveform
    model = network(SMALL).eval()
    model.load_state_dict(tensors_of(SMALL))
    with torch.no_grad():
        assert torch.allclose(voice, model(audio.waveform[None])[0, 0], atol=1e-6)


def test_published_mode_is_the_published_way(checkpoint: Callable[..., Path]) -> None:
    path, audio = checkpoint(), sound(60_000)
    known = fit_to_checkpoint(separation("bs_roformer"), path)
    model = load(known.network, path, torch.float32)
    with torch.no_grad():
        expected = demix(audio.waveform, lambda chunks: model(chunks)[:, 0], replace(known.demix, mode="published"))
    assert torch.allclose(separate(bs_roformer(path, mode="published"), audio).voice.waveform, expected, atol=1e-6)


def test_mono_is_heard_as_two_equal_channels(checkpoint: Callable[..., Path]) -> None:
    engine, mono = bs_roformer(checkpoint()), sound(9000, channels=1)
    both = Audio(mono.waveform.repeat(2, 1), 44100)
    expected = separate(engine, both).voice.waveform.mean(dim=0, keepdim=True)
    assert torch.allclose(separate(engine, mono).voice.waveform, expected, atol=1e-6)


def test_surround_is_heard_in_pairs_and_its_low_frequencies_are_left(checkpoint: Callable[..., Path]) -> None:
    engine, surround = bs_roformer(checkpoint()), sound(9000, channels=6)
    voice = separate(engine, surround).voice.waveform
    assert not voice[3].any()
    for pair in ((0, 1), (4, 5)):
        alone = separate(engine, Audio(surround.waveform[list(pair)], 44100)).voice.waveform
        assert torch.allclose(voice[list(pair)], alone, atol=1e-6)
    centre = separate(engine, Audio(surround.waveform[2:3], 44100)).voice.waveform
    assert torch.allclose(voice[2:3], centre, atol=1e-6)


def test_a_network_for_one_channel_hears_middle_and_side(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint(replace(SMALL, stereo=False))
    engine, stereo = bs_roformer(path), sound(9000)
    voice = separate(engine, stereo).voice.waveform
    middle = separate(engine, Audio(stereo.waveform.mean(dim=0, keepdim=True), 44100)).voice.waveform[0]
    side = separate(engine, Audio((stereo.waveform[:1] - stereo.waveform[1:]) / 2, 44100)).voice.waveform[0]
    assert torch.allclose(voice, torch.stack((middle + side, middle - side)), atol=1e-5)


@pytest.mark.parametrize("name", ["mel_band_roformer", "mel_band_roformer_viperx"])
def test_mel_bands_keep_every_length(checkpoint: Callable[..., Path], name: str) -> None:
    engine = RoformerSeparator(name)
    engine.configure(Execution(device="cpu", weights={separation(engine.name).weights: checkpoint(SMALL_MEL)}))
    for samples in (1, 10_001, 50_003):
        separate(engine, sound(samples))


def test_augmentation_answers_something_else(checkpoint: Callable[..., Path]) -> None:
    path, audio = checkpoint(), sound(9000)
    plain = separate(bs_roformer(path), audio).voice.waveform
    assert not torch.allclose(separate(bs_roformer(path, augment=True), audio).voice.waveform, plain, atol=1e-4)


@pytest.mark.parametrize("samples", [0, 30_000])
def test_empty_and_silent_sounds_have_no_voice_and_load_nothing(samples: int) -> None:
    engine = bs_roformer(Path("nowhere.ckpt"))
    stems = engine.separate(Audio(torch.zeros(2, samples), 44100), Progress())
    assert stems.voice.waveform.shape == stems.background.waveform.shape == (2, samples)
    assert not stems.voice.waveform.any()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_are_refused(value: float) -> None:
    audio = sound(1000)
    audio.waveform[0, 5] = value
    with pytest.raises(InputError, match="not finite"):
        BSRoformerTinySeparator().separate(audio, Progress())


def test_the_mix_is_left_as_it_was(checkpoint: Callable[..., Path]) -> None:
    audio = sound(9000)
    before = audio.waveform.clone()
    separate(bs_roformer(checkpoint()), audio)
    assert torch.equal(audio.waveform, before)


def test_the_other_network_s_file_is_refused(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint(SMALL_MEL)
    path.with_suffix(".json").unlink()
    with pytest.raises(EngineError, match=r"small\.ckpt cannot be used by 'bs_roformer'.*Mel-Band-RoFormer"):
        bs_roformer(path).separate(sound(5000), Progress())


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"encoder.weight": torch.zeros(3)}, path)
    with pytest.raises(EngineError, match="not the weights of a RoFormer separator"):
        bs_roformer(path).separate(sound(5000), Progress())


def test_a_file_that_is_cut_off_is_refused(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint()
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(EngineError, match=r"small\.ckpt"):
        bs_roformer(path).separate(sound(5000), Progress())


def test_settings_that_belong_to_another_network_are_refused(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint()
    settings = json.loads(path.with_suffix(".json").read_text())
    settings["model"]["linear_transformer_depth"] = 1
    path.with_suffix(".json").write_text(json.dumps(settings))
    with pytest.raises(EngineError, match=r"small\.ckpt do not fit this network"):
        bs_roformer(path).separate(sound(5000), Progress())


def test_settings_that_are_no_json_are_refused(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint()
    path.with_suffix(".json").write_text("{")
    with pytest.raises(EngineError, match=r"small\.json"):
        bs_roformer(path).separate(sound(5000), Progress())


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"bs_roformer/ep_317.*deepsound models download"):
        RoformerSeparator("bs_roformer").separate(sound(5000), Progress())


def test_a_cancelled_run_raises_and_leaves_the_network_usable(checkpoint: Callable[..., Path]) -> None:
    engine, token, audio = bs_roformer(checkpoint()), CancelToken(), sound(200_000)

    def cancel_in_the_middle(event: ProgressEvent) -> None:
        if event.fraction and event.fraction > 0.3:
            token.cancel()

    with pytest.raises(Cancelled):
        engine.separate(audio, Progress(cancel_in_the_middle, token.check))
    separate(engine, audio)


def test_progress_is_reported_for_every_chunk(checkpoint: Callable[..., Path]) -> None:
    events: list[ProgressEvent] = []
    bs_roformer(checkpoint()).separate(sound(200_000), Progress(events.append))
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 8
    assert fractions[-1] == 1.0


def test_both_modes_agree_but_for_the_edges_of_chunks(checkpoint: Callable[..., Path]) -> None:
    path, audio = checkpoint(), sound(40_000)
    clean = separate(bs_roformer(path), audio).voice.waveform
    published = separate(bs_roformer(path, mode="published"), audio).voice.waveform
    assert torch.nn.functional.cosine_similarity(clean.flatten(), published.flatten(), dim=0) > 0.8


def test_one_network_in_memory_serves_both_modes(checkpoint: Callable[..., Path]) -> None:
    path, audio = checkpoint(), sound(5000)
    model_cache().unload()
    for mode in ("equal_overlap", "published"):
        separate(bs_roformer(path, mode=mode), audio)
    assert len(model_cache().report()) == 1


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near(checkpoint: Callable[..., Path], precision: str) -> None:
    path, audio = checkpoint(), sound(9000)
    exact = separate(bs_roformer(path), audio).voice.waveform
    engine = RoformerSeparator("bs_roformer")
    engine.configure(Execution(device="cpu", precision=precision, weights={"bs_roformer/ep_317": path}))  # type: ignore[arg-type]
    halved = separate(engine, audio).voice.waveform
    assert torch.nn.functional.cosine_similarity(exact.flatten(), halved.flatten(), dim=0) > 0.98


def test_the_shipped_settings_are_the_published_ones() -> None:
    for name, file in (
        ("bs_roformer", "model_bs_roformer_ep_317_sdr_12.9755"),
        ("mel_band_roformer", "MelBandRoformer_KimberleyJensen"),
        ("mel_band_roformer_viperx", "model_mel_band_roformer_ep_3005_sdr_11.4360"),
    ):
        published, known = json.loads((PUBLISHED / f"{file}.config.json").read_text()), separation(name)
        assert known.network == type(known.network).of(published["model"])
        assert known.sample_rate == published["audio"]["sample_rate"]
        assert known.demix.chunk == published["audio"]["chunk_size"]
        assert known.demix.overlaps == published["inference"]["num_overlap"]
        assert known.demix.batch == published["inference"]["batch_size"]

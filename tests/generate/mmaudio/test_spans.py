"""Tests of MMAudio's inpainting on tiny networks: picture masked, surroundings kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.errors import EngineError, InputError
from deepsound.generate.mmaudio import encoders, known_latents, sampling
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.clip import Clip
from deepsound.models.mmaudio.lengths import LATENTS_16K
from deepsound.models.mmaudio.masking import latent_mask
from deepsound.models.vae import weights as vae_weights
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest, Span
from deepsound.weights.search_paths import register_model_folders
from tests.conftest import write_video
from tests.generate.mmaudio import tiny

QUIET = Progress()
SECONDS = 1.2
FEW = GenerationRequest(steps=2, seed=7)
SPANS = (Span(0.4, 0.8),)
HIDDEN = replace(FEW, avoid=SPANS)


@pytest.fixture(autouse=True)
def only_published(no_other_weights: None, published: Path) -> None:
    register_model_folders([published])


@pytest.fixture
def small():
    return engines.generator("mmaudio_small_16k", Execution(device="cpu"))


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The latents of every sampling so far."""
    made: list[torch.Tensor] = []
    original = sampling.sample_latents

    def collect(*arguments: object) -> list[torch.Tensor]:
        found = original(*arguments)
        made.extend(found)
        return found

    monkeypatch.setattr(sampling, "sample_latents", collect)
    return made


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the encoders were really run on, by name."""
    runs: list[str] = []
    for module, name in ((encoders, "_encode_pictures"), (encoders, "_encode_segments"), (known_latents, "_encode")):
        original = getattr(module, name)

        def counted(*arguments: object, name: str = name, original=original) -> object:
            runs.append(name)
            return original(*arguments)

        monkeypatch.setattr(module, name, counted)
    return runs


def outside() -> torch.Tensor:
    anew = latent_mask([(span.start_s, span.end_s) for span in SPANS], LATENTS_16K.latents(SECONDS), 31.25)
    return ~anew


def same(one: Audio, other: Audio) -> bool:
    return torch.equal(one.waveform, other.waveform)


def test_hiding_a_span_of_the_picture_changes_the_sound_and_no_span_does_not(small, clip):
    base = small.generate(clip, FEW, QUIET)
    hidden = small.generate(clip, HIDDEN, QUIET)
    assert not same(base, hidden)
    assert same(hidden, small.generate(clip, HIDDEN, QUIET))
    assert same(base, small.generate(clip, replace(FEW, avoid=()), QUIET))


def test_a_picture_that_is_hidden_throughout_is_no_picture(small, clip):
    whole = replace(FEW, avoid=(Span(0.0, SECONDS),))
    blind = small.takes(VisualCondition(), replace(FEW, duration_s=SECONDS), 1, QUIET)[0]
    torch.testing.assert_close(small.generate(clip, whole, QUIET).waveform, blind.waveform, rtol=0, atol=1e-5)


def test_what_a_hidden_span_shows_hardly_matters(small, tmp_path):
    """Frames 10 to 19 of 25 a second are 0.4 to 0.8 s. Synchformer's attention carries a trace of them to the features
    of the same segment outside; CLIP's features and the rows of the span itself are hidden."""

    def picture(index: int) -> np.ndarray:
        return np.full((48, 64, 3), 5 * index, np.uint8)

    paths = []
    for name, level in (("one.mkv", 0), ("other.mkv", 255)):
        other = tmp_path / name
        write_video(
            other,
            fps=25,
            seconds=SECONDS,
            codec="ffv1",
            pixel_format="bgr0",
            paint=lambda at, level=level: np.full((48, 64, 3), level, np.uint8) if 10 <= at < 20 else picture(at),
        )
        paths.append(other)
    changes = []
    for request in (HIDDEN, FEW):
        one, other = (small.generate(Clip.open(each), request, QUIET).waveform for each in paths)
        changes.append(float((one - other).square().mean()))
    hidden, shown = changes
    assert hidden < 0.05 * shown


def test_regenerating_a_span_samples_once_and_encodes_nothing_again(small, clip, sampled, encoded):
    coarse = small.generate(clip, FEW, QUIET)
    runs = list(encoded)
    made = small.inpaint(clip, coarse, SPANS, HIDDEN, QUIET)
    assert encoded == runs and len(sampled) == 2
    assert (made.sample_rate, made.samples) == (coarse.sample_rate, coarse.samples)
    first, second = sampled
    away = outside()
    assert float((first - second)[:, :, away].abs().max()) <= 1e-6 * float(first.abs().max())
    assert float((first - second)[:, :, ~away].abs().amin(dim=1).max()) > 0


def test_a_sound_from_elsewhere_is_encoded_once(small, clip, sampled, encoded):
    foreign = Audio(torch.randn(2, 88_200, generator=torch.Generator().manual_seed(1)) * 0.1, 44_100)
    one = small.inpaint(clip, foreign, SPANS, HIDDEN, QUIET)
    other = small.inpaint(clip, foreign, SPANS, replace(HIDDEN, seed=8), QUIET)
    assert encoded.count("_encode") == 1
    assert not same(one, other)
    away = outside()
    assert torch.equal(sampled[0][:, :, away], sampled[1][:, :, away])


def test_the_same_seed_regenerates_the_same_span(small, clip):
    coarse = small.generate(clip, FEW, QUIET)
    one = small.inpaint(clip, coarse, SPANS, replace(HIDDEN, seed=3), QUIET)
    model_cache().unload()
    assert same(one, small.inpaint(clip, coarse, SPANS, replace(HIDDEN, seed=3), QUIET))


def test_a_file_without_the_encoder_says_so(small, clip, published, tmp_path):
    """Repackaged files may hold the decoder alone, which is enough to generate."""
    state = torch.load(published / tiny.PUBLISHED["vae"], weights_only=True)
    half = tmp_path / "decoder.pth"
    torch.save(vae_weights.without_encoder(state), half)
    engine = engines.generator("mmaudio_small_16k", Execution(device="cpu", weights={"mmaudio/vae_16k": half}))
    coarse = engine.generate(clip, FEW, QUIET)
    assert engine.inpaint(clip, coarse, SPANS, HIDDEN, QUIET).samples == coarse.samples
    feature_cache().clear()
    with pytest.raises(EngineError, match="holds the autoencoder's decoder alone"):
        engine.inpaint(clip, coarse, SPANS, HIDDEN, QUIET)


@pytest.mark.parametrize("span", [Span(-1.0, 0.5), Span(0.5, 0.5), Span(0.6, 0.2), Span(0.1, float("inf"))])
def test_spans_that_are_none_are_refused_before_anything_is_loaded(small, clip, span):
    with pytest.raises(InputError, match="avoid: expected a start from 0"):
        small.generate(clip, replace(FEW, avoid=(span,)), QUIET)
    with pytest.raises(InputError, match="spans: expected a start from 0"):
        small.inpaint(clip, Audio(torch.zeros(1, 32_000), 16_000), (span,), FEW, QUIET)


def test_a_span_past_the_end_is_no_span(small, clip):
    past = replace(FEW, avoid=(Span(5.0, 6.0),))
    assert same(small.generate(clip, past, QUIET), small.generate(clip, FEW, QUIET))

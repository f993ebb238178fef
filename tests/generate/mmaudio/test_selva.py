"""The engine `selva` on tiny networks: what the prompt steers, and what it costs."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.errors import EngineError, MissingPackage
from deepsound.generate.mmaudio import text_encoder
from deepsound.generate.mmaudio.components import MMAudioComponents
from deepsound.generate.mmaudio.generator import MMAudioGenerator
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.clip import Clip
from deepsound.models.clip.model import VisionTower
from deepsound.models.synchformer.preprocess import squeezed_sync_picture
from deepsound.models.synchformer.text_steered import TextSteeredSynchformer
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import Progress
from deepsound.types import GenerationRequest, Span
from deepsound.weights.search_paths import register_model_folders
from tests.generate.mmaudio import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")

QUIET = Progress()
ROLES = {"flow", "autoencoder", "vocoder", "clip", "synchformer", "text_encoder"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_selva(tmp_path_factory.mktemp("published"))


@pytest.fixture
def selva(published: Path) -> MMAudioGenerator:
    model_cache().unload()
    feature_cache().clear()
    register_model_folders([published])
    made = engines.generator("selva", Execution(device="cpu"))
    assert isinstance(made, MMAudioGenerator)
    return made


def request(prompt: str, **wanted: object) -> GenerationRequest:
    return GenerationRequest(**{"prompt": prompt, "steps": 1, "seed": 7, **wanted})  # type: ignore[arg-type]


@pytest.fixture
def trunk_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many segments passed the trunk, one number for each pass."""
    passes: list[int] = []
    plain = TextSteeredSynchformer.tokens

    def counted(self: TextSteeredSynchformer, segments: torch.Tensor) -> torch.Tensor:
        passes.append(segments.shape[1])
        return plain(self, segments)

    monkeypatch.setattr(TextSteeredSynchformer, "tokens", counted)
    return passes


def test_another_prompt_costs_no_pass_of_the_trunk_and_gives_another_sound(selva, clip, trunk_passes):
    first = selva.generate(clip, request("the rain"), QUIET)
    assert (first.samples, first.sample_rate) == (19200, 16000)
    assert sum(trunk_passes) == 2, "1.2 s of 25 frames a second are two segments"
    trunk_passes.clear()
    other = selva.generate(clip, request("only drums"), QUIET)
    assert not trunk_passes
    assert not np.array_equal(first.numpy(), other.numpy())
    assert np.array_equal(first.numpy(), selva.generate(clip, request("the rain"), QUIET).numpy())


def test_the_steered_features_are_the_network_s_own_on_squeezed_frames(selva, clip, published):
    from deepsound.generate.mmaudio import steered_sync
    from deepsound.generate.mmaudio.frame_sampling import sync_view
    from deepsound.models.synchformer.preprocess import sync_values

    components = MMAudioComponents("selva", Execution(device="cpu"))
    frames = clip.view(sync_view(hold_last=True, squeezed=True), QUIET)
    with components.stage(QUIET) as stage:
        states = steered_sync.steering_states(stage, "rain")
        got = steered_sync.steered_features(stage, frames, states, QUIET)
        video = sync_values(frames.pictures)[list(frames.rows)][None]
        expected = stage.steered_synchformer()(video, states, torch.ones(1, states.shape[1]))
    assert states.shape == (1, 2, 16), "the word and the end token; the tokenizer's own padding is switched off"
    assert torch.allclose(got, expected, atol=1e-5)


def test_frames_are_squeezed_and_not_cropped():
    picture = torch.zeros(3, 32, 64, dtype=torch.uint8)
    picture[:, :, :8] = 255
    assert squeezed_sync_picture(picture)[0, 100, 10] > 200


def test_clip_s_picture_tower_is_neither_loaded_nor_run(selva, clip, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("CLIP's picture tower was built")

    monkeypatch.setattr(VisionTower, "__init__", refuse)
    selva.generate(clip, request("rain"), QUIET)
    assert "clip_text" in {row.key.name for row in model_cache().report()}


def test_windows_are_steered_by_their_own_text_and_pay_for_the_trunk_once(selva, make_video, trunk_passes):
    long = Clip.open(make_video("long.mp4", fps=25, seconds=5))
    scenes = selva.generate(long, request("0-2.5: rain\n2.5-5: drums", window_s=2.0), QUIET)
    paid = sum(trunk_passes)
    assert scenes.samples == 80000
    selva.generate(long, request("wind", window_s=2.0), QUIET)
    assert sum(trunk_passes) == paid, "the same windows with another prompt"


def test_takes_negative_prompts_and_spans_to_avoid(selva, clip):
    takes = selva.takes(VisualCondition(clip), request("rain"), 2, QUIET)
    assert not np.array_equal(takes[0].numpy(), takes[1].numpy())
    plain = takes[0].numpy()
    assert engines.uses_negative_prompt(selva) and engines.avoids_spans(selva)
    negative = selva.generate(clip, request("rain", negative_prompt="drums"), QUIET)
    avoiding = selva.generate(clip, request("rain", avoid=(Span(0.0, 0.6),)), QUIET)
    assert not np.array_equal(plain, negative.numpy()) and not np.array_equal(plain, avoiding.numpy())


def test_a_span_is_made_anew_as_with_mmaudio(selva, clip):
    sound = selva.generate(clip, request("rain"), QUIET)
    anew = selva.inpaint(clip, sound, [Span(0.5, 1.0)], request("drums"), QUIET)
    assert anew.samples == sound.samples
    assert not np.array_equal(anew.numpy(), sound.numpy())


def test_a_still_picture_leads_nothing_and_that_is_said(selva):
    said: list[str] = []
    visual = VisualCondition(still=torch.zeros(3, 32, 32, dtype=torch.uint8))
    sound = selva.takes(visual, request("rain", duration_s=1.0), 1, Progress(lambda event: said.append(event.text)))[0]
    assert sound.samples == 16000
    assert any("does not look at a still picture" in text for text in said)


def test_all_six_files_are_named_and_the_text_encoder_by_its_weights(selva):
    found = selva.files()
    assert set(found) == ROLES
    assert found["text_encoder"].name == "model.safetensors"


def test_the_text_encoder_stays_in_float32_where_the_rest_is_float16(published):
    register_model_folders([published])
    components = MMAudioComponents("selva", Execution(device="cpu"))
    components.dtype = torch.float16
    assert components.dtype_of("text_encoder") is torch.float32 and components.dtype_of("flow") is torch.float16


def test_prompts_are_cut_at_512_tokens(published):
    assert len(text_encoder.token_ids(published / "selva" / "flan-t5-base", "rain " * 900)) == 512
    assert text_encoder.token_ids(published / "selva" / "flan-t5-base", "") == [1]


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published / "selva" / "flan-t5-base", tmp_path / "t5"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "config.json").write_text("{}"), "expected the settings of a T5"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "t5", "d_model": 8}'), "do not fit"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "model.safetensors"),
    ],
)
def test_a_folder_that_is_no_t5_is_refused_by_name(folder, spoil, message):
    spoil(folder)
    with pytest.raises(EngineError, match=message):
        text_encoder.text_encoder(folder / "model.safetensors", torch.float32)


def test_a_tokenizer_that_is_missing_or_broken_is_refused_by_name(folder):
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(EngineError, match=r"tokenizer\.json cannot be read"):
        text_encoder.token_ids(folder, "rain")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EngineError, match=r"holds no tokenizer\.json"):
        text_encoder.token_ids(folder, "rain")
    (folder / "model.safetensors").unlink()
    with pytest.raises(EngineError, match="holds no weights"):
        text_encoder.weights_in(folder)


def test_code_that_the_settings_name_is_never_looked_for(folder):
    assert "auto_map" in json.loads((folder / "config.json").read_text())
    network = text_encoder.text_encoder(folder / "model.safetensors", torch.float32)
    assert network(torch.tensor([[3, 1]])).shape == (1, 2, 16)


def test_without_transformers_the_package_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackage, match="transformers"):
        text_encoder.text_encoder(folder / "model.safetensors", torch.float32)


def test_the_trunk_s_tokens_of_a_clip_are_freed_by_the_cache_s_budget(selva, clip, monkeypatch):
    monkeypatch.setattr(feature_cache(), "budget_bytes", 1)
    selva.generate(clip, request("rain"), QUIET)
    assert len(feature_cache()._kept) == 1


def test_mmaudio_s_own_weights_under_selva_s_name_are_refused(published, tmp_path, clip):
    models = Path(shutil.copytree(published, tmp_path / "models"))
    tiny.save_pickled(tiny.sync_state(tiny.TINY_16K.synchformer, seed=4), models / tiny.SELVA["synchformer"])
    register_model_folders([models])
    with pytest.raises(EngineError, match="not the weights of SelVA's video encoder"):
        engines.generator("selva", Execution(device="cpu")).generate(clip, request("rain"), QUIET)

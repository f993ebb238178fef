"""No step loads a network that is not used: counted over the published layout in miniature."""

from __future__ import annotations

from collections import Counter

import pytest

from deepsound import Pipeline
from deepsound.cli.main import main
from deepsound.media.clip import Clip
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import ModelCache, model_cache
from deepsound.takes import run_takes
from deepsound.types import GenerationRequest
from tests import pretrained

NO = tuple(" B " if part == " A " else part for part in pretrained.YES)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return pretrained.write(tmp_path_factory.mktemp("DeepSound-V1"))


@pytest.fixture
def loaded(monkeypatch, checkout):
    """How often each network was read from its file, by name."""
    pretrained.only_here(monkeypatch, checkout)
    model_cache().unload()
    counted: Counter[str] = Counter()
    build = ModelCache._build

    def count(self, entry, make):
        def made():
            counted[next(key.name for key, held in self._entries.items() if held is entry)] += 1
            return make()

        return build(self, entry, made)

    monkeypatch.setattr(ModelCache, "_build", count)
    yield counted
    model_cache().unload()


def run(clip, *names, **options):
    pipeline = Pipeline(*names, execution=Execution(device="cpu"), **options)
    return pipeline.run_in_memory(Clip.open(clip), GenerationRequest(steps=1))


@pytest.fixture
def clip(make_video, tone):
    return make_video("clip.mp4", fps=25, seconds=0.8, audio=tone(0.8))


@pytest.mark.parametrize("verdict", [NO, pretrained.YES], ids=["no voice-over", "voice-over"])
def test_each_published_network_is_read_once_and_the_separator_only_for_a_voice_over(loaded, checkout, clip, verdict):
    pretrained.write_judges(checkout, verdict)
    outcome = run(clip, preset="published")
    assert outcome.verdict_is_voice_over == ("bs_roformer" in loaded) == (verdict is pretrained.YES)
    assert set(loaded.values()) == {1}
    assert any(name.startswith("videollama2") for name in loaded) and not any("foley" in name for name in loaded)


def test_the_embedded_preset_reads_none_of_the_published_networks_that_are_there(loaded, clip):
    run(clip, preset="embedded")
    assert not [name for name in loaded if name not in ("silero", "blazeface", "dtln")]


def test_what_is_named_is_read_and_nothing_else(loaded, checkout, clip):
    """The judge with the published plan needs no planner; a video's own sound no generator."""
    run(clip, "source", "videollama2_qa", "spectral")
    assert loaded and all(name.startswith("videollama2") for name in loaded) and set(loaded.values()) == {1}


def test_auto_reads_the_best_generator_once_for_all_takes_and_no_separator_without_voice_over(
    loaded, checkout, make_video, tmp_path
):
    """Every published engine lies on the disk; one of each kind is used."""
    pretrained.write_judges(checkout, NO)
    silent = make_video("silent.mp4", fps=25, seconds=0.8)
    made = run_takes(Pipeline(execution=Execution(device="cpu")), silent, tmp_path / "out", 2, steps=1)
    assert [one.outcome.choices.generator.name for one in made] == ["mmaudio_large_44k_v2"] * 2
    assert set(loaded.values()) == {1} and not {"bs_roformer", "bs_roformer_tiny"} & loaded.keys()
    assert not [name for name in loaded if "foley" in name or "16k" in name]


def test_reproduce_reads_each_network_once_and_none_of_metrics_that_were_not_asked_for(
    loaded, checkout, make_video, tone, tmp_path
):
    pretrained.write_judges(checkout, NO)
    for name in ("one", "two"):
        make_video(f"clips/{name}.mp4", fps=25, seconds=0.8, audio=tone(0.8))
    clips = str(tmp_path / "clips")
    flags = ["--preset", "published", "--steps", "1", "--device", "cpu", "--only", "levels", "--quiet"]
    assert main(["reproduce", clips, "--gt", clips, "-o", str(tmp_path / "out"), *flags]) == 0
    assert set(loaded.values()) == {1} and "bs_roformer" not in loaded
    assert not {"silero", "passt", "panns", "vggish", "imagebind"} & loaded.keys(), loaded

"""Tests of torch.compile on the sampling step: same sound, no graph breaks, failures."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepsound import engines
from deepsound.batch.clips import Job
from deepsound.batch.settings import BatchSettings
from deepsound.errors import Cancelled
from deepsound.generate.mmaudio import compilation
from deepsound.generate.mmaudio.compilation import CompiledField
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.models.mmaudio.flow_matching import Field, classifier_free_guidance, euler
from deepsound.models.mmaudio.lengths import LATENTS_16K, sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.runtime.execution import Execution
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import GenerationRequest
from deepsound.weights.search_paths import register_model_folders
from tests.generate.mmaudio import tiny

QUIET = Progress()
NOISE = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
pytestmark = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")


@pytest.fixture(autouse=True)
def no_compiled_code():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def plain(latent: Tensor, time: Tensor) -> Tensor:
    return (latent * 2.0 + time).sin()


def guided(network: MMAudio) -> tuple[Field, Tensor]:
    """A guided field of a miniature network for a second of sound, and noise to begin from."""
    lengths, config = sequence_lengths(1.0, LATENTS_16K), network.config
    random = torch.Generator().manual_seed(1)
    clip = torch.randn(1, lengths.clip, config.clip_dim, generator=random)
    conditions = network.preprocess_conditions(lengths, clip)
    field = classifier_free_guidance(network, conditions, network.preprocess_conditions(lengths), 4.5)
    return field, torch.randn(1, lengths.latent, config.latent_dim, generator=random)


def largest_error(backend: str) -> float:
    """Of three compiled steps on the CPU, interruptible as in a run, relative to the largest value."""
    network = tiny.seeded(MMAudio(replace(tiny.TINY_16K.flow, depth=2)), 3)
    assert isinstance(network, MMAudio)
    with torch.inference_mode(), interruptible(network, QUIET.check):
        field, noise = guided(network)
        compiled = CompiledField(field, QUIET, backend)
        expected, got = euler(field, noise, 3), euler(compiled, noise, 3)
    assert compiled.is_compiled
    return float((got - expected).abs().max() / expected.abs().max())


def test_the_step_is_one_graph_whose_states_are_the_plain_ones_to_rounding() -> None:
    # float32 rounds to 6e-8; sums of some hundred terms in another order, three steps in a row.
    assert largest_error("eager") < 1e-5
    counters = torch._dynamo.utils.counters
    assert not counters["graph_break"] and counters["stats"]["unique_graphs"] == 1


@pytest.mark.slow
@pytest.mark.skipif(
    "TEST_INDUCTOR" not in os.environ or shutil.which("c++") is None,
    reason="compiling C++ takes minutes: set TEST_INDUCTOR=1 where there is a C++ compiler",
)
def test_compiled_code_gives_the_plain_states_to_rounding() -> None:
    assert largest_error("inductor") < 1e-4


def test_a_step_that_cannot_be_compiled_runs_as_it_is_and_a_note_says_so() -> None:
    def refuse(graph: object, inputs: object) -> object:
        raise RuntimeError("no compiler found")

    notes: list[str] = []
    progress = Progress(on_event=lambda event: notes.append(event.text) if event.is_note else None)
    compiled = CompiledField(plain, progress, refuse)
    assert torch.equal(euler(compiled, NOISE, 4), euler(plain, NOISE, 4))
    assert not compiled.is_compiled and len(notes) == 1
    assert "no compiler found" in notes[0] and "C++ compiler" in notes[0]


def test_running_out_of_memory_while_compiling_is_not_hidden() -> None:
    def exhaust(graph: object, inputs: object) -> object:
        raise MemoryError

    with pytest.raises(MemoryError):
        CompiledField(plain, QUIET, exhaust)(NOISE, torch.tensor(0.5))


def test_threads_that_end_may_compile_one_after_another() -> None:
    # torch 2.11 crashed, interpreter and all, when each compiled by itself.
    made: list[Tensor] = []
    for factor in (1.0, 2.0):
        field = CompiledField(lambda latent, time, factor=factor: latent * factor + time, QUIET, "eager")
        thread = threading.Thread(target=lambda field=field: made.append(field(NOISE, torch.tensor(0.5))))
        thread.start()
        thread.join()
    assert torch.allclose(made[0], NOISE + 0.5) and torch.allclose(made[1], 2 * NOISE + 0.5)


def test_compiling_can_be_cancelled() -> None:
    token, over = CancelToken(), threading.Event()

    def endless(graph: torch.fx.GraphModule, inputs: object) -> object:
        token.cancel()
        over.wait(300)
        return graph.forward

    with pytest.raises(Cancelled):
        CompiledField(plain, Progress(check=token.check), endless)(NOISE, torch.tensor(0.5))
    over.set()


@pytest.mark.usefixtures("nothing_at_hand")
def test_the_record_says_that_the_step_was_compiled(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register_model_folders([published])
    asked: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda field, **options: asked.append(options["backend"]) or field)
    request = GenerationRequest(prompt="rain", steps=2, seed=7, duration_s=1.0)
    made = {}
    for compiled in (False, True):
        engine = engines.generator("mmaudio_small_16k", Execution(device="cpu", precision="fp32", compiled=compiled))
        (sound,) = engines.require_takes(engine, "").takes(VisualCondition(None), request, 1, QUIET)
        made[compiled] = sound.waveform
        assert engines.settings_in_use(engine).get("compile", False) is compiled
    assert torch.equal(made[True], made[False]) and asked == [compilation.BACKEND]


def test_an_engine_that_compiles_nothing_says_so_before_the_work() -> None:
    asked = Execution(compiled=True)
    assert engines.compile_notes(engines.generator("draft"), "draft", asked) == (
        "draft does not use compile; MMAudio's generators do.",
    )
    assert engines.compile_notes(engines.generator("mmaudio_small_16k"), "mmaudio_small_16k", asked) == ()
    assert engines.compile_notes(engines.generator("draft"), "draft", Execution()) == ()


def test_a_batch_goes_on_whether_its_steps_are_compiled_or_not(tmp_path: Path) -> None:
    job = Job(0, "clip", tmp_path / "clip.mp4")
    job.video.write_bytes(b"")
    prints = {BatchSettings({"execution": Execution(compiled=on)}).fingerprint(job) for on in (False, True)}
    assert len(prints) == 1

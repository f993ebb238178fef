"""Tests of MMAudio's training: features, LoRA, resumption, what is left out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound import engines
from deepsound.cli.main import main
from deepsound.errors import EngineError, InputError, OutputError
from deepsound.generate.mmaudio.checkpoint import flow_network
from deepsound.media.clip import Clip
from deepsound.models.mmaudio.lengths import LATENTS_16K, sequence_lengths
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.train.checkpoint_file import append_log, read_checkpoint
from deepsound.train.generator.features import FlowItem, batch_of
from deepsound.train.generator.run import (
    CHECKPOINT,
    LORA,
    WEIGHTS,
    FlowTraining,
    GeneratorJob,
    GeneratorRecipe,
    train_generator,
)
from deepsound.train.run_folder import sole_run
from deepsound.types import GenerationRequest
from deepsound.weights.load import read_tensors
from deepsound.weights.lora import merge, read_lora
from tests import fakes
from tests.conftest import write_video
from tests.generate.mmaudio import tiny
from tests.json_records import fits

RECIPE = GeneratorRecipe(
    steps=4, batch=2, learning_rate=2e-3, warm_up=0, rank=4, alpha=8.0, held_out=0.4, seconds=0.8, save_every=2
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/ and clips/ of three clips that can be used, one too short and one without sound."""
    folder = tmp_path_factory.mktemp("generator")
    tiny.write_published_16k(folder / "models")
    (folder / "clips").mkdir()
    for number in range(3):
        write_video(folder / "clips" / f"{number}.mp4", fps=25, seconds=0.84, audio=fakes.noise(0.84, 0.1, number))
    write_video(folder / "clips" / "mute.mp4", fps=25, seconds=0.84)
    write_video(folder / "clips" / "short.mp4", fps=25, seconds=0.4, audio=fakes.noise(0.4, 0.1))
    (folder / "clips" / "0.txt").write_text("rain")
    (folder / "clips" / "captions.csv").write_text("video,caption\n1.mp4,wind\n")
    return folder


@pytest.fixture(autouse=True)
def models(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("deepsound.weights.search_paths._registered_folders", (root / "models",))
    with torch.enable_grad():
        yield


def job(root: Path, out: Path, **changes: object) -> GeneratorJob:
    recipe = replace(RECIPE, **changes)  # type: ignore[arg-type]
    execution = Execution(device="cpu", precision="fp32")
    return GeneratorJob("small_16k", root / "clips", out, recipe, "noise", execution, merged=True)


@pytest.fixture(scope="module")
def trained(root: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch, torch.enable_grad():
        patch.setattr("deepsound.weights.search_paths._registered_folders", (root / "models",))
        train_generator(job(root, root / "out"), Progress())
    return root / "out"


def test_features_are_extracted_once_and_what_cannot_be_used_is_named(root: Path, trained: Path) -> None:
    report = fits("generator_training", json.loads((trained / "training.json").read_text()))
    assert sorted(Path(line.partition(":")[0]).name for line in report["left_out"]) == ["mute.mp4", "short.mp4"]
    files = {path: path.stat().st_mtime_ns for path in (trained / "features").iterdir()}
    assert len(files) == 3 and len(report["held_out_clips"]) == 1
    train_generator(job(root, trained), Progress())
    assert {path: path.stat().st_mtime_ns for path in (trained / "features").iterdir()} == files


def test_the_loss_falls_and_that_of_held_out_clips_is_logged(root: Path, trained: Path, tmp_path: Path) -> None:
    from deepsound.train.generator.features import FlowItem
    from deepsound.train.generator.run import FlowTraining

    items = [FlowItem(path, path) for path in sorted((trained / "features").iterdir())]
    base = root / "models" / tiny.PUBLISHED["flow"]
    training = FlowTraining(flow_network(base, torch.float32), replace(RECIPE, steps=6), items, tmp_path)
    batch = batch_of(items, torch.device("cpu"))
    before = float(training._loss(batch, 7).mean())
    training.run(Progress())
    assert float(training._loss(batch, 7).mean()) < before
    log = (trained / "train_log.jsonl").read_text().splitlines()
    lines = [fits("training_log", json.loads(line)) for line in log]
    assert all("held_out_loss" in line for line in lines if line["step"] in (4,))


def velocity(network: torch.nn.Module) -> torch.Tensor:
    lengths, generator = sequence_lengths(0.8, LATENTS_16K), torch.Generator().manual_seed(3)
    conditions = network.preprocess_conditions(lengths, text=torch.randn(1, 77, 24, generator=generator))
    noisy = torch.randn(1, lengths.latent, 20, generator=generator)
    return network(noisy, torch.tensor([0.3]), conditions)


def test_lora_merged_equals_lora_applied(root: Path, trained: Path) -> None:
    from deepsound.train.generator.lora_layers import add_lora

    base = root / "models" / tiny.PUBLISHED["flow"]
    held = torch.load(trained / "checkpoint.pt", weights_only=True)
    applied = flow_network(base, torch.float32)
    add_lora(applied, RECIPE.rank, RECIPE.alpha, RECIPE.seed)
    missing = applied.load_state_dict(held["average"]["averages"], strict=False)
    assert not missing.unexpected_keys
    with torch.no_grad():
        plain = velocity(flow_network(base, torch.float32))
        merged = velocity(flow_network(base, torch.float32, loras=[(trained / LORA, 1.0)]))
        written = velocity(flow_network(trained / WEIGHTS, torch.float32))
    with torch.enable_grad():
        wanted = velocity(applied).detach()
    assert (merged - wanted).abs().max() < 1e-5 and (written - wanted).abs().max() < 1e-5
    assert (plain - wanted).abs().max() > 1e-4


def test_all_weights_learn_where_that_is_asked_for(root: Path, tmp_path: Path, capsys) -> None:
    command = ["train", "generator", str(root / "clips"), "-o", str(tmp_path), "--base", "mmaudio_small_16k", "--full"]
    short = ["--steps", "2", "--batch", "2", "--seconds", "0.8", "--lr", "1e-3", "--device", "cpu", "--prompt", "rain"]
    assert main([*command, *short, "--held_out", "0.4", "--models", str(root / "models"), "--json"]) == 6
    assert json.loads(capsys.readouterr().out)["recipe"]["rank"] == 0
    base, got = read_tensors(root / "models" / tiny.PUBLISHED["flow"]), read_tensors(tmp_path / WEIGHTS)
    assert not (tmp_path / LORA).exists()
    name = "joint_blocks.0.latent_block.attn.qkv.weight"
    assert base[name].shape == got[name].shape and not torch.equal(base[name].float(), got[name])
    with torch.no_grad():
        plain, learnt = (
            velocity(flow_network(file, torch.float32))
            for file in (root / "models" / tiny.PUBLISHED["flow"], tmp_path / WEIGHTS)
        )
    assert learnt.isfinite().all() and not torch.equal(plain, learnt)


def test_over_fitting_is_said_at_the_end(root: Path, trained: Path, tmp_path: Path, monkeypatch) -> None:
    from deepsound.train.generator.run import FlowTraining

    (tmp_path / "features").symlink_to(trained / "features")
    monkeypatch.setattr(FlowTraining, "validate", lambda self: {1: 0.9, 2: 0.8, 3: 0.85}[self.step])
    report = train_generator(job(root, tmp_path, steps=3, validate_every=1), Progress())
    assert "rose from 0.8 at step 2 to 0.85 at step 3" in report["over_fitting"]
    assert "--steps 2 " in report["over_fitting"]


def test_a_held_out_loss_that_falls_or_trembles_is_no_over_fitting(tmp_path: Path) -> None:
    from deepsound.train.generator.overfitting import held_out_losses, over_fitting

    lines = [
        '{"step": 2, "held_out_loss": 0.9}',
        '{"step": 3, "loss": 1}',
        '{"step"',
        '{"step": 4, "held_out_loss": 0.8}',
    ]
    (tmp_path / "log").write_text("\n".join([*lines, '{"step": 6, "held_out_loss": 0.807}']))
    losses = held_out_losses(tmp_path / "log")
    assert losses == {2: 0.9, 4: 0.8, 6: 0.807}
    assert not over_fitting(losses, 6) and not over_fitting({2: 0.9}, 2)
    # What a longer run left in the folder is not of this one.
    assert not over_fitting(losses | {8: 2.0}, 6) and over_fitting(losses | {8: 2.0}, 8)


def test_several_adapters_add_up_and_strength_scales(root: Path, trained: Path) -> None:
    base = read_tensors(root / "models" / tiny.PUBLISHED["flow"])
    lora = read_lora(trained / LORA)
    name = "joint_blocks.0.latent_block.attn.qkv.weight"
    twice = merge(merge(base, lora, 0.5), lora, 0.25)
    delta = merge(base, lora, 1.0)[name] - base[name]
    assert torch.allclose(twice[name] - base[name], 0.75 * delta, atol=1e-6)
    assert torch.equal(merge(base, lora, 0.0)[name], base[name])


def test_the_engine_generates_with_a_lora_and_another_strength_is_another_sound(
    root: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = Clip.open(root / "clips" / "0.mp4")
    request = GenerationRequest(prompt="rain", steps=2, duration_s=0.8)

    def sound(*loras: tuple[Path, float]) -> torch.Tensor:
        execution = Execution(device="cpu", precision="fp32", loras=loras)
        with torch.no_grad():
            return engines.generator("mmaudio_small_16k", execution).generate(clip, request, Progress()).waveform

    plain, with_it, stacked = sound(), sound((trained / LORA, 1.0)), sound((trained / LORA, 0.5), (trained / LORA, 0.5))
    assert not torch.equal(plain, with_it)
    assert torch.allclose(with_it, stacked, atol=1e-3)
    engine = engines.generator("mmaudio_small_16k", Execution(device="cpu", loras=((trained / LORA, 0.5),)))
    assert engine.files()["LoRA 1 at 0.5"] == trained / LORA  # type: ignore[attr-defined]


def test_a_run_that_was_stopped_ends_with_the_same_lora(root: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "features").symlink_to(trained / "features")
    train_generator(job(root, tmp_path / "out", steps=2), Progress())
    # The rate behind the warm-up is constant: two steps are the first half of four.
    train_generator(job(root, tmp_path / "out"), Progress())
    expected, got = read_tensors(trained / LORA), read_tensors(tmp_path / "out" / LORA)
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())


def test_a_lora_of_another_network_or_of_wrong_ranks_is_refused(root: Path, trained: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tensors = read_tensors(trained / LORA)
    name = next(name for name in tensors if name.endswith("lora_A.weight"))
    save_file(tensors | {name: tensors[name][:2].clone()}, tmp_path / "ranks.safetensors")
    with pytest.raises(EngineError, match="one rank"):
        read_lora(tmp_path / "ranks.safetensors")
    with pytest.raises(EngineError, match="for another model"):
        merge({"other.weight": torch.zeros(2, 2)}, read_lora(trained / LORA))
    with pytest.raises(EngineError, match="not there"):
        read_lora(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="takes LoRA"):
        engines.generator("draft", Execution(loras=((trained / LORA, 1.0),)))


def test_a_full_disk_leaves_the_checkpoint_before(root: Path, trained: Path, tmp_path, monkeypatch) -> None:
    items = [FlowItem(path, path) for path in sorted((trained / "features").iterdir())]
    base = root / "models" / tiny.PUBLISHED["flow"]
    training = FlowTraining(flow_network(base, torch.float32), RECIPE, items, tmp_path)
    training.learn()
    training.save()
    before = (tmp_path / CHECKPOINT).read_bytes()

    def full(state: object, path: Path) -> None:
        Path(path).write_bytes(b"half of it")
        raise RuntimeError("PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="free some space"):
        training.save()
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_folder_with_the_checkpoint_of_another_rank_is_refused(root: Path, trained: Path) -> None:
    before = (trained / LORA).read_bytes()
    with pytest.raises(EngineError, match=r"got one with 4x\d+ for .*, which is 2x\d+ here"):
        train_generator(job(root, trained, rank=2), Progress())
    assert (trained / LORA).read_bytes() == before


def test_a_damaged_checkpoint_is_named(trained: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes((trained / CHECKPOINT).read_bytes()[:999])
    with pytest.raises(EngineError, match=r"cannot be read \(.*remove it"):
        read_checkpoint(tmp_path / CHECKPOINT, torch.device("cpu"), {})


def test_settings_that_changed_since_the_run_began_are_said(root: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "out")
    events: list[ProgressEvent] = []
    train_generator(job(root, tmp_path / "out", steps=5, learning_rate=1e-3), Progress(on_event=events.append))
    notes = [event.text for event in events if event.is_note]
    assert any(text.endswith("these: learning_rate 0.002 -> 0.001") for text in notes), notes


def test_a_gradient_that_is_no_number_spoils_neither_weights_nor_checkpoint(
    root: Path, trained: Path, tmp_path
) -> None:
    items = [FlowItem(path, path) for path in sorted((trained / "features").iterdir())]
    base = root / "models" / tiny.PUBLISHED["flow"]
    training = FlowTraining(flow_network(base, torch.float32), replace(RECIPE, save_every=1), items, tmp_path)
    training.learn()
    training.save()
    before = {name: value.detach().clone() for name, value in training.trained.items()}
    next(iter(training.trained.values())).register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(EngineError, match=r"step 2: .*a gradient that is none, on .* is the last good checkpoint"):
        training.run(Progress())
    assert all(torch.equal(value, before[name]) for name, value in training.trained.items())
    assert read_checkpoint(tmp_path / CHECKPOINT, training.device, training.trained)["step"] == 1


def test_a_second_run_in_the_same_folder_is_refused(root: Path, trained: Path) -> None:
    with sole_run(trained), pytest.raises(OutputError, match="another run is at work"):
        train_generator(job(root, trained), Progress())


def test_a_full_disk_while_features_are_written_is_no_fault_of_the_clips(root: Path, tmp_path, monkeypatch) -> None:
    import safetensors.torch

    def full(tensors: object, path: Path, metadata: object) -> None:
        raise safetensors.SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OutputError, match="the disk is full"):
        train_generator(job(root, tmp_path), Progress())
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".run.lock"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_log_that_cannot_be_written_is_named() -> None:
    with pytest.raises(OutputError, match="the disk is full"):
        append_log(Path("/dev/full"), {"step": 1})


def test_a_batch_without_lora_keeps_its_fingerprint(trained: Path) -> None:
    from deepsound.batch.settings import _plain

    assert "loras" not in _plain(Execution())
    assert (
        _plain(Execution(loras=((trained / LORA, 0.5),)))["loras"]
        != _plain(Execution(loras=((trained / LORA, 1.0),)))["loras"]
    )


def test_the_command_refuses_what_makes_no_sense(root: Path, tmp_path: Path) -> None:
    command = ["train", "generator", str(root / "clips"), "-o", str(tmp_path)]
    for wrong in (
        ["--base", "draft"],
        ["--steps", "0"],
        ["--lr", "3"],
        ["--seconds", "nan"],
        ["--alpha", "inf"],
        ["--seed", "-1"],
    ):
        assert main([*command, *wrong]) == 2
    assert main(["run", str(root / "clips" / "0.mp4"), "--generator", "draft", "--lora", "x.safetensors=99"]) == 2

"""Tests of the reasoner's training: what learns, what is saved, resumption, LoRA, bad input."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from deepsound.cli.main import main
from deepsound.errors import EngineError, InputError, OutputError
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.train.conversations import IGNORED, tokenise
from deepsound.train.cot_files import read_items, write_items
from deepsound.train.joint_model import JointModel, published_name
from deepsound.train.reasoner.evaluation import voice_energies
from deepsound.train.reasoner.recipe import LoraSettings, ReasonerRecipe
from deepsound.train.reasoner.resumption import run_trainer
from deepsound.train.reasoner.run import CHECKPOINTS, ReasonerJob, train_reasoner
from deepsound.train.reasoner.trainer import last_checkpoint
from deepsound.train.run_folder import sole_run
from deepsound.weights.load import read_tensors
from deepsound.weights.lora import read_lora
from tests.json_records import fits
from tests.reason.videollama2 import tiny
from tests.train.reasoner import CONFIG, RECIPE, write_base, write_data

pytest.importorskip("accelerate", reason="the Trainer needs accelerate (extra `train`)")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reasoner")
    write_data(folder / "set")
    write_base(folder / "base")
    return folder


def job(root: Path, out: Path, recipe: ReasonerRecipe = RECIPE, **named: object) -> ReasonerJob:
    return ReasonerJob(root / "set", root / "base", out, recipe, **named)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(root: Path) -> Path:
    """The result of an uninterrupted run of four steps."""
    with torch.enable_grad():
        train_reasoner(job(root, root / "whole"), Progress())
    return root / "whole"


@pytest.fixture(autouse=True)
def gradients():
    with torch.enable_grad():
        yield


def logs(out: Path) -> list[dict]:
    return [fits("training_log", json.loads(line)) for line in (out / "train_log.jsonl").read_text().splitlines()]


def test_a_run_learns_and_logs_each_part(trained: Path) -> None:
    losses = [line["loss"] for line in logs(trained) if "loss" in line]
    assert len(losses) == 4 and losses[-1] < losses[0]
    assert {"loss_plan", "loss_summary", "loss_reasoning_keywords", "loss_other"} <= {
        name for line in logs(trained) for name in line
    }


def test_what_is_saved_is_read_by_the_ordinary_path_and_gives_equal_logits(root: Path, trained: Path) -> None:
    base, saved = VideoLLaMA2Checkpoint.open(root / "base"), VideoLLaMA2Checkpoint.open(trained)
    checkpoint = last_checkpoint(trained / CHECKPOINTS)
    assert checkpoint is not None
    learnt = read_tensors(checkpoint / "model.safetensors")
    model = JointModel(saved.vision(torch.float32), saved.audio(torch.float32), saved.language(torch.float32))
    for name, parameter in model.named_parameters():
        if name in learnt:
            # As in the base, whose files are bfloat16.
            assert torch.equal(parameter, learnt[name].bfloat16().float()), name
    assert not torch.equal(base.language(torch.float32).lm_head.weight, model.language.lm_head.weight)
    tower = base.vision(torch.float32).vision_tower.state_dict()
    assert all(torch.equal(tensor, model.vision.vision_tower.state_dict()[name]) for name, tensor in tower.items())
    published = read_tensors(trained)
    table = "model.audio_tower.encoder.layers.{}.self_attn.relative_attention_bias.weight"
    assert torch.equal(published[table.format(0)], published[table.format(1)])
    assert {path.name for path in trained.glob("*.json")} >= {"config.json", "model.safetensors.index.json"}
    embeddings = torch.randn(1, 5, 64)
    model.language.load_state_dict(
        {n.removeprefix("language."): t.bfloat16().float() for n, t in learnt.items() if n.startswith("language.")}
    )
    with torch.no_grad():
        assert torch.equal(saved.language(torch.float32)(embeddings), model.language(embeddings))


def test_a_run_that_was_stopped_ends_with_the_same_weights(root: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / CHECKPOINTS / "checkpoint-2", tmp_path / "out" / CHECKPOINTS / "checkpoint-2")
    torn = tmp_path / "out" / CHECKPOINTS / "checkpoint-3"
    torn.mkdir()
    (torn / "trainer_state.json").write_text("{")
    train_reasoner(job(root, tmp_path / "out"), Progress())
    whole, resumed = read_tensors(trained), read_tensors(tmp_path / "out")
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_lora_merged_equals_lora_applied(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs peft (extra `train`)")
    recipe = replace(RECIPE, lora=LoraSettings(4, 8.0, 0.0), max_steps=2, adapter_only=True)
    train_reasoner(job(root, tmp_path / "adapter", recipe), Progress())
    adapter = VideoLLaMA2Checkpoint.open(tmp_path / "adapter")
    language = adapter.language(torch.float32)
    learnt = read_tensors(last_checkpoint(tmp_path / "adapter" / CHECKPOINTS) / "model.safetensors")  # type: ignore[operator]
    from deepsound.train.reasoner.networks import add_lora

    base = VideoLLaMA2Checkpoint.open(root / "base")
    model = JointModel(base.vision(torch.float32), base.audio(torch.float32), base.language(torch.float32)).eval()
    add_lora(model, recipe.lora)  # type: ignore[arg-type]
    missing = model.load_state_dict(learnt, strict=False)
    assert not missing.unexpected_keys
    embeddings = torch.randn(1, 9, 64)
    with torch.no_grad():
        applied, unchanged = model.eval().language(embeddings), base.language(torch.float32)(embeddings)
        # The adapter's sum is rounded to the base's bfloat16, of which 8 bits are kept; float32 without that.
        lora = read_lora(tmp_path / "adapter")
        merged = base.language(torch.float32)
        for name, update in lora.updates.items():
            merged.get_parameter(name).data += update.delta()
        assert (merged(embeddings) - applied).abs().max() < 1e-5
        assert (language(embeddings) - applied).abs().max() < (language(embeddings) - unchanged).abs().max()
    assert set(lora.whole) >= {"model.mm_projector_a.0.weight"}
    audio = adapter.audio(torch.float32)
    assert torch.equal(audio.mm_projector_a[0].weight, learnt["audio.mm_projector_a.0.weight"].bfloat16().float())


def test_qlora_learns_over_layers_of_four_bits_and_is_merged_into_the_base(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs peft (extra `train`)")
    library = pytest.importorskip("bitsandbytes", reason="4 bits need bitsandbytes (extra `quantised`)")
    if tuple(map(int, library.__version__.split(".")[:2])) < (0, 50) and not torch.cuda.is_available():
        pytest.skip("this bitsandbytes has no 4 bits on a CPU")
    recipe = replace(RECIPE, lora=LoraSettings(4, 8.0, 0.0, bits=4), max_steps=2, parts=("language",))
    train_reasoner(job(root, tmp_path, recipe), Progress())
    base, merged = read_tensors(root / "base"), read_tensors(tmp_path)
    changed = {name for name, tensor in base.items() if not torch.equal(tensor, merged[name])}
    assert changed and all("_proj.weight" in name and name.startswith("model.layers.") for name in changed)


def test_checked_items_alone_are_balanced_and_the_voice_energy_ratio_is_measured(
    root: Path, tmp_path: Path, capsys
) -> None:
    shutil.copytree(root / "set", tmp_path / "set")
    judged = {item.category: item for item in read_items(root / "set") if item.task == "judge"}
    no1 = [replace(judged["No1"], id=f"no1-{number}", checked=True) for number in range(3)]
    held_out = [
        replace(item, id=f"{item.id}-v", split="validation", checked=True) for item in list(judged.values())[:2]
    ]
    unchecked = [judged["No2"], judged["No3"]]
    write_items([replace(judged["Yes"], checked=True), *no1, *unchecked, *held_out], tmp_path / "set")
    base = tiny.write(tmp_path / "base", script=["<CONCLUSION> A </CONCLUSION>"], config=CONFIG, penalty=1.0)
    command = ["train", "reasoner", str(tmp_path / "set"), "--base", str(base), "--out", str(tmp_path / "out")]
    run = ["--max_steps", "1", "--batch", "2", "--per_device", "2", "--lr", "1e-9", "--device", "cpu", "--json"]
    assert main([*command, *run, "--checked-only", "--balance", "--voice_ratio", "--schedule", "constant"]) == 0
    report = json.loads(capsys.readouterr().out)
    # One voice-over beside three clips of No1 counts three times; what is not checked counts not at all.
    assert report["items"] == 6
    energies = voice_energies(held_out, tmp_path / "set", Progress())
    voices, mixes = (sum(pair[side] for pair in energies.values()) for side in (0, 1))
    assert report["metrics"]["eval_accuracy_Yes"] == 1 and report["metrics"]["eval_accuracy_No1"] == 0
    assert report["metrics"]["eval_voice_energy_ratio"] == pytest.approx(voices / mixes)


def test_a_base_without_sound_takes_its_audio_tower_from_files(root: Path, tmp_path: Path) -> None:
    state = read_tensors(root / "base")
    tower, projector = ("model.audio_tower.", "model.mm_projector_a.")
    shutil.copytree(root / "base", tmp_path / "16f", ignore=shutil.ignore_patterns("*.safetensors*"))
    save_file(
        {n: t for n, t in state.items() if not n.startswith((tower, projector))}, tmp_path / "16f/model.safetensors"
    )
    settings = json.loads((root / "base" / "config.json").read_text())
    audio = {"mm_audio_tower", "mm_projector_a_type", "mm_hidden_size_a", "hidden_size_a"}
    (tmp_path / "16f" / "config.json").write_text(json.dumps({n: v for n, v in settings.items() if n not in audio}))
    # As the original's trainer leaves them: the shared table once, and the embedding beside what was trained.
    copies = "encoder.layers.1.self_attn.relative_attention_bias"
    torch.save(
        {n: t for n, t in state.items() if n.startswith(tower) and copies not in n}, tmp_path / "audio_tower.bin"
    )
    embedding = {"model.embed_tokens.weight": torch.zeros(2, 2)}
    torch.save({n: t for n, t in state.items() if n.startswith(projector)} | embedding, tmp_path / "mm_projector_a.bin")

    short = replace(RECIPE, max_steps=1, batch=1, per_device=1)
    bare = replace(job(root, tmp_path / "out", short), base=tmp_path / "16f")
    files = (tmp_path / "audio_tower.bin", tmp_path / "mm_projector_a.bin")
    train_reasoner(replace(bare, audio_files=files), Progress())
    train_reasoner(job(root, tmp_path / "whole", short), Progress())
    got, expected = read_tensors(tmp_path / "out"), read_tensors(tmp_path / "whole")
    assert got.keys() == expected.keys() and all(torch.equal(tensor, got[name]) for name, tensor in expected.items())
    stated = json.loads((tmp_path / "out" / "config.json").read_text())
    assert audio <= stated.keys() and stated["hidden_size_a"] == 64 and stated["mm_hidden_size_a"] == 32

    with pytest.raises(EngineError, match=r"16f.*--audio_tower"):
        train_reasoner(replace(bare, out=tmp_path / "none"), Progress())
    with pytest.raises(EngineError, match=r"model\.safetensors cannot be used: it has no tensors named"):
        train_reasoner(replace(bare, audio_files=(tmp_path / "16f" / "model.safetensors",)), Progress())
    with pytest.raises(InputError, match="adapter"):
        replace(bare, audio_files=files, recipe=replace(RECIPE, lora=LoraSettings(4), adapter_only=True))


def test_names_are_the_published_ones_each_once(root: Path) -> None:
    base = VideoLLaMA2Checkpoint.open(root / "base")
    model = JointModel(base.vision(torch.float32), base.audio(torch.float32), base.language(torch.float32))
    published = read_tensors(root / "base")
    names = [published_name(name) for name, _ in model.named_parameters()]
    assert set(names) <= set(published) and len(set(names)) == len(names)


def test_a_loss_that_is_no_number_stops_and_names_the_items(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "base", tmp_path / "base")
    shard = tmp_path / "base" / "model-00001-of-00002.safetensors"
    tensors = read_tensors(shard)
    save_file(tensors | {"lm_head.weight": torch.full_like(tensors["lm_head.weight"], torch.nan)}, shard)
    with pytest.raises(EngineError, match=r"is none, on (Yes|No)\w*-.* no checkpoint yet"):
        train_reasoner(replace(job(root, tmp_path / "out"), base=tmp_path / "base"), Progress())


def test_data_that_leaves_nothing_to_learn_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="that are checked"):
        train_reasoner(job(root, tmp_path, checked_only=True), Progress())
    items = [replace(item, category="Yes") for item in read_items(root / "set") if item.id == "No1-judge"]
    shutil.copytree(root / "set", tmp_path / "set")
    write_items(items, tmp_path / "set")
    with pytest.raises(InputError, match="No1-judge: its category is Yes"):
        train_reasoner(replace(job(root, tmp_path / "out"), data=tmp_path / "set"), Progress())


def test_a_question_that_fills_the_text_is_left_out(root: Path, tmp_path: Path) -> None:
    tokenizer = VideoLLaMA2Checkpoint.open(root / "base").tokenizer
    texts = {item.id: tokenise(item.conversation(), tokenizer) for item in read_items(root / "set")}
    most = next(at for at, label in enumerate(texts["Yes-judge"].labels) if label != IGNORED)
    report = train_reasoner(job(root, tmp_path, replace(RECIPE, max_length=most, max_steps=1)), Progress())
    assert f"Yes-judge: its question fills all of the {most} tokens; nothing is learnt" in report["left_out"]


def test_a_base_of_another_architecture_is_refused(root: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    shutil.copy(next((root / "base").glob("*.safetensors")), tmp_path / "model.safetensors")
    code = main(["train", "reasoner", str(root / "set"), "--base", str(tmp_path), "--out", str(tmp_path / "out")])
    assert code == 4 and str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 0},
        {"schedule": "linear"},
        {"learning_rate": -1.0},
        {"parts": ("vision",)},
        {"adapter_only": True},
        {"epochs": 0.0},
        {"epochs": float("nan")},
        {"max_length": 0},
        {"seed": -1},
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError):
        ReasonerRecipe(**wrong)
    with pytest.raises(InputError, match="multiple of 6"):
        ReasonerRecipe(batch=128, per_device=3).accumulation(2)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"dropout": 2.0}, {"alpha": float("nan")}, {"bits": 3}])
def test_a_lora_that_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(InputError):
        LoraSettings(**wrong)


def test_a_folder_with_the_checkpoint_of_another_rank_is_refused(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs peft (extra `train`)")
    recipe = replace(RECIPE, lora=LoraSettings(4, 8.0, 0.0), max_steps=1, save_every=1)
    train_reasoner(job(root, tmp_path, recipe), Progress())
    with pytest.raises(EngineError, match=r"got one with 4x64 for .*, which is 2x64 here"):
        train_reasoner(job(root, tmp_path, replace(recipe, lora=LoraSettings(2, 8.0, 0.0))), Progress())
    events: list[ProgressEvent] = []
    train_reasoner(job(root, tmp_path, replace(recipe, learning_rate=5e-4)), Progress(on_event=events.append))
    assert "learning_rate 0.001 -> 0.0005" in " ".join(event.text for event in events if event.is_note)
    # The whole base learns now: peft's names are not in it.
    with pytest.raises(EngineError, match="name another folder"):
        train_reasoner(job(root, tmp_path, replace(recipe, lora=None)), Progress())


def test_a_result_in_the_bases_own_folder_and_two_runs_in_one_are_refused(root: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in (root / "base").iterdir()}
    with pytest.raises(InputError, match="than the base's"):
        train_reasoner(job(root, root / "base"), Progress())
    assert {path.name: path.read_bytes() for path in (root / "base").iterdir()} == before
    with sole_run(tmp_path), pytest.raises(OutputError, match="another run is at work"):
        train_reasoner(job(root, tmp_path), Progress())


@pytest.mark.parametrize("said", ["[enforce fail at inline_container.cc:672] . unexpected pos", "PytorchStreamWriter"])
def test_a_disk_that_is_full_in_the_midst_of_a_checkpoint_is_named(tmp_path: Path, said: str) -> None:
    class FullTrainer:
        def train(self, resume_from_checkpoint: object) -> None:
            raise RuntimeError(said)

    with pytest.raises(OutputError, match="free some space"):
        run_trainer(FullTrainer(), None, tmp_path)


def test_options_that_the_trainer_refuses_are_no_crash(root: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, trainer_options=(("fsdp", "all_of_it"),))
    with pytest.raises(InputError, match="--fsdp"):
        train_reasoner(job(root, tmp_path, recipe), Progress())


def test_weights_and_flags_of_the_command(root: Path, tmp_path: Path, capsys) -> None:
    arguments = ["train", "reasoner", str(root / "set"), "--base", str(root / "base"), "--out", str(tmp_path)]
    for wrong in (
        ["--weight", "plan"],
        ["--weight", "song=2"],
        ["--bits", "4"],
        ["--parts", "mouth"],
        ["--audio_tower", "a.bin"],
    ):
        assert main([*arguments, *wrong]) == 2
    run = ["--max_steps", "1", "--batch", "2", "--per_device", "2", "--loss", "paper", "--device", "cpu", "--json"]
    assert main([*arguments, *run, "--weight", "plan=2"]) == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["loss"] == {"kind": "paper", "weights": {"plan": 2.0}}

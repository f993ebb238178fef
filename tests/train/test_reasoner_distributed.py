"""Tests of the reasoner's training in several processes: gloo, Ray Train, kill -9."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.runtime.progress import Progress
from deepsound.train.reasoner.ray_workers import TrainingWorkers, train_on_ray
from deepsound.train.reasoner.run import CHECKPOINTS, ReasonerJob, train_reasoner
from deepsound.train.reasoner.trainer import last_checkpoint
from deepsound.weights.load import read_tensors
from tests.processes import start
from tests.train.reasoner import RECIPE, write_base, write_data
from tests.waiting import wait_until

pytest.importorskip("accelerate", reason="the Trainer needs accelerate (extra `train`)")
pytestmark = pytest.mark.slow

# No layer is dropped: what is drawn depends on how many processes draw. bfloat16 is what weights are saved in, so the
# comparison is of the checkpoints' float32.
ALIKE = replace(RECIPE, layer_drop=0.0, max_steps=3, save_every=3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    write_data(folder / "set")
    write_base(folder / "base")
    with torch.enable_grad():
        train_reasoner(ReasonerJob(folder / "set", folder / "base", folder / "one", ALIKE), Progress())
    return folder


def weights(out: Path) -> dict[str, torch.Tensor]:
    checkpoint = last_checkpoint(out / CHECKPOINTS)
    assert checkpoint is not None
    return read_tensors(checkpoint / "model.safetensors")


def assert_alike(out: Path, root: Path) -> None:
    expected, got = weights(root / "one"), weights(out)
    assert expected.keys() == got.keys()
    # Adam's first steps divide a gradient by its own size: where it is rounding alone (BEATs' key biases, which softmax
    # cannot see), any step of the rate may come of it. Elsewhere sums in another order differ by rounding.
    for name, tensor in expected.items():
        if not name.endswith("k_proj.bias"):
            assert (tensor - got[name]).abs().max() < 1e-5, name


def command(root: Path, out: Path, *more: str) -> list[str]:
    values = {"--base": root / "base", "--out": out, "--max_steps": 3, "--batch": 4, "--lr": 1e-3, "--save_every": 1}
    flags = [str(word) for pair in values.items() for word in pair]
    return ["train", "reasoner", str(root / "set"), *flags, "--device", "cpu", "--no_gradient_checkpointing", *more]


def test_two_processes_equal_one(root: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The draws of layer drop are alike on both, as both begin from one seed; of the one process they are others.
    script = (
        "from tests.train.test_reasoner_distributed import *; import sys; from pathlib import Path; "
        "root, out = map(Path, sys.argv[1:]); "
        "train_reasoner(ReasonerJob(root / 'set', root / 'base', out, replace(ALIKE, per_device=1)), Progress())"
    )
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    workers = [
        start(
            [sys.executable, "-c", script, str(root), str(tmp_path / "out")],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [worker.wait(900) for worker in workers] == [0, 0]
    assert_alike(tmp_path / "out", root)


def test_two_workers_of_ray_train_equal_one_process(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.train", reason="Ray Train is not installed")
    job = ReasonerJob(root / "set", root / "base", tmp_path / "out", replace(ALIKE, per_device=1))
    train_on_ray(job, TrainingWorkers(2), Progress())
    assert_alike(tmp_path / "out", root)


def test_a_run_that_was_killed_ends_with_the_same_weights(root: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-m", "deepsound"]
    whole = start([*run, *command(root, tmp_path / "whole")])
    killed = start([*run, *command(root, tmp_path / "killed")])
    wait_until(lambda: last_checkpoint(tmp_path / "killed" / CHECKPOINTS) or killed.poll() is not None, 800)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert start([*run, *command(root, tmp_path / "killed")]).wait(900) == 0
    assert whole.wait(900) == 0
    expected, got = read_tensors(tmp_path / "whole"), read_tensors(tmp_path / "killed")
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())

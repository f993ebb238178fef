"""The reasoner `server` against the server of transformers itself, with a tiny model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
import torch

from deepsound import engines
from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Verdict
from tests.reason.omni import tiny

for package in ("openai", "accelerate", "uvicorn", "fastapi"):
    pytest.importorskip(package, reason="`transformers serve` needs it")
pytest.importorskip("transformers", "5.0", reason="its server takes pictures since version 5")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a running server and the model it has."""
    model = tiny.qwen2_vl(tmp_path_factory.mktemp("served") / "qwen2_vl")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model), "--host", "127.0.0.1"]
    options = ["--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, *options], env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}/v1", str(model)
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("nobody listens")


@pytest.mark.slow
def test_a_real_server_that_holds_no_model_to_a_schema_answers_in_words(served, make_video, monkeypatch):
    url, model = served
    for name, value in {"URL": url, "MODEL": model, "FRAMES": "2", "MAX_TOKENS": "24", "RETRIES": "1"}.items():
        monkeypatch.setenv(f"DEEPSOUND_SERVER_{name}", value)
    engine = engines.reasoner("server")
    said = []
    progress = Progress(lambda event: said.append(event.text) if event.text else None)
    judgement = engine.judge(Clip.open(make_video(fps=5)), Audio(torch.zeros(1, 16000), 16000), progress)
    assert judgement.verdict is Verdict.UNDECIDED and judgement.raw
    assert said and not any("<CONCLUSION>" in text for text in said), "it came as a stream, not as sections of a whole"
    assert engine.settings_in_use() == {"endpoint": "default", "model": model}

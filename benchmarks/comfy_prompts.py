"""Benchmark of a ComfyUI server's memory over hundreds of prompts in a row.

`python -m benchmarks.comfy_prompts CORE [--prompts 300] [--seconds 3]`. CORE is a ComfyUI checkout; it is started on
the CPU with this pack alone, in folders of its own, by the Python in its `venv` or `.venv`, else this one. Two prompts
alternate, each with a seed of its own so that nothing is cached: a silent clip through all steps, and a narrated one
whose voice is removed. Saved are the server's resident and anonymous memory (Linux) and the size of its temporary
folder as they go.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks._measure import save

ROOT = Path(__file__).parents[1]
CLIPS = ("silent_impacts.mp4", "narrated_landscape.mp4")
FOLDERS = ("custom_nodes", "input", "output", "temp", "models", "user/default")
START_LIMIT_S, RUN_LIMIT_S, EVERY = 300, 600, 10


def python_of(core: Path) -> str:
    own = (core / folder / "bin" / "python" for folder in ("venv", ".venv"))
    return next((str(path) for path in own if path.exists()), sys.executable)


def ask(port: int, path: str, data: Any = None) -> Any:
    """GET `path`, or POST `data` as JSON to it. Raises OSError, or RuntimeError for a refusal."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        method, body = ("GET", None) if data is None else ("POST", json.dumps(data))
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{path}: HTTP {answer.status}: {content[:2000]!r}")
        return json.loads(content)
    finally:
        connection.close()


@contextmanager
def server(core: Path, base: Path) -> Iterator[tuple[int, int]]:
    """A running ComfyUI with this pack alone: its port and its process id. Raises TimeoutError."""
    for folder in FOLDERS:
        (base / folder).mkdir(parents=True)
    for clip in CLIPS:
        shutil.copy(ROOT / "demo" / clip, base / "input")
    (base / "custom_nodes" / "deepsound_pack").symlink_to(ROOT, target_is_directory=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--cpu", "--listen", "127.0.0.1", "--port", str(port), "--disable-auto-launch", "--disable-api-nodes"]
    places = ["--base-directory", str(base), "--database-url", f"sqlite:///{base}/user/comfyui.db"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    with (base / "server.log").open("wb") as log:
        command = [python_of(core), str(core / "main.py"), *options, *places]
        process = subprocess.Popen(command, cwd=base, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(port, process, base / "server.log")
            yield port, process.pid
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_LIMIT_S):
        if process.poll() is not None:
            raise RuntimeError(f"ComfyUI ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            ask(port, "/object_info/DeepSoundMuxVideo")
            return
        except OSError:
            time.sleep(1)
    raise TimeoutError(f"ComfyUI did not answer in {START_LIMIT_S} s")


def prompt(turn: int, seconds: float) -> dict[str, Any]:
    """The published steps with embedded engines on the first `seconds` of one of the clips, seeded by `turn`."""
    graph: dict[str, Any] = json.loads((ROOT / "workflows" / "api" / "offline_draft.json").read_text())
    kinds = {node["class_type"]: node for node in graph.values()}
    kinds["DeepSoundLoadVideo"]["inputs"] |= {"file": CLIPS[turn % 2], "duration": seconds}
    for node in graph.values():
        if node["class_type"] == "DeepSoundGenerateAudio":
            node["inputs"]["seed"] = turn
    if turn % 2:  # The clip's own sound is judged and cleaned: the loader's second output.
        generators = {key for key, node in graph.items() if node["class_type"] == "DeepSoundGenerateAudio"}
        loader = next(key for key, node in graph.items() if node["class_type"] == "DeepSoundLoadVideo")
        own = min(generators, key=int)
        for key, node in graph.items():
            for name, value in node["inputs"].items():
                if key not in generators and value == [own, 0]:
                    node["inputs"][name] = [loader, 1]
    return graph


def run(port: int, graph: dict[str, Any]) -> float:
    """Run a prompt to its end: its seconds. Raises RuntimeError for one that fails, TimeoutError."""
    began = time.perf_counter()
    prompt_id = ask(port, "/prompt", {"prompt": graph})["prompt_id"]
    while time.perf_counter() - began < RUN_LIMIT_S:
        entry = ask(port, f"/history/{prompt_id}").get(prompt_id)
        if entry:
            if entry["status"]["status_str"] != "success":
                raise RuntimeError(json.dumps(entry["status"])[:2000])
            return time.perf_counter() - began
        time.sleep(0.1)
    raise TimeoutError(f"a prompt did not end in {RUN_LIMIT_S} s")


def memory_mb(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.endswith("kB")}
    return {"resident_mb": sizes["VmRSS"], "anonymous_mb": sizes["RssAnon"]}


def folder_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("core", type=Path, help="a ComfyUI checkout")
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each clip (default: 3)")
    arguments = parser.parse_args()
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, server(arguments.core, Path(folder)) as (port, pid):
        seconds = []
        for turn in range(1, arguments.prompts + 1):
            seconds.append(run(port, prompt(turn, arguments.seconds)))
            if turn % EVERY == 0:
                temp_mb = folder_mb(Path(folder) / "temp")
                rows.append({"prompts": turn, **memory_mb(pid), "temp_mb": temp_mb, "prompt_s": mean(seconds)})
                print("  ".join(f"{name} {value:.6g}" for name, value in rows[-1].items()), flush=True)
                seconds.clear()
    third = max(len(rows) // 3, 1)
    first, last = (mean(row["anonymous_mb"] for row in part) for part in (rows[:third], rows[-third:]))
    print(f"anonymous memory, last third against first: {last / first - 1:+.2%}")
    version = (arguments.core / "comfyui_version.py").read_text().split('"')[1]
    kept = {"machine": platform.processor() or platform.machine(), "core": version, "growth": last / first - 1}
    print("written to", save({**kept, "rows": rows}, f"comfy_prompts_{version}"))


if __name__ == "__main__":
    main()

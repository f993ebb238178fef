"""The same batch on a Ray cluster of two workers, one of which is killed on the way."""

import json
import os
import signal
import sys
import threading
import time

import pytest

from deepsound.batch.clips import Shard
from deepsound.batch.ray_workers import RayWorkers
from deepsound.batch.records import Record
from deepsound.batch.run import Batch, InProcess
from deepsound.batch.settings import BatchSettings
from deepsound.batch.sources import open_source
from deepsound.batch.summary import summarise
from deepsound.cli.main import main
from deepsound.errors import Cancelled
from deepsound.runtime.progress import CancelToken, Progress
from tests.batch.conftest import Heard

CLIPS = 6


@pytest.fixture
def cluster():
    """A local Ray cluster with two processors and no GPU, and nothing left of it afterwards."""
    ray = pytest.importorskip("ray", reason="Ray is in the [scale] extra: pip install -e '.[scale]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20)
    yield
    ray.shutdown()


def kill_a_worker_when_a_clip_is_done(out):
    """Kill, without a word, the worker that does the first clip; it has begun another by then."""

    def watch():
        while not (records := [Record.read(path) for path in out.glob("*.batch.json")]):
            time.sleep(0.01)
        killed.append(records[0].worker)
        time.sleep(0.3)
        os.kill(int(records[0].worker.rpartition(":")[2]), signal.SIGKILL)

    killed = []
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread, killed


@pytest.mark.slow
def test_every_clip_is_in_the_output_once_though_a_worker_is_killed(cluster, clips, tmp_path):
    folder, out = clips(*(f"{index}.mp4" for index in range(CLIPS))), tmp_path / "out"
    settings = BatchSettings({"generator": "draft"}, {"write_video": False})
    source, heard = open_source(folder, out), Heard()
    thread, killed = kill_a_worker_when_a_clip_is_done(out)
    with RayWorkers(settings, out, count=2) as workers:
        batch = Batch(source, out, settings, workers, listener=heard)
        tally = batch.run()
        thread.join(10)
        assert (tally.done, tally.failed, workers.replaced) == (CLIPS, 0, 1)
        assert sorted(heard.reports) == [(f"{index}.mp4", "done") for index in range(CLIPS)]
        summary = summarise(batch)
        assert (summary.done, summary.workers_replaced) == (CLIPS, 1) and summary.complete
        did = {Record.read(path).worker for path in out.glob("*.batch.json")}
        assert set(killed) < did
        assert Batch(source, out, settings, workers).run().already == CLIPS
        stops_when_asked(workers, settings, folder, tmp_path / "stopped")
    here = tmp_path / "here"
    first_here = Batch(source, here, settings, InProcess(settings, here), Shard(1, CLIPS))
    assert first_here.run().done == 1
    assert (out / "0.wav").read_bytes() == (here / "0.wav").read_bytes()
    for index in range(CLIPS):
        assert json.loads((out / f"{index}.result.json").read_text())["video_input"].endswith(f"{index}.mp4")


def stops_when_asked(workers, settings, folder, out):
    token = CancelToken()

    class Stop(Heard):
        def on_report(self, report, tally):
            token.cancel()

    with pytest.raises(Cancelled):
        Batch(open_source(folder, out), out, settings, workers, listener=Stop()).run(Progress(check=token.check))
    assert not list(out.glob(".*.partial")) and len(list(out.glob("*.batch.json"))) < CLIPS


def test_without_ray_the_error_says_how_to_get_it(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["batch", str(clips("a.mp4")), "--out", str(tmp_path / "out"), "--ray"]) == 4
    assert "-m pip install ray" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_told_at_once(clips, tmp_path, capsys, address):
    pytest.importorskip("ray", reason="Ray is in the [scale] extra: pip install -e '.[scale]'")
    assert main(["batch", str(clips("a.mp4")), "--out", str(tmp_path / "out"), "--ray", address]) == 2
    assert f"Ray cannot be reached at {address}" in capsys.readouterr().err

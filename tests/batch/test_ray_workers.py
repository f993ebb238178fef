"""Ray cluster of two workers makes what one process makes, though a worker is killed."""

import json
import os
import signal
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
from deepsound.batch.worker import ClipReport
from deepsound.cli.main import main
from deepsound.errors import Cancelled
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.runtime.turns import waiting_for_server
from scripts.render_test_set import NONE, OVER, render
from tests.batch.conftest import Heard
from tests.reason.server.fake_judge import ANSWER, FakeJudge
from tests.waiting import LIMIT_S

CLIPS = 6


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A local Ray cluster with two processors and no GPU, nothing left of it afterwards; its workers' settings file."""
    ray = pytest.importorskip("ray", reason="Ray is in the [scale] extra: pip install -e '.[scale]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    settings_file, before = tmp_path_factory.mktemp("settings") / "config.toml", os.environ["DEEPSOUND_CONFIG"]
    settings_file.write_text("")
    os.environ["DEEPSOUND_CONFIG"] = str(settings_file)
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20)
    yield settings_file
    ray.shutdown()
    os.environ["DEEPSOUND_CONFIG"] = before


class KillsAWorker(Heard):
    """Ends, without a word, the worker of the first clip when the second is done: it mostly has another by then."""

    def __init__(self, out):
        super().__init__()
        self.out, self.killed = out, []

    def on_report(self, report, tally):
        super().on_report(report, tally)
        if len(self.reports) == 2:
            first = self.reports[0][0].removesuffix(".mp4")
            self.killed.append(Record.read(self.out / f"{first}.batch.json").worker)
            os.kill(int(self.killed[0].rpartition(":")[2]), signal.SIGKILL)


@pytest.mark.slow
def test_every_clip_is_in_the_output_once_though_a_worker_is_killed(cluster, clips, tmp_path):
    folder, out = clips(*(f"{index}.mp4" for index in range(CLIPS))), tmp_path / "out"
    settings = BatchSettings({"generator": "draft"}, {"write_video": False})
    source, heard = open_source(folder, out), KillsAWorker(out)
    with RayWorkers(settings, out, count=2) as workers:
        batch = Batch(source, out, settings, workers, listener=heard)
        tally = batch.run()
        assert (tally.done, tally.failed, workers.replaced) == (CLIPS, 0, 1)
        assert sorted(heard.reports) == [(f"{index}.mp4", "done") for index in range(CLIPS)]
        summary = summarise(batch)
        assert (summary.done, summary.workers_replaced) == (CLIPS, 1) and summary.complete
        did = {Record.read(path).worker for path in out.glob("*.batch.json")}
        assert set(heard.killed) < did
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


def gathers_and_waits(killed, together):
    """The first question is answered at once, the next `together` only when their worker was killed."""
    lock, count, gathered = threading.Lock(), [0], threading.Event()

    def behave(handler, body):
        with lock:
            count[0] += 1
            number = count[0]
        if number == 1 + together:
            gathered.set()
        if 1 < number <= 1 + together:
            killed.wait(300)
        handler.complete(json.dumps(ANSWER))

    return behave, gathered


@pytest.mark.slow
def test_clips_that_wait_for_a_judge_are_done_though_their_worker_is_killed(cluster, clips, tmp_path):
    """A killed worker with several clips at the judging server had never been tried."""
    folder, out = clips(*(f"{index}.mp4" for index in range(CLIPS))), tmp_path / "out"
    settings = BatchSettings({"generator": "draft", "reasoner": "server:lab"}, {"write_video": False})
    killed, heard = threading.Event(), Heard()
    behave, gathered = gathers_and_waits(killed, together=2)

    def kill():
        assert gathered.wait(300)
        while not (records := [Record.read(path) for path in out.glob("*.batch.json")]):
            time.sleep(0.01)
        os.kill(int(records[0].worker.rpartition(":")[2]), signal.SIGKILL)
        killed.set()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    with FakeJudge(behave) as judge:
        cluster.write_text(f'[endpoints.lab]\nurl = "{judge.url}"\n')
        with RayWorkers(settings, out, count=1, judging=2) as workers:
            tally = Batch(open_source(folder, out), out, settings, workers, listener=heard).run()
            thread.join(LIMIT_S)
    assert killed.is_set() and (tally.done, tally.failed, workers.replaced) == (CLIPS, 0, 1)
    assert sorted(heard.reports) == [(f"{index}.mp4", "done") for index in range(CLIPS)]
    assert judge.most_at_once >= 2 and not list(out.glob(".*.partial"))


@pytest.mark.slow
def test_a_clip_that_kills_its_worker_fails_alone(cluster, clips, tmp_path):
    """Every clip that was at the judging server with it twice failed, too."""

    class Work:
        """The clip bad.mp4 kills its worker; the others wait meanwhile, as for a judging server."""

        def check(self):
            pass

        def worker(self, output_dir):
            return self

        def do(self, job, progress):
            with waiting_for_server(progress.check):
                if "bad" in job.label:
                    time.sleep(0.5)
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(1.0)
            return ClipReport(job, "done")

    folder = clips("bad.mp4", *(f"{index}.mp4" for index in range(3)))
    with RayWorkers(Work(), tmp_path / "out", count=1, judging=3) as workers:
        # Actors that need no torch start sooner.
        workers._threads = 0
        jobs = open_source(folder, tmp_path / "out").entries()
        reports = {report.job.label: report.status for report in workers.work(jobs, Progress())}
    assert reports == {"bad.mp4": "failed", **{f"{index}.mp4": "done" for index in range(3)}}
    assert workers.replaced == 2


def sounds_and_lists(out):
    """The files of a reproduction but for its records and tables, which hold times."""
    found = [path for path in sorted(out.rglob("*")) if path.suffix in (".wav", ".csv")]
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


def json_alone(text):
    """What `--json` printed: Ray's own thread may print a late word on workers that earlier tests killed around it."""
    lines = text.splitlines()
    return "\n".join(lines[lines.index("{") : lines.index("}") + 1])


@pytest.mark.slow
def test_a_reproduction_on_ray_makes_the_sounds_and_tables_of_one_process(cluster, tmp_path, monkeypatch, capsys):
    """`deepsound reproduce --ray` had never been run on Ray."""
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    truth, clips = render(tmp_path, clips=2, seconds=1.5), str(tmp_path / "clips")
    assert [clip.kind for clip in truth] == [NONE, OVER]
    flags = ["--gt", clips, "--preset", "embedded", "--generators", "source", "--judge", "rules", "--only", "voice"]
    tables = {}
    for name, more in {"here": [], "ray": ["--ray", "--workers", "2"]}.items():
        assert main(["reproduce", clips, "-o", str(tmp_path / name), *flags, *more, "--json", "--quiet"]) == 0
        tables[name] = json.loads(json_alone(capsys.readouterr().out))
    here, ray = tables["here"], tables["ray"]
    made = sounds_and_lists(tmp_path / "ray")
    systems = {row["system"] for row in ray["systems"]}
    assert len([path for path in made if "/sets/" in path]) == len(truth) * len(systems) > 0
    assert made == sounds_and_lists(tmp_path / "here")
    assert (ray["systems"], ray["judges"]) == (here["systems"], here["judges"])
    assert [judge["voice_over"] for judge in ray["judges"]] == [1]

"""The time that `deepsound run --dry-run` states from earlier runs on this machine."""

import json
import threading
from pathlib import Path

import pytest

from deepsound.batch.clips import Job, Shard
from deepsound.batch.settings import BatchSettings
from deepsound.batch.sources import open_source
from deepsound.cli.batch_times import ExpectedTime
from deepsound.cli.main import build_parser, main
from deepsound.cli.run import execution_of, pipeline_arguments, run_arguments
from deepsound.cli.run_times import ALWAYS, key_of, time_text, times_of
from deepsound.outcome import Choice, Choices
from deepsound.runtime import run_times
from deepsound.runtime.execution import Execution
from deepsound.runtime.run_times import Estimate, RunTime, earlier_runs, estimate, keep

ENGINES = ["--generator", "noise", "--reasoner", "yes", "--separator", "halving"]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def dry(capsys, *arguments) -> dict:
    assert main(["run", *map(str, arguments), "--dry-run", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["time"]


def test_the_dry_run_states_the_time_of_earlier_runs_and_of_none(
    fake_engines, make_video, home, tmp_path, capsys, monkeypatch
):
    """It said that the time is not known before the work, whatever had been run."""
    command = [make_video(), *ENGINES, "-o", tmp_path / "out"]
    assert dry(capsys, *command)["total_s"] is None and not home.exists()
    assert main(["run", *map(str, command), "--dry-run"]) == 0
    assert "time       unknown: no earlier run of yes and noise with these settings" in capsys.readouterr().out
    for _ in range(2):
        assert main(["run", *map(str, command), "--quiet"]) == 0
    capsys.readouterr()
    time = dry(capsys, *command)
    assert time["earlier_runs"] == 2 and time["steps"]["generate"]["always"]
    assert time["total_s"] == pytest.approx(
        sum(one["seconds"] for one in time["steps"].values() if one and one["always"]), abs=0.01
    )
    assert main(["run", *map(str, command), "--dry-run"]) == 0
    assert "(from 2 earlier runs on this machine): plan " in capsys.readouterr().out
    # With other settings, and on another machine that shares the cache folder, nothing was measured.
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "elsewhere")
        assert dry(capsys, *command)["total_s"] is None
    assert dry(capsys, *command, "--precision", "bf16")["total_s"] is None
    assert main(["cache", "prune"]) == 0
    capsys.readouterr()
    assert dry(capsys, *command)["total_s"] is None


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b'{"a": 1, "b": [1, [1, 0, true], [NaN, 1, true]]}', b"[" * 9999]
)
def test_times_that_cannot_be_read_are_none_and_are_replaced(home, content):
    path = home / run_times.FOLDER / run_times.NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert earlier_runs() == {}
    keep({"a": RunTime(1.0, 8.0, True)})
    assert earlier_runs() == {"a": (RunTime(1.0, 8.0, True),)}


def test_a_run_whose_times_cannot_be_kept_succeeds(fake_engines, make_video, tmp_path, monkeypatch):
    (blocked := tmp_path / "file").touch()
    command = ["run", str(make_video()), *ENGINES, "--quiet", "-o", str(tmp_path / "out")]
    monkeypatch.setenv("DEEPSOUND_HOME", str(blocked))
    assert main(command) == 0 and blocked.read_bytes() == b""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(run_times, "_add", full)
    assert main(command) == 0

    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(run_times, "own_cache", homeless)
    assert main(command) == 0 and earlier_runs() == {}


def test_the_file_stays_small_and_side_by_side_writers_leave_it_whole(home, monkeypatch):
    monkeypatch.setattr(run_times, "MOST_KEYS", 3)
    for number in range(25):
        keep({f"key {number % 5}": RunTime(number, 8.0, False), "same": RunTime(number, 8.0, False)})
    kept = earlier_runs()
    assert list(kept) == ["key 3", "key 4", "same"]
    assert [run.seconds for run in kept["same"]] == list(range(5, 25))
    threads = [threading.Thread(target=keep, args=({"same": RunTime(99, 8.0, False)},)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert earlier_runs()["same"][-1].seconds == 99 and len(earlier_runs()["same"]) == 20
    assert not list(home.rglob("*.partial"))


def test_takes_after_the_first_load_nothing(home):
    choices = Choices(*(Choice(name, "") for name in ("noise", "yes", "halving")))
    execution = Execution()
    generate = key_of("generate", choices, execution, {})
    for seconds, is_first in ((10.0, True), (3.0, False)):
        keep({generate: RunTime(seconds, 8.0, is_first)})
    for takes, first, later in ((1, 10, 3), (3, 16, 9)):
        for is_first, seconds in ((True, first), (False, later)):
            found = times_of(choices, 8.0, execution, {"takes": takes}, is_first)["generate"]
            assert found is not None and found.seconds == seconds
    # Takes that are ranked are made in one step, whose time is of that many.
    assert times_of(choices, 8.0, execution, {"takes": 3, "pick": "sync"}, True)["generate"] is None


def test_estimates_take_runs_alike_and_say_when_they_are_scaled():
    runs = (RunTime(10, 8, True), RunTime(14, 8, True), RunTime(3, 8, False), RunTime(4, 40, False))
    assert estimate(runs, 8.0) == Estimate(12, 2, False)
    assert estimate(runs, 8.0, is_first=False) == Estimate(3, 1, False)
    assert estimate(runs, 80.0) == Estimate(120, 2, True)
    assert estimate((), 8.0) is None


def batch(capsys, clips, out, *more) -> str:
    assert main(["batch", str(clips), *ENGINES, "-o", str(out), *more]) == 0
    return capsys.readouterr().err


def test_a_batch_says_at_its_start_what_earlier_runs_tell(fake_engines, make_video, home, tmp_path, capsys):
    """It said how many clips there are, and of the time only what its own first clip had taken."""
    clips = [make_video(f"clips/{number:02}.mp4", seconds=0.5) for number in range(10)]
    # Without a measurement there is nothing to say.
    assert "expected" not in batch(capsys, tmp_path / "clips", tmp_path / "first")
    assert {len(runs) for key, runs in earlier_runs().items() if key.startswith("generate ")} == {10}
    told = batch(capsys, tmp_path / "clips", tmp_path / "second").splitlines()
    (line,) = [number for number, text in enumerate(told) if text.startswith("expected: about ")]
    assert told[line - 1] == "10 clips" and "1/10 done" in told[line + 1]
    assert "s for 10 clips (from " in told[line] and told[line].endswith("on this machine, going by 8 of them)")
    # Gone on with, it is of what is left; with everything done nothing is expected.
    for clip in clips[7:]:
        (tmp_path / "second" / f"{clip.stem}.batch.json").unlink()
    assert " for 3 clips (from " in batch(capsys, tmp_path / "clips", tmp_path / "second")
    assert "expected" not in batch(capsys, tmp_path / "clips", tmp_path / "second")
    assert "expected" not in batch(capsys, tmp_path / "clips", tmp_path / "third", "--quiet")


def test_the_expected_time_adds_the_loading_once_and_leaves_out_what_cannot_be_opened(
    fake_engines, make_video, home, tmp_path
):
    videos = [make_video(f"clips/{number}.mp4", seconds=1.0) for number in range(3)]
    (tmp_path / "clips" / "0.mp4").write_bytes(b"no video")
    options = build_parser().parse_args(["batch", str(tmp_path / "clips"), *ENGINES, "-o", str(tmp_path / "out")])
    settings = BatchSettings(pipeline_arguments(options), run_arguments(options))
    execution, choices = execution_of(options), Choices(Choice("noise"), Choice("yes"), Choice("halving"))
    expected = ExpectedTime(open_source(options.source, tmp_path / "out"), Shard(), settings, execution)
    first = Job(0, "0.mp4", videos[0])
    assert expected.line(first, 3) == ""
    for is_first, seconds in ((True, 10.0), (False, 1.0)):
        keep({key_of(step, choices, execution, settings.run): RunTime(seconds, 1.0, is_first) for step in ALWAYS})
    # Four steps of 10 s for the clip that loads, and of 1 s for each of two more.
    assert expected.line(first, 3) == "about 48 s for 3 clips (from 1 earlier run on this machine, going by 2 of them)"
    assert expected.line(Job(2, "2.mp4", videos[2]), 1) == "about 40 s for 1 clip (from 1 earlier run on this machine)"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.25, "4.2 s"), (90, "90 s"), (720, "12 min"), (7100, "118 min"), (12600, "3.5 h")]
)
def test_times_are_said_in_their_own_units(seconds, text):
    assert time_text(seconds) == text

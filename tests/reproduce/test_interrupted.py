"""A reproduction that is killed goes on where it was; nothing is generated twice."""

import os
import signal
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.reproduce.run import ReproductionWorker, run_clips
from deepsound.reproduce.settings import ReproductionSettings
from tests.processes import start
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
# The fake engines in a process of its own; every sound is a line in the log, and one clip never ends.
PROGRAM = """
    import sys, time
    from pathlib import Path
    from deepsound import engines
    from deepsound.reproduce.run import run_clips
    from deepsound.reproduce.settings import ReproductionSettings
    from tests import fakes

    folder, log, hangs_at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    engines.EMBEDDED += tuple(
        engines.EngineInfo(kind, name, "", f"tests.fakes:{target}")
        for kind, rows in fakes.REGISTERED.items()
        for name, target in rows.items()
    )
    generate = fakes.Generator.generate

    def counted(self, clip, request, progress):
        with log.open("a") as file:
            file.write(clip.path.stem + "\\n")
        while clip.path.stem == hangs_at:
            time.sleep(0.1)
        return generate(self, clip, request, progress)

    fakes.Generator.generate = counted
    settings = ReproductionSettings("noise", "yes", "halving")
    tally = run_clips(folder / "clips", folder / "out", settings)
    print(tally.made, tally.found)
"""


def program(folder: Path, log: Path, hangs_at: str, **options):
    return start(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), str(log), hangs_at],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is for POSIX")
def test_after_kill_9_only_what_was_not_finished_is_computed(make_video, tmp_path):
    for name in "abcd":
        make_video(f"clips/{name}.mp4", seconds=0.3)
    log = tmp_path / "log"
    first = program(tmp_path, log, "c")
    wait_until(lambda: first.poll() is not None or (log.is_file() and "c" in log.read_text()))
    assert first.poll() is None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/clips").glob("*.json")}
    assert {path.stem for path in done} == {"a", "b"}
    second = program(tmp_path, log, "", stdout=-1)
    assert second.communicate()[0].split() == [b"2", b"2"]
    # Two sounds a clip; of the one that was being made when the first was killed, one began in vain.
    assert Counter(log.read_text().split()) == {"a": 2, "b": 2, "c": 3, "d": 2}
    assert {path: path.stat().st_mtime_ns for path in done} == done


@pytest.mark.usefixtures("fake_engines")
def test_a_record_of_other_settings_does_not_vouch_for_sounds_that_were_replaced_meanwhile(
    make_video, tmp_path, monkeypatch
):
    """Killed between sounds and record, the next run with the first settings took the second's sounds for its own."""
    make_video("clips/a.mp4", seconds=0.3)
    out = tmp_path / "out"
    settings = ReproductionSettings("noise", "yes", "halving")
    run_clips(tmp_path / "clips", out, settings)
    own = (out / "sets/s3/a.wav").read_bytes()

    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("deepsound.reproduce.clip_run.atomic_write", killed)
        run_clips(tmp_path / "clips", out, ReproductionSettings("noise", "yes", "silencing"))
    assert (out / "sets/s3/a.wav").read_bytes() != own
    assert run_clips(tmp_path / "clips", out, settings).made == 1
    assert (out / "sets/s3/a.wav").read_bytes() == own


@pytest.mark.usefixtures("fake_engines")
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(make_video, tone, tmp_path, monkeypatch, capsys):
    """It said that nothing was changed, though the finished clips stay and are not made again."""
    for name in "abc":
        make_video(f"clips/{name}.mp4", seconds=0.3, audio=tone(0.3))
    clips, out = str(tmp_path / "clips"), tmp_path / "out"
    flags = ["--generators", "noise", "--judge", "yes", "--separator", "halving", "--only", "levels"]
    command = ["reproduce", clips, "--gt", clips, "-o", str(out), *flags]
    do = ReproductionWorker.do

    def then_ctrl_c(self, job, progress):
        try:
            return do(self, job, progress)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ReproductionWorker, "do", then_ctrl_c)
        assert main([*command, "--quiet"]) == 130
    said = capsys.readouterr().err
    assert f"Cancelled with 1 of 3 clips finished in {out}; they and the features" in said
    assert "Run the same command again to go on." in said and "nothing was changed" not in said
    assert main(command) == 0
    assert "2 made, 1 found done, 0 failed" in capsys.readouterr().err

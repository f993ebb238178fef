"""Terminal output: logs, the time that is left, narrow terminals, no tags."""

import logging

import pytest

from deepsound import engines
from deepsound.cli.display import Display, open_display
from deepsound.cli.main import main
from deepsound.cli.terminal import Estimates, LoggedConsole, duration_text, without_tags
from deepsound.runtime.progress import ProgressEvent


def test_what_is_shown_goes_into_the_log_file_too(clip, tmp_path, capsys):
    log = tmp_path / "run.log"
    arguments = ["run", str(clip), "--generator", "source", "-o", str(tmp_path / "out"), "--log-file", str(log)]
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    written = log.read_text(encoding="utf-8")
    assert "1 generate" in written
    assert str(tmp_path / "out" / "clip.wav") in written
    before = logging.getLogger().handlers
    assert main(arguments) == 0
    assert len(log.read_text(encoding="utf-8").splitlines()) > len(written.splitlines())
    assert logging.getLogger().handlers == before


def test_an_error_has_its_traceback_in_the_log_alone(tmp_path, capsys):
    log = tmp_path / "run.log"
    assert main(["run", str(tmp_path / "none.mp4"), "--log-file", str(log)]) != 0
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert "Traceback" not in capsys.readouterr().err
    assert main(["run", str(tmp_path / "none.mp4"), "-v"]) != 0
    assert "Traceback" in capsys.readouterr().err


def test_a_log_file_that_cannot_be_written_is_one_sentence(clip, tmp_path, capsys):
    assert main(["run", str(clip), "--log-file", str(tmp_path / "none" / "run.log")]) == 5
    assert "name another --log-file" in capsys.readouterr().err


def test_without_a_bar_the_time_that_is_left_is_said_at_doubling_times():
    clock = [0.0]
    estimates = Estimates(lambda: clock[0])
    said = []
    for second in range(101):
        clock[0] = float(second)
        if line := estimates.line("generate", second / 100):
            said.append((second, line))
    assert [second for second, _ in said] == [10, 20, 40, 80]
    assert said[0][1] == "10 %, about 1 min 30 s left".replace(" %", "%")
    assert estimates.line("judge", 0.5) == ""


def test_times_are_readable():
    assert [duration_text(seconds) for seconds in (0.4, 59.4, 61, 7500)] == ["0 s", "59 s", "1 min 1 s", "2 h 5 min"]


def test_the_reasoning_is_shown_without_the_model_s_tags(capsys):
    with open_display(quiet=False) as display:
        display.show(ProgressEvent("judge", text="<CAPTION> A dog. </CAPTION>"))
        display.show(ProgressEvent("judge", text="<CONCLUSION>"))
    assert capsys.readouterr().err.splitlines() == ["caption: A dog.", "conclusion:"]
    assert without_tags("a <b> stays") == "a <b> stays"


def test_text_of_an_engine_that_looks_like_markup_is_logged_as_it_is(caplog):
    with caplog.at_level(logging.INFO, "deepsound.shown"):
        Display(LoggedConsole(quiet=True), None).show(ProgressEvent("judge", text="[/nothing] [red]x"))
    assert caplog.messages == ["[/nothing] [red]x"]


def test_a_narrow_terminal_loses_neither_size_nor_place(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["models", "list", "--engine", "mmaudio_small_16k"]) == 0
    printed = capsys.readouterr().out
    assert "629 MB, not here" in printed or "629 MB, here" in printed
    assert all(len(line.rstrip()) <= 40 for line in printed.split("engine")[0].splitlines())


@pytest.mark.parametrize("columns", ["40", "80"])
def test_no_terminal_cuts_the_name_of_an_engine(monkeypatch, capsys, columns):
    """At 80 columns the table ended `mel_band_roformer_viperx` in an ellipsis, at 40 nearly every name."""
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["engines"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for kind in engines.KINDS for name in engines.names(kind))
    assert all(len(line) <= int(columns) for line in printed.splitlines())

"""Tests of the command line as a process: stream encodings, closed streams, signals."""

import json
import os
import signal
import subprocess
import sys

import pytest

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.formatting import print_json
from deepsound.cli.main import build_parser, main
from deepsound.cli.process import stdout_for_json
from deepsound.errors import InputError
from tests.processes import start

posix = pytest.mark.skipif(os.name != "posix", reason="descriptors and signals of POSIX")
ENGINES = [sys.executable, "-m", "deepsound", "engines"]


def test_json_goes_through_a_pipe_of_another_encoding(make_video, tone, tmp_path):
    clip = make_video("clip 🎬 雨.mp4", seconds=0.5, audio=tone())
    command = [sys.executable, "-m", "deepsound", "run", str(clip), "--generator", "source", "--prompt", "🎸 é"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "out"), "--json"], capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.decode("ascii"))
    assert record["video_input"] == str(clip) and record["request"]["prompt"] == "🎸 é"


def test_text_that_a_stream_s_encoding_lacks_is_escaped(capfd):
    script = "from deepsound.cli.process import *\nwith any_text_on_standard_streams(): print('é 🎸')"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=True)
    assert done.stdout.rstrip() == b"\xe9 \\U0001f3b8"


@posix
@pytest.mark.parametrize(
    ("redirection", "message"),
    [(">&-", "stdout is closed"), (">/dev/full", "No space left on device")],
)
def test_a_closed_or_full_stdout_is_one_sentence(redirection, message):
    if redirection == ">/dev/full" and not os.path.exists("/dev/full"):  # noqa: PTH110 - a device
        pytest.skip("/dev/full is Linux's")
    command = f'"{sys.executable}" -m deepsound engines --json {redirection}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 5 and message in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no device that is always full")  # noqa: PTH110
@pytest.mark.parametrize("line", ["engines", "prompts", "models list"])
def test_a_long_text_on_a_full_stdout_is_one_sentence_and_no_traceback(line):
    command = f'"{sys.executable}" -m deepsound {line} > /dev/full'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 5 and "No space left on device" in done.stderr and len(done.stderr.splitlines()) == 1


@posix
@pytest.mark.parametrize(
    ("line", "redirection", "message"),
    [
        ("run missing.mp4 --json", ">&-", "stdout is closed; open it, or leave --json out"),
        ("run missing.mp4 --json", "1</dev/null", "stdout is open for reading alone"),
        ("evaluate missing missing", ">&-", "stdout is closed; open it, or name a folder with --out"),
    ],
)
def test_a_result_that_cannot_be_printed_is_refused_before_the_work(line, redirection, message):
    command = f'"{sys.executable}" -m deepsound {line} {redirection}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 5, "the missing clip, exit code 3, comes later"
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


@posix
def test_a_reader_that_has_gone_ends_a_run_before_the_work(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "deepsound", "run", "missing.mp4", "--json", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@posix
def test_a_reader_that_goes_away_is_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*ENGINES, "--json"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 1 and done.stderr == ""


@posix
def test_an_error_with_a_closed_stderr_does_not_go_to_stdout():
    command = f'"{sys.executable}" -m deepsound run missing.mp4 2>&-'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and done.stdout == ""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_start_up_ends_the_program_at_once(tmp_path, make_video, name):
    if not hasattr(signal, name):
        pytest.skip(f"there is no {name} here")
    # A torch whose import never comes to its end stands for one that takes seconds.
    (tmp_path / "slow" / "torch").mkdir(parents=True)
    (tmp_path / "slow" / "torch" / "__init__.py").write_text(
        "import sys, time\nprint('importing', file=sys.stderr, flush=True)\nwhile True:\n    time.sleep(0.01)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path / "slow"), *filter(None, sys.path)))}
    command = [sys.executable, "-m", "deepsound", "run", str(make_video("clip.mp4")), "-o", str(tmp_path / "out")]
    process = start(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr.readline() == "importing\n"
        process.send_signal(getattr(signal, name))
        _, rest = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130 and rest == "deepsound: stopped.\n"
    assert not (tmp_path / "out").exists()


@posix
def test_hanging_up_stops_a_run_cleanly(make_video, tmp_path):
    command = [sys.executable, "-m", "deepsound", "run", str(make_video("long.mp4", seconds=60.0, fps=25))]
    process = start([*command, "--generator", "draft", "-o", str(tmp_path / "out")], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "0 plan" in line:
            break
    process.send_signal(signal.SIGHUP)
    _, rest = process.communicate(timeout=600)
    assert process.returncode == 130 and "deepsound: Cancelled" in rest
    assert list((tmp_path / "out").iterdir()) == []


@posix
@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_a_run_whose_terminal_or_reader_of_progress_goes_away_comes_to_its_result(make_video, tmp_path, kind):
    """Its next line of progress ended it: a traceback for a terminal, for a pipe a lost stdout and exit code 1."""
    reading, writing = os.openpty() if kind == "terminal" else os.pipe()
    # SIGHUP as nohup and `disown` leave it.
    script = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from deepsound.cli.main import main; sys.exit(main())"
    )
    arguments = ["run", str(make_video("clip.mp4", seconds=0.5)), "--json", "--generator", "draft"]
    command = [sys.executable, "-c", script, *arguments, "-o", str(tmp_path / "out")]
    process = start(command, stdout=subprocess.PIPE, stderr=writing)
    os.close(writing)
    os.close(reading)
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert json.loads(printed)["final_video_path"] == str(tmp_path / "out" / "clip.mp4")
    assert (tmp_path / "out" / "clip.mp4").is_file()


def parsers(parser, name="deepsound"):
    """Every command's parser with its name."""
    yield name, parser
    for action in getattr(parser._subparsers, "_group_actions", ()):
        for command, inner in action.choices.items():
            yield from parsers(inner, f"{name} {command}")


def test_every_command_s_help_has_the_one_table_of_exit_codes():
    found = dict(parsers(build_parser()))
    assert {"deepsound run", "deepsound batch", "deepsound comfy submit", "deepsound models verify"} <= found.keys()
    for name, parser in found.items():
        assert name == "deepsound comfy" or EXIT_CODES in parser.format_help(), name


@pytest.mark.parametrize(
    ("module", "arguments", "package"),
    [
        ("ray", ["batch", "FOLDER", "--ray"], "ray"),
        ("aiohttp", ["comfy", "submit", "workflows/api/offline_draft.json", "--video", "CLIP"], "aiohttp"),
        ("gradio", ["app"], "gradio"),
        ("moviepy", ["compare", "--coarse", "SOUND", "--out", "OUT"], "moviepy"),
    ],
)
def test_a_missing_package_has_one_exit_code_and_names_the_package(
    make_video, tone, tmp_path, monkeypatch, capsys, module, arguments, package
):
    clip = make_video("clips/clip.mp4", seconds=0.5, audio=tone())
    places = {"CLIP": clip, "SOUND": clip, "FOLDER": clip.parent, "OUT": tmp_path / "out"}
    monkeypatch.setitem(sys.modules, module, None)
    assert main([str(places.get(argument, argument)) for argument in arguments]) == 4
    assert f"{sys.executable} -m pip install {package}" in capsys.readouterr().err


def test_options_that_fail_to_parse_still_exit_with_2():
    with pytest.raises(SystemExit) as stopped:
        main(["batch"])
    assert stopped.value.code == InputError.exit_code


def test_a_container_without_a_user_name_or_home_is_no_traceback():
    # A user id without an entry, as `docker run --user 12345` has it, with HOME taken away.
    script = (
        "import os, pwd, sys\n"
        "def unknown(number): raise KeyError(f'getpwuid(): uid not found: {number}')\n"
        "pwd.getpwuid = unknown\n"
        "for name in ('HOME', 'USER', 'LOGNAME', 'LNAME', 'USERNAME', 'XDG_CACHE_HOME', 'DEEPSOUND_HOME'):\n"
        "    os.environ.pop(name, None)\n"
        "from deepsound.cli.main import main\n"
        "sys.argv = ['deepsound', 'models', 'where']\n"
        "code = main()\n"
        "import getpass\n"
        "print(getpass.getuser())\n"
        "sys.exit(code)\n"
    )
    if os.name != "posix":
        pytest.skip("pwd is POSIX's")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4 and "no home folder" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == f"user{os.getuid()}\n"


def test_what_a_library_prints_meanwhile_does_not_break_the_json(capsys):
    """Ray tells of a worker that died on stdout, in front of what a program was to read."""
    with stdout_for_json():
        print("(raylet) A worker died")
        print_json("cache", {"folder": "here", "bytes": 1, "prunable_bytes": 0})
    printed = capsys.readouterr()
    assert json.loads(printed.out)["bytes"] == 1 and "raylet" in printed.err


@pytest.mark.parametrize(("given", "threads"), [(None, "1"), ("3", "3")])
def test_opencv_works_in_one_thread_unless_the_environment_says_otherwise(given, threads):
    pytest.importorskip("cv2", reason="OpenCV is a development extra")
    environment = {key: value for key, value in os.environ.items() if key != "OPENCV_FOR_THREADS_NUM"}
    environment |= {"OPENCV_FOR_THREADS_NUM": given} if given else {}
    script = (
        "import sys; sys.argv = ['deepsound', 'engines', '--json']; from deepsound.cli.main import main; main()\n"
        "import cv2; print(cv2.getNumThreads(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr.split()[-1] == threads

"""The command line: arguments, exit codes, output on the right stream, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys

import pytest

from deepsound.cli.commands import COMMANDS
from deepsound.cli.main import build_parser, main
from tests.processes import start


def run_cli(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "deepsound", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )


def test_a_run_leaves_the_files_and_says_where(clip, tmp_path):
    done = run_cli("run", clip, "--generator", "source", "-o", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["final_video_path"] == str(tmp_path / "out" / "clip.mp4")
    for step in ("0 plan", "1 generate", "2 judge"):
        assert step in done.stderr
    assert "conclusion: " in done.stderr
    assert str(tmp_path / "out" / "clip.wav") in done.stderr


def test_the_original_s_command_line_can_be_pasted(clip, tmp_path, capsys):
    status = main(
        [
            "-i",
            str(clip),
            "--mode",
            "s4",
            "--step1_mode",
            "source",
            "--step2_mode",
            "rules",
            "--step3_mode",
            "spectral",
            "--postp_mode",
            "neg",
            "--prompt",
            "rain",
            "--negative_prompt",
            "music",
            "--duration",
            "0.5",
            "--output_dir",
            str(tmp_path / "out"),
            "--skip_final_video",
            "--step0_model_dir",
            "pretrained/mllm/a",
            "--step2_model_dir",
            "pretrained/mllm/b",
        ]
    )
    assert status == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clip.result.json",
        "clip.step1.wav",
        "clip.wav",
    ]
    assert "pretrained/mllm/a is not used" in capsys.readouterr().err


def test_pictures_are_drawn_when_asked(clip, tmp_path):
    assert main(["run", str(clip), "--generator", "source", "-o", str(tmp_path / "out"), "--pictures", "--quiet"]) == 0
    drawn = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert drawn == {"clip.step1.wave.png", "clip.step1.mel.png", "clip.wave.png", "clip.mel.png"}


def test_quiet_prints_nothing(clip, tmp_path, capfd):
    assert main(["run", str(clip), "--generator", "source", "-o", str(tmp_path / "out"), "--quiet"]) == 0
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run"], 2, "No video was named"),
        (["run", "a.mp4", "-i", "b/a.mov"], 2, "would leave files of the same name"),
        (["run", "missing.mp4"], 3, "missing.mp4"),
        (["run", "CLIP", "--step1_mode", "nonsense"], 2, "Unknown generator 'nonsense'"),
        (["run", "CLIP", "--start", "99"], 2, "past the end"),
        (["run", "CLIP", "--start", "-1"], 2, "-1"),
        (["run", "CLIP", "--duration", "-3"], 2, "-3"),
        (["run", "CLIP", "--duration", "nan"], 2, "nan"),
        (["run", "CLIP", "\u2014prompt", "rain"], 2, "begins with a dash that is no hyphen; write --prompt"),
        (["run", "https://example.org/clip.mp4"], 3, "is an address, and a run takes files of this machine"),
        (["run", "EMPTY"], 3, "empty"),
        (["run", "GARBAGE"], 3, "GARBAGE"),
        (["run", "FOLDER"], 3, "`deepsound batch FOLDER` gives every video in it its sound"),
        (["run", "CLIP", "--spans", "no such.json"], 2, "no such.json does not exist; check the path"),
        (["run", "clip\0.mp4"], 2, "not a file name"),
        (["run", "CLIP", "-o", "GARBAGE/out"], 5, "choose another"),
    ],
)
def test_bad_input_gives_one_clear_message_and_its_exit_code(
    clip, tmp_path, capfd, monkeypatch, arguments, status, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY").write_bytes(b"")
    (tmp_path / "GARBAGE").write_bytes(os.urandom(4096))
    (tmp_path / "FOLDER").mkdir()
    assert main([str(clip) if argument == "CLIP" else argument for argument in arguments]) == status
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("deepsound: ")]
    assert len(lines) == 1
    assert message in lines[0]


def test_usage_errors_exit_with_2():
    with pytest.raises(SystemExit) as stopped:
        main(["run", "clip.mp4", "--mode", "s9"])
    assert stopped.value.code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_run_cleanly(make_video, tmp_path, number):
    video = make_video("long.mp4", seconds=60.0, fps=25, size=(320, 240))
    process = start(
        [sys.executable, "-m", "deepsound", "run", str(video), "--generator", "draft", "-o", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "0 plan" in line:
            break
    process.send_signal(number)
    # The limit is for a process that hangs; that steps stop within a second is counted by their own tests.
    rest = process.communicate(timeout=600)[1]
    assert process.returncode == 130
    assert "deepsound: Cancelled" in rest
    assert list((tmp_path / "out").iterdir()) == []


def test_engines_are_listed_as_a_table_and_as_json(capsys):
    assert main(["engines", "--json"]) == 0
    listed = {(row["kind"], row["name"]) for row in json.loads(capsys.readouterr().out)}
    assert listed >= {("generator", "draft"), ("generator", "source"), ("reasoner", "rules"), ("separator", "spectral")}
    assert main(["engines"]) == 0
    shown = capsys.readouterr().out
    assert "draft" in shown and "mmaudio_large_44k" in shown


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from deepsound.cli.main import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'av', 'cv2', 'scipy', 'rich', 'moviepy', 'importlib.metadata'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_engines_without_plug_ins_imports_no_metadata_of_packages():
    """It was a fourth of the command's time."""
    script = (
        "import sys; from deepsound import plugins; plugins._may_have_plugins = lambda: False\n"
        "from deepsound.cli.main import main\n"
        "code = main(['engines'])\n"
        "heavy = {'torch', 'numpy', 'av', 'cv2', 'scipy', 'rich', 'importlib.metadata'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_on_the_embedded_engines_starts_without_scipy(clip, tmp_path):
    """`scipy.signal`, for two filters and a convolution, took a second of every start."""
    pytest.importorskip("cv2", reason="OpenCV, without which SciPy filters the pictures, is a development extra")
    script = (
        "import sys; from deepsound.cli.main import main\n"
        "code = main(['run', *sys.argv[1:], '--generator', 'draft', '--preset', 'embedded', '--quiet'])\n"
        "sys.exit(code or ('scipy' in sys.modules and 'SciPy was imported') or 0)"
    )
    command = [sys.executable, "-c", script, str(clip), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_command_line_that_names_one_command_builds_no_other():
    """`deepsound --help` built every option of eighteen commands to print a line of each."""
    whole = build_parser()._subparsers._group_actions[0]
    lines = {action.dest: action.help for action in whole._choices_actions}
    assert lines == {name: line for name, (line, _) in COMMANDS.items()}
    without_settings = {name: value for name, value in os.environ.items() if not name.startswith("DEEPSOUND_")}
    without_settings["DEEPSOUND_CONFIG"] = "none"
    script = "import sys; from deepsound.cli.main import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules)"
    for arguments, others in (
        (["--help"], {"run_options", "train", "models"}),
        (["prompts"], {"run_options", "train"}),
    ):
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=without_settings)
        assert all(line[:20] in done.stdout for line in lines.values()) or arguments != ["--help"]
        assert not {f"deepsound.cli.{name}" for name in others} & set(done.stdout.split())


def test_engines_have_two_lines_each_where_the_table_would_cut_names(capsys, monkeypatch):
    for columns, headings in (("70", 0), ("140", 1)):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(["engines"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert sum(line.startswith("step ") for line in lines) == headings
        assert all(len(line) <= 140 for line in lines) and any("mel_band_roformer_viperx" in line for line in lines)


def test_version_and_every_flag_of_the_original_are_known():
    help_text = build_parser()._subparsers._group_actions[0].choices["run"].format_help()
    for flag in (
        "-i",
        "--mode",
        "--step1_mode",
        "--step2_mode",
        "--step3_mode",
        "--postp_mode",
        "--prompt",
        "--negative_prompt",
        "--duration",
        "--output_dir",
        "--skip_final_video",
        "--step0_model_dir",
        "--step2_model_dir",
    ):
        assert flag in help_text

"""Tests of messages for misspelt options, commands and values, and for wrong videos."""

from pathlib import Path

import pytest

from deepsound.cli.main import main


def told(arguments, capsys) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["run", "a.mp4", "--promt", "rain"], "did you mean --prompt?"),
        (["run", "a.mp4", "--fallbak=neg"], "did you mean --fallback?"),
        (["run", "a.mp4", "--fallback", "nge"], "did you mean neg?"),
        (["rnu", "a.mp4"], "did you mean run?"),
        (["models", "lst"], "did you mean list?"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion_in_one_line(arguments, suggestion, capsys):
    """0.3.0 answered with thirty lines of usage and no suggestion."""
    error = told(arguments, capsys)
    assert suggestion in error and error.count("\n") == 1
    assert "--help)" in error


def test_a_word_like_no_other_gets_none(capsys):
    assert "did you mean" not in told(["run", "a.mp4", "--zzqqy"], capsys)


def test_a_misspelt_engine_gets_a_suggestion(make_video, tmp_path, capsys):
    assert main(["run", str(make_video("clip.mp4", seconds=0.4)), "--generator", "drfat", "-o", str(tmp_path)]) == 2
    assert "Did you mean draft?" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_asked_by_either_flag(flag, capsys):
    with pytest.raises(SystemExit) as ended:
        main([flag])
    assert ended.value.code == 0 and capsys.readouterr().out.startswith("deepsound ")


def test_the_bare_command_shows_its_help(capsys):
    """0.3.0 called it an error that no command was given."""
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


@pytest.fixture
def two(make_video) -> Path:
    make_video("one.mp4", seconds=0.4)
    return make_video("two.mp4", seconds=0.4).parent


def quick(*videos) -> list[str]:
    return ["run", *map(str, videos), "--generator", "draft", "--skip_final_video", "--quiet", "-o"]


def test_a_pattern_and_a_file_are_each_run_once(two, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([*quick(two / "*.mp4", two / "one.mp4"), str(out), "--json"]) == 0
    assert {path.name for path in out.glob("*.result.json")} == {"one.result.json", "two.result.json"}
    assert capsys.readouterr().out.count('"final_audio_path"') == 2


def test_a_clip_that_fails_leaves_the_others_their_results(two, tmp_path, capsys):
    (two / "broken.mp4").write_bytes(b"no video")
    out = tmp_path / "out"
    assert main([*[word for word in quick(two / "*.mp4") if word != "--quiet"], str(out)]) == 6
    assert sorted(path.name for path in out.glob("*.result.json")) == ["one.result.json", "two.result.json"]
    error = capsys.readouterr().err
    assert "2 of 3 done, 1 failed" in error and "broken.mp4" in error


@pytest.mark.parametrize(
    ("videos", "problem"),
    [
        (("none*.mp4",), "Nothing matches"),
        (("one.mp4", "deeper/one.mov"), "would leave files of the same name"),
        (("one.mp4", "two.png"), "give each picture a run"),
        ((), "No video was named"),
    ],
)
def test_videos_that_cannot_be_run_together_are_refused_before_any_work(two, tmp_path, videos, problem, capsys):
    out = tmp_path / "out"
    assert main([*quick(*(two / video for video in videos)), str(out)]) == 2
    assert problem in capsys.readouterr().err
    assert not out.exists()


def test_two_videos_need_a_template_that_tells_them_apart(two, tmp_path, capsys):
    assert main([*quick(two / "*.mp4"), str(tmp_path / "out"), "--output-template", "{seed}"]) == 2
    assert "put {stem} into it" in capsys.readouterr().err

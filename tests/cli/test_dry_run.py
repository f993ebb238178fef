"""`deepsound run --dry-run` says what the run would do and does nothing."""

import json

import pytest

from deepsound.cli.main import main


def dry(capsys, *arguments) -> dict:
    assert main(["run", *map(str, arguments), "--dry-run", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_writes_nothing_and_names_what_the_run_then_leaves(clip, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    arguments = [clip, "-o", out, "--pictures", "--stems", "--output-template", "{stem}.{seed}"]
    said = dry(capsys, *arguments)
    assert not (tmp_path / "deep").exists()
    assert main(["run", *map(str, arguments), "--quiet"]) == 0
    left = {str(path) for path in out.iterdir()}
    assert set(said["files"]) <= left <= {*said["files"], *said["perhaps"]}
    record = json.loads((out / "clip.42.result.json").read_text())
    assert said["engines"]["generator"]["name"] == record["engines"]["generator"]["name"]
    assert set(dry(capsys, *arguments)["replaced"]) == left


def test_takes_have_their_own_names_and_no_file_is_named_that_no_step_can_leave(clip, tmp_path, capsys):
    """Three takes were planned under the name of one, and `s3`, which has no fallback, "perhaps" left a `.neg.wav`."""
    out = tmp_path / "out"
    arguments = [clip, "-o", out, "--takes", "2", "--mode", "s3", "--duration", "0.5", "--generator", "draft"]
    said = dry(capsys, *arguments)
    assert not [path for path in said["perhaps"] if ".neg." in path]
    assert main(["run", *map(str, arguments), "--quiet"]) == 0
    left = {str(path) for path in out.iterdir()}
    assert set(said["files"]) <= left <= {*said["files"], *said["perhaps"]} and len(said["files"]) == 8
    assert set(dry(capsys, *arguments)["replaced"]) == left


def test_missing_weights_are_named_with_their_sizes_and_licences(clip, tmp_path, capsys):
    assert main(["run", str(clip), "--generator", "mmaudio_small_16k", "--dry-run", "-o", str(tmp_path / "out")]) == 0
    page = capsys.readouterr().out
    assert "weights    mmaudio/small_16k: MISSING, 0.63 GB, CC-BY-NC-4.0" in page
    assert "GB in bf16" in page and "Nothing was loaded, downloaded or written." in page


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["--start", "9"], 2, "past the end"),
        (["--preset", "published"], 4, "needs all of them"),
        (["--no-overwrite"], 5, "exists already"),
        (["--spans", "3-1"], 2, ""),
        (["--takes", "0"], 2, "got 0"),
        (["--output-template", "a/b"], 2, "the output folder says where they go"),
    ],
)
def test_what_the_run_would_refuse_the_dry_run_refuses(clip, tmp_path, capsys, arguments, status, problem):
    earlier = tmp_path / "out" / "clip.wav"
    earlier.parent.mkdir()
    earlier.write_bytes(b"earlier")
    assert main(["run", str(clip), *arguments, "--dry-run", "-o", str(earlier.parent)]) == status
    assert problem in capsys.readouterr().err
    assert earlier.read_bytes() == b"earlier"


def test_a_video_that_vanishes_after_the_dry_run_or_during_the_run_is_one_sentence(
    fake_engines, make_video, tmp_path, capsys, monkeypatch
):
    video, out = make_video("here.mp4"), tmp_path / "out"
    command = ["run", str(video), "-o", str(out), "--generator", "noise", "--reasoner", "yes", "--separator", "halving"]
    assert main([*command, "--dry-run"]) == 0
    generate = fake_engines.generate
    monkeypatch.setattr(fake_engines, "generate", lambda *given: video.unlink() or generate(*given))
    for _ in range(2):  # While it works, then before it.
        assert main(command) == 3
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("deepsound: ") and "here.mp4 does not exist" in last
        assert not out.exists() or not list(out.iterdir())


def test_source_is_refused_for_a_silent_video_before_any_work(make_video, tmp_path, capsys):
    for flags in ([], ["--dry-run"]):
        assert main(["run", str(make_video()), "--generator", "source", "-o", str(tmp_path / "out"), *flags]) == 3
        assert "has no sound of its own" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_words_alone_have_nothing_to_plan(capsys):
    assert main(["run", "--text_only", "--prompt", "rain", "--dry-run"]) == 2
    assert "name a video" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--lora", "adapter.safetensors"], "takes LoRA"),
        (["--sounds", "nowhere"], "is no folder"),
        (["--device", "nonsense"], "The device 'nonsense' cannot be used"),
    ],
)
def test_an_option_that_cannot_be_met_is_refused_by_the_dry_run_and_by_the_run(
    clip, tmp_path, capsys, arguments, problem
):
    """The dry run accepted all three, and an unknown device was accepted by the run too."""
    for flags in (["--dry-run"], []):
        assert main(["run", str(clip), "--generator", "draft", *arguments, *flags, "-o", str(tmp_path / "out")]) == 2
        assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["--stem-format", "flac"], "--stem-format flac is not used"),
        (["--skip-final-video", "--container", "mkv"], "--container mkv is not used"),
        (["--mode", "s3", "--fallback", "rm"], "--postp_mode rm is not used"),
        (["--voice-decision", "never", "--keep-ambience"], "--keep-ambience is not used"),
        (["--generator", "draft", "--temporal-scale", "1"], "--temporal_scale is not used"),
        (["--weights", "mmaudio/smal_16k=x"], "did you mean 'mmaudio/small_16k'"),
        (["--models", "nowhere"], "--models nowhere is not used: there is no such folder"),
        (["--spans", "0.1-0.2", "--scope", "clip"], "--scope clip is not used: --spans says what is repaired"),
        (["--reasoner", "rules", "--plan", "model"], "--plan model is not used: it is for models"),
        (["--voice-decision", "always", "--verdict-only"], "--verdict-only is not used"),
        (["--generator", "draft", "--steps", "30"], "steps"),
        (["--generator", "draft", "--compile"], "draft does not use compile"),
        (["--separator", "dtln", "--overlap", "2"], "dtln does not use the separator's settings"),
        (["--generator", "source", "--sounds", "."], "--sounds . is not used"),
    ],
)
def test_options_without_effect_beside_the_others_are_named(clip, tmp_path, capsys, arguments, note):
    """They were accepted and ignored without a word."""
    assert note in " ".join(dry(capsys, clip, *arguments, "-o", tmp_path / "out")["notes"])


def test_options_that_have_an_effect_are_not_named(clip, tmp_path, capsys):
    arguments = ["--stems", "--stem-format", "flac", "--container", "mkv", "--fallback", "rm"]
    arguments += ["--generator", "draft", "--sounds", tmp_path]
    assert not [note for note in dry(capsys, clip, *arguments, "-o", tmp_path / "out")["notes"] if "not used" in note]


def test_a_dry_run_of_several_videos_names_those_that_would_fail_and_plans_the_others(clip, tmp_path, capsys):
    """One unreadable video ended it, while the run goes on with the next."""
    (empty := tmp_path / "empty.mp4").touch()
    assert main(["run", str(empty), str(clip), "--dry-run", "-o", str(tmp_path / "out")]) == 6
    printed = capsys.readouterr()
    assert "is empty" in printed.err and "1 of 2 videos can be done" in printed.out and "generator " in printed.out


def test_a_file_in_place_of_the_output_folder_is_named_as_such(clip, capsys):
    """The advice was to shorten the video's name."""
    for flags in (["--dry-run"], []):
        assert main(["run", str(clip), "-o", str(clip), *flags]) == 5
        assert "something else of that name is there" in capsys.readouterr().err

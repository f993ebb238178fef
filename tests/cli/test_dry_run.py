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


def test_words_alone_have_nothing_to_plan(capsys):
    assert main(["run", "--text_only", "--prompt", "rain", "--dry-run"]) == 2
    assert "name a video" in capsys.readouterr().err

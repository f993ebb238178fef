"""Tests of output names: templates and file system limits, before any work."""

import json
import os
import re

import pytest

from deepsound import Pipeline
from deepsound.errors import InputError, OutputError
from deepsound.outputs.naming import FIELDS, check_lengths, fields_of, output_stem
from tests import fakes

VALUES = {"stem": "clip", "ext": "mov", "seed": 7, "generator": "draft", "mode": "s4", "start": "0.5"}


@pytest.fixture
def run(fake_engines, make_video, tmp_path):
    video = make_video("bang.mp4")

    def make(folder="out", **options):
        options = {"write_video": False, **options}
        return Pipeline("noise", options.pop("reasoner", "no"), "halving").run(video, tmp_path / folder, **options)

    return make


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}", "clip"),
        ("{stem}.{seed}", "clip.7"),
        ("{seed:04}_{ext} {generator}", "0007_mov draft"),
        ("a{{b}}", "a{b}"),
    ],
)
def test_a_template_names_files_by_its_fields(template, name):
    assert output_stem(template, VALUES) == name


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{sead}", "unknown field {sead}"),
        ("{stem.__class__}", "unknown field"),
        ("{stem!r}", "the conversion '!r' in the field stem"),
        ("{}", "unknown field"),
        ("{stem:>999999999}", "the format"),
        ("{seed:x}", "the format"),
        ("{stem", "is not a template"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("../{stem}", "the output folder says where"),
        ("/tmp/{stem}", "the output folder says where"),
        ("..\\{stem}", "the output folder says where"),
        ("nu\0ll", "the character"),
        ("line\nbreak", "the character"),
    ],
)
def test_a_template_that_cannot_name_files_is_refused_with_the_fields(template, problem):
    with pytest.raises(InputError, match=problem) as error:
        fields_of(template)
    assert all(field in str(error.value) for field in FIELDS)


@pytest.mark.parametrize("stem", ["..", "."])
def test_a_name_of_dots_alone_is_refused(stem):
    with pytest.raises(InputError, match="no file name"):
        output_stem("{stem}", {"stem": stem})


def test_a_bad_template_is_refused_before_any_work(run, tmp_path):
    with pytest.raises(InputError, match="unknown field"):
        run(output_template="{stem}.{sead}")
    assert not fakes.Generator.requests and not (tmp_path / "out").exists()


def test_a_template_keeps_the_results_of_two_seeds(run, tmp_path):
    for seed in (1, 2):
        run(output_template="{stem}.{seed}.{generator}", seed=seed)
    assert names_in(tmp_path / "out") == [
        f"bang.{seed}.noise.{end}" for seed in (1, 2) for end in ("result.json", "step1.wav", "wav")
    ]


def test_no_overwrite_refuses_before_any_work_and_says_which_seed_is_there(run, tmp_path):
    run(seed=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    fakes.Generator.requests.clear()
    with pytest.raises(OutputError, match=r"bang\.result\.json exists already \(the result of seed 1\)"):
        run(seed=2, overwrite=False)
    assert not fakes.Generator.requests
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_no_overwrite_refuses_what_came_to_exist_during_the_run(run, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def generate(self, clip, request, progress):
        (out / "bang.wav").write_text("mine")
        return fakes.noise(clip.duration_s, 0.1)

    monkeypatch.setattr(fakes.Generator, "generate", generate)
    with pytest.raises(OutputError, match="has come to exist during the run"):
        run(overwrite=False)
    assert names_in(out) == ["bang.wav"] and (out / "bang.wav").read_text() == "mine"


def test_a_replaced_result_of_another_seed_is_noted_before_the_work_and_in_the_record(run, tmp_path):
    run(seed=1)
    assert json.loads((tmp_path / "out" / "bang.result.json").read_text())["replaced"] is None
    result = run(seed=2, prompt="rain")
    record = json.loads(result.result_path.read_text())
    assert record["replaced"] == {"seed": 1, "prompt": ""}
    assert any(re.search(r"is an earlier result \(seed 1\) and will be replaced", note) for note in record["notes"])
    again = run(seed=2, prompt="rain")
    assert again.replaced is None and not any("earlier result" in note for note in again.outcome.notes)


def test_the_result_of_another_video_of_the_same_name_is_never_replaced_without_a_word(run, tmp_path, make_video):
    """`run a.mkv` and then `run a.mp4` into one folder: the first result was gone, and nothing was printed."""
    run()
    (tmp_path / "other").mkdir()
    other = make_video("bang.mkv").rename(tmp_path / "other" / "bang.mkv")
    result = Pipeline("noise", "no", "halving").run(other, tmp_path / "out")
    (note,) = [note for note in result.outcome.notes if "earlier result" in note]
    assert re.search(r"is an earlier result \(of another video, .*bang.*\) and will be replaced", note)


def test_a_name_too_long_for_its_suffixes_is_refused_before_any_work(fake_engines, make_video, tmp_path):
    video = make_video("n" * 245 + ".mp4")
    with pytest.raises(OutputError, match=r"255|too long|shorten the video's name"):
        Pipeline("noise", "no", "halving").run(video, tmp_path / "out", write_video=False)
    assert not fakes.Generator.requests and names_in(tmp_path / "out") == []
    result = Pipeline("noise", "no", "halving").run(video, tmp_path / "out", output_template="take.{seed}")
    assert result.result_path.name == "take.42.result.json"


def test_a_path_too_long_is_refused(tmp_path):
    folder = tmp_path.joinpath(*["d" * 200] * 20)
    with pytest.raises(OutputError, match="cannot hold the file"):
        check_lengths(folder, "n" * 200, (".wav",))


def test_a_name_that_is_not_utf_8_reaches_the_record(fake_engines, make_video, tmp_path):
    video = make_video("plain.mp4").rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    result = Pipeline("noise", "no", "halving").run(video, tmp_path / "out")
    raw = result.result_path.read_bytes()
    assert b"caf\\udce9.step1.wav" in raw and raw.decode("utf-8")
    assert json.loads(raw)["final_video_path"] == str(result.final_video_path)
    assert os.fsencode(result.final_video_path).endswith(b"caf\xe9.mp4") and result.final_video_path.is_file()


def test_a_pipe_or_folder_under_a_final_name_is_refused_before_any_work(run, tmp_path):
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "bang.neg.wav")
    with pytest.raises(OutputError, match="it is a pipe or device"):
        run()
    (tmp_path / "other" / "bang.wav").mkdir(parents=True)
    with pytest.raises(OutputError, match="it is a folder"):
        run("other")
    assert not fakes.Generator.requests


def test_the_home_of_nobody_and_a_file_for_a_folder_are_one_sentence(fake_engines, make_video, tmp_path):
    video = make_video("bang.mp4")
    with pytest.raises(OutputError, match=r"~nosuchuser/x begins with the home folder of a user"):
        Pipeline("noise", "no", "halving").run(video, "~nosuchuser/x")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="something else of that name is there"):
        Pipeline("noise", "no", "halving").run(video, tmp_path / "pipe")
    assert not fakes.Generator.requests


def test_a_disk_without_room_for_the_video_is_refused_before_any_work(run, monkeypatch):
    monkeypatch.setattr("deepsound.outputs.naming.shutil.disk_usage", lambda path: type("U", (), {"free": 100})())
    with pytest.raises(OutputError, match="free some space"):
        run(write_video=True)
    assert not fakes.Generator.requests


@pytest.mark.parametrize("template", ["CON", "nul", "aux.{seed}", "Com1", "lpt\N{SUPERSCRIPT TWO}.x", "con .{seed}"])
def test_names_of_windows_devices_are_refused_there_with_a_sentence(template, monkeypatch):
    monkeypatch.setattr("deepsound.outputs.naming._is_windows", lambda: False)
    assert output_stem(template, VALUES)
    monkeypatch.setattr("deepsound.outputs.naming._is_windows", lambda: True)
    with pytest.raises(InputError, match=r"which Windows keeps for a device\. Write a name with fields"):
        output_stem(template, VALUES)


def test_a_video_named_as_a_windows_device_is_refused_there(monkeypatch):
    monkeypatch.setattr("deepsound.outputs.naming._is_windows", lambda: True)
    with pytest.raises(InputError, match="which Windows keeps for a device"):
        output_stem("{stem}", {**VALUES, "stem": "nul"})
    assert output_stem("{stem}", {**VALUES, "stem": "console"}) == "console"


@pytest.mark.parametrize("letter", '<>:"|?*')
def test_letters_that_windows_allows_in_no_name_are_refused_there(letter, monkeypatch):
    monkeypatch.setattr("deepsound.outputs.naming._is_windows", lambda: False)
    assert fields_of(f"a{letter}b") == frozenset()
    monkeypatch.setattr("deepsound.outputs.naming._is_windows", lambda: True)
    with pytest.raises(InputError, match="has the character"):
        fields_of(f"a{letter}b")

"""Tests of staged files: equal sounds and pictures are one linked file."""

import errno
import json

import pytest

from deepsound import Pipeline
from deepsound.errors import Cancelled
from deepsound.outputs import staged_files, staging
from deepsound.runtime.progress import CancelToken, Progress


@pytest.fixture
def run(make_video, tmp_path):
    video = make_video("bang.mp4")

    def make(reasoner="no", separator="halving", **options):
        options = {"write_video": False, "pictures": True, **options}
        return Pipeline("noise", reasoner, separator).run(video, tmp_path / "out", **options)

    return make


def same(folder, one, other):
    return (folder / one).samefile(folder / other)


def test_an_unchanged_sound_and_its_pictures_are_one_file_under_both_names(run, tmp_path):
    record = json.loads(run().result_path.read_text())
    out = tmp_path / "out"
    for end in ("wav", "wave.png", "mel.png"):
        assert same(out, f"bang.step1.{end}", f"bang.{end}")
    assert record["links"] == {f"bang.{end}": f"bang.step1.{end}" for end in ("wav", "wave.png", "mel.png")}
    assert record["final_audio_path"] == str(out / "bang.wav")
    assert set(record["files"]) == {path.name for path in out.iterdir()} - {"bang.result.json"}


@pytest.mark.parametrize(
    ("separator", "fallback", "twin"),
    [("halving", "neg", "step3"), ("silencing", "neg", "neg"), ("silencing", "rep", "step1")],
)
def test_the_final_sound_is_the_file_of_the_step_it_came_from(run, tmp_path, separator, fallback, twin):
    run("yes", separator, fallback=fallback, pictures=False, scope="clip")
    assert same(tmp_path / "out", f"bang.{twin}.wav", "bang.wav")


def test_a_file_system_without_links_holds_two_equal_files(run, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    run()
    out = tmp_path / "out"
    assert not same(out, "bang.step1.wav", "bang.wav")
    assert (out / "bang.step1.wav").read_bytes() == (out / "bang.wav").read_bytes()


def test_pictures_of_an_earlier_run_go_with_it(run, tmp_path):
    run("yes")
    assert (tmp_path / "out" / "bang.step3.mel.png").is_file()
    run(pictures=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "bang.result.json",
        "bang.step1.wav",
        "bang.wav",
    ]


def test_cancelling_while_pictures_are_drawn_changes_nothing(run, tmp_path, monkeypatch):
    run(seed=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    token = CancelToken()
    drawn = staged_files.draw_pictures

    def draw(audio, spans):
        for picture in drawn(audio, spans):
            token.cancel()
            yield picture

    monkeypatch.setattr(staged_files, "draw_pictures", draw)
    with pytest.raises(Cancelled, match="nothing was changed"):
        run("yes", seed=2, progress=Progress(check=token.check))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_being_stopped_when_all_is_in_place_says_so(run, tmp_path, monkeypatch):
    remove = staging.StagingFolder.remove

    def stopped(self):
        remove(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(staging.StagingFolder, "remove", stopped)
    with pytest.raises(Cancelled, match=r"only after this run's files were put in place: .* holds all of them"):
        run()
    assert (tmp_path / "out" / "bang.wav").is_file()


def test_the_input_is_not_taken_for_an_earlier_runs_video(make_video, tmp_path):
    out = tmp_path / "out"
    first = Pipeline("noise", "no", "halving").run(make_video("a.mov"), out, container="mov")
    assert first.final_video_path == out / "a.mov"
    Pipeline("noise", "no", "halving").run(out / "a.mov", out, container="mkv")
    assert (out / "a.mov").is_file() and (out / "a.mkv").is_file()

"""The VO-Free set: changed where the judge hears a voice-over, listed, resumed, judged once."""

import csv
import json

import pytest

from deepsound.cli.main import main
from deepsound.media.wav import read_wav
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.reproduce.vo_free import make_vo_free
from tests import fakes

pytestmark = pytest.mark.usefixtures("fake_engines")


@pytest.fixture
def truth(sounds, make_video, tmp_path):
    """Sounds alone; the pictures are those of the clips."""
    for name in ("one", "two"):
        make_video(f"clips/{name}.mp4", seconds=1.0)
    return sounds(tmp_path / "gt", ["one", "two"])


def made(truth, out, reasoner="yes", separator="halving"):
    videos = {path.stem: path for path in (truth.parent / "clips").glob("*.mp4")}
    return make_vo_free(truth, out, ReproductionSettings("noise", reasoner, separator), videos)


@pytest.fixture
def judged(monkeypatch):
    """How often the fake judge was asked."""
    asked = []

    def judge(self, clip, audio, progress):
        asked.append(clip)
        return ORIGINAL(self, clip, audio, progress)

    monkeypatch.setattr(fakes.YesReasoner, "judge", judge)
    return asked


ORIGINAL = fakes.YesReasoner.judge


def levels(folder, name="one"):
    return float(read_wav(folder / "vo_free" / f"{name}.wav").waveform.abs().max())


@pytest.mark.parametrize(("reasoner", "factor"), [("yes", 0.5), ("no", 1.0), ("undecided", 1.0)])
def test_only_what_is_judged_voice_over_is_changed_and_the_list_says_so(truth, tmp_path, reasoner, factor):
    rows = made(truth, tmp_path / "out", reasoner)
    own = float(read_wav(truth / "one.wav").waveform.abs().max())
    assert levels(tmp_path / "out") == pytest.approx(factor * own, rel=1e-4)
    assert [row["changed"] for row in rows] == [reasoner == "yes"] * 2
    with (tmp_path / "out" / "vo_free.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert [row["clip"] for row in listed] == ["one", "two"]
    assert {row["changed"] for row in listed} == {str(reasoner == "yes")}


def test_what_is_done_is_not_judged_again_and_other_settings_are(truth, tmp_path, judged):
    out = tmp_path / "out"
    first = made(truth, out)
    assert made(truth, out) == first and len(judged) == 2
    made(truth, out, separator="silencing")
    assert len(judged) == 4 and levels(out) == 0.0


def test_a_note_of_other_settings_does_not_vouch_for_a_sound_that_was_replaced_meanwhile(truth, tmp_path, monkeypatch):
    """Killed between sound and note, the next run with the first settings took the second's sound for its own."""
    out = tmp_path / "out"
    made(truth, out, "no")
    untouched = levels(out)

    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("deepsound.reproduce.vo_free.atomic_write", killed)
        made(truth, out)
    made(truth, out, "no")
    assert levels(out) == untouched


def test_a_bad_clip_is_a_row_with_its_problem(truth, tmp_path):
    (truth / "broken.mp4").write_bytes(b"no video")
    rows = {row["clip"]: row for row in made(truth, tmp_path / "out")}
    assert rows["broken"]["problem"] and rows["one"]["changed"] and not rows["broken"]["changed"]


def test_a_sound_to_which_no_picture_belongs_is_said(truth, tmp_path):
    (truth.parent / "clips" / "two.mp4").unlink()
    rows = {row["clip"]: row for row in made(truth, tmp_path / "out")}
    assert rows["one"]["changed"] and "has no picture to judge by" in rows["two"]["problem"]


def test_a_ground_truth_without_any_sound_leaves_out_the_rows_on_vo_free_and_says_why(make_video, tmp_path, capsys):
    """The tables failed after all the work: the folder of the VO-Free set does not exist."""
    make_video("clips/one.mp4", seconds=0.3)
    clips = str(tmp_path / "clips")
    flags = ["--generators", "noise", "--judge", "yes", "--separator", "halving", "--only", "levels", "--json"]
    assert main(["reproduce", clips, "--gt", clips, "-o", str(tmp_path / "out"), *flags, "--quiet"]) == 0
    tables = json.loads(capsys.readouterr().out)
    assert {row["reference"] for row in tables["systems"]} == {"original"}
    assert any(text.startswith("1 clips of the ground truth are not in the VO-Free") for text in tables["omissions"])
    assert tables["measured"]["VO-Free set"].startswith("0 of 1 clips of the ground truth changed")

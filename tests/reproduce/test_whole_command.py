"""`deepsound reproduce` on clips of known voices: its numbers are the separate commands'."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from deepsound.cli.main import main
from deepsound.media.audio import decode_audio
from deepsound.media.vad import voice_spans
from deepsound.media.wav import read_wav
from deepsound.reproduce.tables import COLUMNS
from deepsound.runtime.progress import Progress
from scripts.render_test_set import ALONE, NONE
from tests.evaluate import fakes as quick_networks
from tests.json_records import fits

ENGINES = ["--preset", "embedded"]
# How a run does what the paper's systems do: one verdict for the clip, silence by the published rule.
AS_PUBLISHED = [*ENGINES, "--scope", "clip", "--published_parser"]


@pytest.fixture(scope="module")
def at_home(tmp_path_factory):
    """A cache of its own, and quick extractors in the place of the metrics' networks."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPSOUND_HOME", str(home))
        yield quick_networks.use(patch), home


@pytest.fixture(autouse=True)
def features_of_the_module(at_home, monkeypatch):
    """What was computed for one test is kept for the next."""
    monkeypatch.setenv("DEEPSOUND_HOME", str(at_home[1]))


@pytest.fixture(scope="module")
def reproduced(at_home, known_set, tmp_path_factory):
    """The set of known clips, what the whole command left, and its tables."""
    folder, truth = known_set
    out = tmp_path_factory.mktemp("reproduced")
    clips = str(folder / "clips")
    flags = ["--generators", "source", "--judge", "rules", "--figure", "clip01", "--quiet"]
    assert main(["reproduce", clips, "--gt", clips, "-o", str(out), *ENGINES, *flags]) == 0
    return folder, truth, out, fits("reproduction", json.loads((out / "tables.json").read_text()))


def row_of(tables, system, reference="original"):
    return next(row for row in tables["systems"] if (row["system"], row["reference"]) == (system, reference))


def test_known_voices_are_found_in_the_clips_and_in_the_ground_truth(reproduced):
    _, truth, out, _ = reproduced
    with (out / "vo_free.csv").open(newline="") as file:
        changed = {row["clip"]: row["changed"] == "True" for row in csv.DictReader(file)}
    for clip in truth:
        record = json.loads((out / f"source/seed_42/clips/{clip.clip}.json").read_text())
        assert record["is_voice_over"] == changed[clip.clip] == (clip.kind != NONE)
        assert record["is_silent_after_removal"] == {NONE: None, ALONE: True}.get(clip.kind, False)


def test_rows_are_what_can_be_computed_by_hand(reproduced):
    """IH@vid, IH@dur and the voice energy ratio from the files alone, and from the truth."""
    folder, truth, out, tables = reproduced
    voiced = [clip.clip for clip in truth if clip.kind != NONE]
    row = row_of(tables, "direct")
    assert row["ih_vid"] == len(voiced) / len(truth)
    heard_s = total_s = 0.0
    for clip in truth:
        sound = read_wav(out / f"source/seed_42/sets/direct/{clip.clip}.wav")
        heard_s += sum(span.duration_s for span in voice_spans(sound, Progress()))
        total_s += sound.duration_s
    assert row["ih_dur"] == pytest.approx(heard_s / total_s, abs=1e-3)
    (judge,) = tables["judges"]
    voice = mix = 0.0
    for name in voiced:
        coarse = read_wav(out / f"source/seed_42/sets/direct/{name}.wav").numpy()
        background = read_wav(out / f"source/seed_42/sets/s3/{name}.wav").numpy()
        voice += float(np.square(coarse - background, dtype=np.float64).sum())
        mix += float(np.square(coarse, dtype=np.float64).sum())
    # The files have 16 bits: an error of 2**-17 a sample against voices of -26 dBFS is below 1e-3 of their energy.
    assert judge["voice_energy_ratio"] == pytest.approx(voice / mix, rel=1e-3)
    known_voice = known_mix = 0.0
    for name in voiced:
        spoken = decode_audio(folder / f"voice/{name}.wav").numpy()
        around = decode_audio(folder / f"background/{name}.wav").numpy()
        known_voice += float(np.square(spoken, dtype=np.float64).sum())
        known_mix += float(np.square(spoken + around, dtype=np.float64).sum())
    # The separator takes some background for voice and leaves some voice; it is not far from what was put in.
    assert judge["voice_energy_ratio"] == pytest.approx(known_voice / known_mix, abs=0.15)
    assert (judge["clips"], judge["voice_over"], judge["undecided"]) == (len(truth), len(voiced), 0)


def test_removal_is_seen_in_the_voice_rates_and_rm_leaves_out_what_is_silent(reproduced):
    _, truth, _, tables = reproduced
    assert row_of(tables, "s3")["ih_dur"] < row_of(tables, "direct")["ih_dur"] / 2
    alone = sum(clip.kind == ALONE for clip in truth)
    assert [row_of(tables, name)["clips"] for name in ("s3", "s4_rm", "s4_rep")] == [6, 6 - alone, 6]
    assert "direct_neg" not in {row["system"] for row in tables["systems"]}
    assert any("'source'" in text or "source cannot" in text for text in tables["omissions"])
    assert "v the separator's voice stem" in tables["measured"]["voice energy ratio"]


def test_both_references_have_every_metric(reproduced):
    """Against the VO-Free set, which is sounds alone, IB and DeSync were not measured."""
    tables = reproduced[-1]
    for reference in ("original", "voice-free"):
        scores = row_of(tables, "s4_neg", reference)["scores"]
        assert tuple(scores) == COLUMNS
        assert [name for name, score in scores.items() if score is None] == ["IS"]
    assert any(text.startswith("IS has no value for") for text in tables["omissions"])
    picture = ("IB", "DeSync")
    ours, free = row_of(tables, "s4_neg"), row_of(tables, "s4_neg", "voice-free")
    assert [ours["scores"][name] for name in picture] == [free["scores"][name] for name in picture]
    assert ours["scores"]["FD_PANNs"] != free["scores"]["FD_PANNs"]


@pytest.mark.slow
def test_numbers_are_those_of_the_separate_commands(at_home, reproduced, tmp_path, capsys):
    folder, _, _, tables = reproduced
    clips = folder / "clips"
    shared = [
        str(clips),
        *AS_PUBLISHED,
        "--generator",
        "source",
        "--reasoner",
        "rules",
        "--skip_final_video",
        "--quiet",
    ]
    for system, flags in (("s4_rm", ["--fallback", "rm"]), ("s4_neg", ["--fallback", "neg"])):
        place = tmp_path / system
        assert main(["batch", *shared, "-o", str(place), *flags]) == 0
        capsys.readouterr()
        assert main(["evaluate", str(place), "--gt", str(clips), "--json", "--quiet"]) == 0
        (alone,) = json.loads(capsys.readouterr().out)["sets"]
        row = row_of(tables, system)
        assert row["clips"] == alone["clips"]
        voice = alone["voice"]["after"]["all"]
        assert (row["ih_vid"], row["ih_dur"]) == (voice["share_of_clips"], voice["share_of_time"])
        assert row["scores"] == {name: alone["scores"][name]["value"] for name in COLUMNS}


def test_the_same_command_again_computes_nothing_and_says_the_same(at_home, reproduced, monkeypatch, capsys):
    folder, _, out, tables = reproduced
    at_home[0].seen.clear()
    for target in ("reproduce.clip_run.run_clip", "reproduce.vo_free.check_stems"):
        monkeypatch.setattr(f"deepsound.{target}", lambda *a, **b: pytest.fail("made again"))
    clips = str(folder / "clips")
    flags = ["--generators", "source", "--judge", "rules", "--json", "--quiet"]
    assert main(["reproduce", clips, "--gt", clips, "-o", str(out), *ENGINES, *flags]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["systems"] == tables["systems"] and again["judges"] == tables["judges"]
    # Scores of pairs are computed from what is kept; no file is looked at or heard again.
    assert set(at_home[0].seen) <= {"synchformer_offset"}


def test_clips_of_earlier_runs_are_in_no_row(at_home, reproduced, tmp_path, capsys):
    """A clip that was taken out of the folder, or made with other settings, was still counted."""
    folder, _, out, _ = reproduced
    fewer, copy = tmp_path / "fewer", tmp_path / "out"
    fewer.mkdir()
    for name in ("clip00", "clip01", "clip02"):
        shutil.copy(folder / "clips" / f"{name}.mp4", fewer)
    shutil.copytree(out, copy)
    flags = ["--generators", "source", "--judge", "rules", "--only", "voice", "--json", "--quiet"]
    assert main(["reproduce", str(fewer), "--gt", str(folder / "clips"), "-o", str(copy), *ENGINES, *flags]) == 0
    tables = json.loads(capsys.readouterr().out)
    assert {row["clips"] for row in tables["systems"]} == {3}
    assert any(text.startswith("3 clips of the ground truth have no video") for text in tables["omissions"])


# A separator that cuts the sound into chunks.
ROFORMER = ("--separator", "bs_roformer_tiny")


@pytest.mark.parametrize(
    ("flags", "status", "says"),
    [
        (["--figure", "other"], 2, "The figure 'other' is of no clip"),
        (["--gt", "nowhere"], 2, "nowhere does not exist"),
        (["--preset", "published"], 4, "videollama2_cot and bs_roformer"),
        (["--seeds", "a"], 2, "expected whole numbers"),
        (["--workers", "2"], 2, "expected 1 or more together with --ray, got 2"),
        (["--generators", "nothing"], 2, "Unknown generator 'nothing'"),
        ([*ROFORMER, "--overlap", "2", "--separator_mode", "published"], 2, "overlap is 2 s"),
    ],
)
def test_what_can_be_known_is_said_before_the_work(known_set, tmp_path, capsys, flags, status, says):
    clips = str(known_set[0] / "clips")
    given = ["--gt", clips, *flags] if "--gt" not in flags else flags
    assert main(["reproduce", clips, "-o", str(tmp_path / "out"), *given, "--quiet"]) == status
    assert says in capsys.readouterr().err
    assert not Path(tmp_path / "out").exists()

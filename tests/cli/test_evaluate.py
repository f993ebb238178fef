"""Tests of `deepsound evaluate` on miniature networks: sounds and pictures in, numbers out."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.media.audio import decode_audio
from deepsound.types import Audio
from tests.conftest import write_video
from tests.evaluate import tiny
from tests.processes import start
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("nothing_at_hand")

TABLE = ("FD_PaSST", "FD_PANNs", "FD_VGG", "KL_PANNs", "KL_PaSST", "IS", "IB", "DeSync")
DURATION = "5"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A models folder with every network of the metrics."""
    folder = tmp_path_factory.mktemp("models")
    tiny.write(folder)
    return folder


@pytest.fixture
def sets(tmp_path, sounds):
    """Twelve sounds, and as a reference three videos with sound of their own and nine sounds."""
    names = [f"clip{number:02d}" for number in range(12)]
    predicted, reference = sounds(tmp_path / "pred", names, 5.2), sounds(tmp_path / "gt", names[3:], 5.2, seed=1)
    for name in names[:3]:
        sound = decode_audio(predicted / f"{name}.wav").numpy()
        write_video(reference / f"{name}.mp4", size=(64, 48), fps=5, seconds=5.2, audio=Audio.from_numpy(sound, 16000))
    return predicted, reference


def evaluate(capsys, *arguments) -> tuple[int, str]:
    code = main(["evaluate", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_the_whole_table_comes_out_and_a_second_run_computes_nothing(capsys, sets, models, tmp_path):
    predicted, reference = sets
    command = (
        predicted,
        "--gt",
        reference,
        "--gt-name",
        "made up, with noise",
        "--models",
        models,
        "--duration",
        DURATION,
        "--out",
        tmp_path / "out",
        "--cache",
        tmp_path / "cache",
        "--device",
        "cpu",
        "--only",
        ",".join((*TABLE, "levels")),
    )
    code, shown = evaluate(capsys, *command)
    assert code == 0
    for line in (*TABLE, "made up, with noise", "LUFS", "scores.png"):
        assert line in shown
    assert "missing" not in shown and "left out" not in shown
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    scores = report["sets"][0]["scores"]
    assert {name: scores[name]["clips"] for name in TABLE} == {**dict.fromkeys(TABLE, 12), "IB": 3, "DeSync": 3}
    assert 0 <= scores["DeSync"]["value"] <= 2 and -100 <= scores["IB"]["value"] <= 100
    assert report["computed"]["synchformer_offset"] == 3 and report["settings"]["duration_s"] == 5.0
    (row,) = csv.DictReader((tmp_path / "out" / "scores.csv").open())
    assert float(row["FD_PANNs"]) == pytest.approx(scores["FD_PANNs"]["value"])
    clips = list(csv.DictReader((tmp_path / "out" / "clips.csv").open()))
    assert len(clips) == 12 and clips[0]["DeSync"] and not clips[5]["DeSync"] and clips[5]["KL_PANNs"]
    assert (tmp_path / "out" / "scores.png").read_bytes().startswith(b"\x89PNG")

    code, shown = evaluate(capsys, *command, "--json")
    again = json.loads(shown)
    assert set(again["computed"].values()) == {0} and again["sets"] == report["sets"]


def test_a_set_compared_with_itself_is_at_no_distance(capsys, sets, models, tmp_path):
    code, shown = evaluate(
        capsys,
        sets[0],
        sets[1],
        "--gt",
        sets[0],
        "--models",
        models,
        "--duration",
        DURATION,
        "--cache",
        tmp_path / "cache",
        "--json",
        "--device",
        "cpu",
        "--only",
        "FD_PaSST,FD_PANNs,FD_VGG,KL_PANNs,KL_PaSST",
    )
    same, other = (one["scores"] for one in json.loads(shown)["sets"])
    assert code == 0
    for name in TABLE[:5]:
        assert same[name]["value"] == pytest.approx(0.0, abs=1e-3 * other[name]["value"]) and other[name]["value"] > 0


def test_without_weights_voice_and_levels_are_measured_and_the_rest_is_named(capsys, sounds, tmp_path):
    predicted, reference = sounds(tmp_path / "pred", ["a", "b"]), tmp_path / "gt"
    write_video(reference / "a.mp4", seconds=1.0, audio=decode_audio(predicted / "a.wav"))
    code, shown = evaluate(capsys, predicted, "--gt", reference, "--cache", tmp_path / "cache")
    shown = " ".join(shown.split())
    assert code == 0 and "LUFS" in shown and "clips with voice" in shown
    for id in ("metrics/passt", "metrics/panns_cnn14_16k", "metrics/vggish", "metrics/imagebind"):
        assert shown.count(f"deepsound models download {id}") == 1  # of all metrics that lack it, and once
    assert "missing FD_PaSST, KL_PaSST, KD_PaSST: The weights metrics/passt" in shown


def test_sounds_shorter_than_is_looked_at_are_listed_by_who_refuses_them(capsys, sets, models, tmp_path):
    code, shown = evaluate(
        capsys,
        sets[0],
        "--gt",
        sets[1],
        "--models",
        models,
        "--json",
        "--device",
        "cpu",
        "--only",
        "DeSync",
        "--cache",
        tmp_path / "cache",
    )
    report = json.loads(shown)
    refused = {(Path(one["file"]).name, one["extractor"]) for one in report["problems"]}
    assert code == 0 and ("clip00.wav", "synchformer_audio") in refused
    score = report["sets"][0]["scores"]["DeSync"]
    assert score["value"] is None and "4.8 s" in score["why"]


@pytest.mark.parametrize(
    "wrong", [("nowhere",), (".", "--only", "FAD"), (".", "--duration", "-1"), (".", "--groups", "nothing.csv")]
)
def test_bad_arguments_are_told_in_a_sentence(capsys, tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *wrong]) == 2
    assert capsys.readouterr().err.startswith("deepsound: ")


def test_an_output_folder_that_is_a_file_is_told(capsys, sets, tmp_path):
    (tmp_path / "taken").write_text("x")
    code, _ = evaluate(capsys, sets[0], "--only", "levels", "--out", tmp_path / "taken", "--cache", tmp_path / "cache")
    assert code == 5


def test_ctrl_c_stops_it_and_what_was_computed_is_kept(sounds, tmp_path):
    folder = sounds(tmp_path / "many", [f"c{number}" for number in range(200)], seconds=10.0)
    cache = tmp_path / "cache"
    command = [sys.executable, "-m", "deepsound", "evaluate", str(folder), "--only", "voice", "--cache", str(cache)]
    process = start(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    wait_until(lambda: any(cache.rglob("*.safetensors")) or process.poll() is not None, 300)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130 and "the features computed so far are kept" in errors, errors
    assert not [file for file in cache.rglob("*") if ".partial" in file.name]
    assert 0 < len(list(cache.rglob("*.safetensors"))) < 200

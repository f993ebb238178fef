"""Sound of words alone and of one picture, on tiny weights; what needs a video says so."""

import errno
import json

import numpy as np
import pytest

from deepsound.cli.main import main
from deepsound.media.wav import read_wav
from deepsound.runtime.model_cache import model_cache
from tests.json_records import fits


@pytest.fixture(autouse=True)
def no_network_left(monkeypatch, tmp_path):
    monkeypatch.setattr("deepsound.weights.search_paths._registered_folders", ())
    monkeypatch.chdir(tmp_path)
    model_cache().unload()


@pytest.fixture
def picture(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "beach.png"
    image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)).save(path)
    return path


def run(out, *arguments):
    return main(["run", *map(str, arguments), "--steps", "1", "--device", "cpu", "-o", str(out)])


def test_words_alone_make_takes_of_the_length_that_was_asked_for(mmaudio_models, tmp_path, capsys):
    out = tmp_path / "out"
    flags = ["--text_only", "--prompt", "rain", "--duration", "1", "--takes", "2", "--models", mmaudio_models, "--json"]
    assert run(out, *flags) == 0
    printed = capsys.readouterr()
    records = json.loads(printed.out)
    assert [record["request"]["seed"] for record in records] == [42, 43]
    assert {record["generator"] for record in records} == {"mmaudio_small_16k"}, "the best that is at hand"
    first, second = (read_wav(out / f"text.take{number}.wav") for number in (1, 2))
    assert first.samples == second.samples == 16000
    assert not np.array_equal(first.numpy(), second.numpy())
    assert "Step 1 alone was taken" in printed.err


def test_a_picture_makes_sound_under_its_own_name(mmaudio_models, picture, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run(out, picture, "--duration", "1", "--models", mmaudio_models, "--quiet") == 0
    record = fits("sound", json.loads((out / "beach.result.json").read_text()))
    assert record["picture"] == str(picture) and record["weights"]["clip"]
    assert sorted(path.name for path in out.iterdir()) == ["beach.result.json", "beach.wav"]
    monkeypatch.setattr("deepsound.engines.generator", None)
    assert run(out, picture, "--duration", "1", "--models", mmaudio_models, "--no_overwrite", "--quiet") == 5


def test_a_read_only_folder_is_said_before_the_work(mmaudio_models, tmp_path, monkeypatch, capsys):
    def refuse(**named):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("deepsound.engines.require_takes", None)
    flags = ["--text_only", "--prompt", "rain", "--models", mmaudio_models]
    assert run(tmp_path / "out", *flags) == 5
    assert "the disk is read-only; choose another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--text_only"], 2, "--text_only needs words"),
        (["a.mp4", "--text_only", "--prompt", "rain"], 2, "a.mp4 was named; leave one of them out"),
        (["--text_only", "--prompt", "rain", "--generator", "draft"], 2, "draft needs a video"),
        (["--text_only", "--prompt", "rain", "--takes", "0"], 2, "number of takes is 0"),
        (["--text_only", "--prompt", "rain"], 4, "deepsound models download"),
        (["gone.png"], 4, "mmaudio_large_44k_v2"),
        (["gone.png", "--generator", "mmaudio_small_16k"], 2, "gone.png cannot be read"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(tmp_path, capsys, arguments, status, message):
    assert run(tmp_path / "out", *arguments) == status
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()

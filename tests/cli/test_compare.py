"""`deepsound compare`: from a run's folder or from named files to a picture and a video."""

import json
import shutil
import sys

import numpy as np
import pytest

from deepsound.cli.main import main
from deepsound.compare.record import read_record, records_in
from deepsound.errors import InputError, MediaError
from deepsound.media.audio import decode_audio
from deepsound.media.probe import probe
from deepsound.media.wav import write_wav
from deepsound.types import Audio, Span


@pytest.fixture
def run_folder(tmp_path, make_video, tone):
    """What a run leaves that removed half of its sound as voice."""
    folder = tmp_path / "out"
    folder.mkdir()
    mix = tone(1.0, level=0.4)
    write_wav(mix, folder / "clip.step1.wav")
    for name in ("clip.step3.wav", "clip.wav"):
        write_wav(Audio(mix.waveform / 2, 48000), folder / name)
    shutil.copy(make_video("clip.mp4", seconds=1.0, audio=mix), folder / "clip.mp4")
    record = {
        "step1_audio_path": "/elsewhere/clip.step1.wav",
        "step3_audio_path": "/elsewhere/clip.step3.wav",
        "final_audio_path": "/elsewhere/clip.wav",
        "final_video_path": "/elsewhere/clip.mp4",
        "video_input": "/elsewhere/input.mp4",
        "voice_spans_s": [[0.25, 0.75]],
    }
    (folder / "clip.result.json").write_text(json.dumps(record))
    return folder


def changed(folder, **fields):
    path = folder / "clip.result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return path


def test_a_moved_run_is_read_back(run_folder):
    run = read_record(records_in(run_folder)[0])
    assert (run.stem, list(run.sounds), run.spans) == ("clip", ["coarse", "final", "voice"], (Span(0.25, 0.75),))
    assert run.clip.path == run_folder / "clip.mp4"
    np.testing.assert_allclose(run.sounds["voice"].numpy(), run.sounds["final"].numpy(), atol=1e-6)
    assert records_in(run_folder / "clip.result.json") == [run_folder / "clip.result.json"]


def test_a_dropped_sound_is_silence_and_a_missing_picture_is_none(run_folder):
    (run_folder / "clip.mp4").unlink()
    run = read_record(changed(run_folder, final_audio_path=None, step3_audio_path=None))
    assert list(run.sounds) == ["coarse", "final"] and not run.sounds["final"].waveform.any() and run.clip is None


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"step1_audio_path": None}, InputError, "step1_audio_path"),
        ({"step1_audio_path": 7}, InputError, "expected a file name"),
        ({"final_audio_path": "/nowhere/x.wav"}, MediaError, "x.wav"),
        ({"voice_spans_s": "soon"}, InputError, "spans"),
    ],
)
def test_a_broken_record_is_told(run_folder, fields, error, reason):
    with pytest.raises(error, match=reason):
        read_record(changed(run_folder, **fields))


def test_what_is_no_record_is_told(tmp_path):
    with pytest.raises(InputError, match=r"no <name>.result.json"):
        records_in(tmp_path)
    for content in ("[]", "{", "[" * 9999):
        (tmp_path / "a.result.json").write_text(content)
        with pytest.raises(InputError, match=r"a\.result\.json"):
            read_record(tmp_path / "a.result.json")


def test_the_folder_of_a_run_becomes_a_picture_and_a_video(run_folder, capsys):
    pytest.importorskip("moviepy", reason="moviepy is in the [render] extra")
    assert main(["compare", str(run_folder), "--seconds", "0.4"]) == 0
    picture, video = run_folder / "clip.compare.png", run_folder / "clip.compare.mp4"
    assert probe(video).duration_s == pytest.approx(1.2, abs=0.05)
    assert decode_audio(video).waveform.abs().max() > 0.05
    told = capsys.readouterr().err
    assert picture.is_file() and str(picture) in told and str(video) in told


def test_named_files_become_a_picture(run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "moviepy", None)
    arguments = [
        "compare",
        "--coarse",
        str(run_folder / "clip.step1.wav"),
        "--final",
        str(run_folder / "clip.wav"),
        "--spans",
        "0.2-0.4",
        "--out",
        str(tmp_path / "new" / "folder"),
        "--width",
        "640",
        "--quiet",
    ]
    assert main([*arguments, "--still-only"]) == 0
    assert (tmp_path / "new" / "folder" / "clip.compare.png").is_file() and capsys.readouterr().err == ""
    (tmp_path / "new" / "folder" / "clip.compare.png").unlink()
    assert main(arguments) == 4, "without MoviePy the video cannot be made, and the picture is there all the same"
    assert (tmp_path / "new" / "folder" / "clip.compare.png").is_file()
    assert "-m pip install moviepy" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["folder", "--coarse", "a.wav"]])
def test_a_folder_or_files_but_not_both(arguments, capsys):
    assert main(["compare", *arguments]) == 2
    assert "give one of the two" in capsys.readouterr().err


def test_without_moviepy_all_stills_of_a_folder_are_made_and_the_videos_named(run_folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "moviepy", None)
    record = (run_folder / "clip.result.json").read_text()
    (run_folder / "other.result.json").write_text(record)
    assert main(["compare", str(run_folder), "--width", "640", "--quiet"]) == 4
    assert (run_folder / "clip.compare.png").is_file() and (run_folder / "other.compare.png").is_file()
    said = capsys.readouterr().err
    assert "clip.compare.mp4" in said and "other.compare.mp4" in said and said.count("pip install moviepy") == 1


def test_a_damaged_record_costs_no_other_comparison(run_folder, capsys):
    (run_folder / "a.result.json").write_text("[" * 9999)
    assert main(["compare", str(run_folder), "--width", "640", "--still_only", "--quiet"]) == 2
    assert (run_folder / "clip.compare.png").is_file() and "a.result.json" in capsys.readouterr().err

"""What a run leaves in the output folder, and that nothing is left by one that fails."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from deepsound import Pipeline
from deepsound.errors import Cancelled, EngineError, InputError, OutputError
from deepsound.media import wav
from deepsound.media.audio import decode_audio
from deepsound.media.probe import probe
from deepsound.runtime.progress import CancelToken, Progress
from tests import fakes


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run(video, folder, reasoner="yes", separator="halving", generator="noise", **options):
    return Pipeline(generator, reasoner, separator).run(video, folder, **options)


def test_files_are_named_as_the_original_names_them(make_video, tmp_path):
    out = tmp_path / "out"
    result = run(make_video("bang.mp4"), out, separator="silencing", fallback="neg")
    assert names_in(out) == [
        "bang.mp4",
        "bang.neg.wav",
        "bang.result.json",
        "bang.step1.wav",
        "bang.step3.wav",
        "bang.wav",
    ]
    assert result.final_video_path == out / "bang.mp4"


def test_the_record_keeps_the_original_fields_and_adds_its_own(make_video, tmp_path):
    result = run(
        make_video("bang.mp4"), tmp_path / "out", separator="silencing", fallback="rep", prompt="clang", seed=5
    )
    record = json.loads(result.result_path.read_text())
    assert record == json.loads(json.dumps(result.to_json()))
    assert record["step1_audio_path"] == str(tmp_path / "out" / "bang.step1.wav")
    assert record["step3_audio_path"] == str(tmp_path / "out" / "bang.step3.wav")
    assert record["final_audio_path"] == str(tmp_path / "out" / "bang.wav")
    assert record["final_video_path"] == str(tmp_path / "out" / "bang.mp4")
    assert record["is_vo"] is True and record["is_silent"] is True
    assert record["verdict"] == "yes" and record["category"] == "Yes"
    assert set(record["reasoning"]) == {"summary", "caption", "reasoning", "conclusion"}
    assert record["voice_spans_s"] == [[0.1, 0.4]]
    assert record["request"]["seed"] == 5 and record["request"]["prompt"] == "clang"
    assert record["engines"]["separator"]["name"] == "silencing"
    assert [step["name"] for step in record["steps"]] == ["plan", "generate", "judge", "remove", "silence"]
    assert record["loudness"]["final"]["true_peak_dbtp"] < 0


def test_without_voice_over_there_is_no_step3(make_video, tmp_path):
    result = run(make_video("bang.mp4"), tmp_path / "out", reasoner="no")
    assert names_in(tmp_path / "out") == ["bang.mp4", "bang.result.json", "bang.step1.wav", "bang.wav"]
    assert result.to_json()["is_silent"] is None
    np.testing.assert_array_equal(decode_audio(result.final_audio_path).numpy(), result.outcome.coarse.numpy())


def test_rm_leaves_a_video_without_sound(make_video, tmp_path, tone):
    result = run(
        make_video("bang.mp4", audio=tone()), tmp_path / "out", separator="silencing", fallback="rm", scope="clip"
    )
    assert result.final_audio_path is None
    info = probe(result.final_video_path)
    assert info.audio is None and info.video is not None


def test_skipping_the_final_video(make_video, tmp_path):
    result = run(make_video("bang.mp4"), tmp_path / "out", write_video=False)
    assert result.final_video_path is None
    assert "bang.mp4" not in names_in(tmp_path / "out")


def test_a_window_limits_sound_and_video(make_video, tmp_path):
    result = run(make_video("bang.mp4", seconds=2.0, gop=5), tmp_path / "out", start_s=0.5, duration_s=1.0)
    assert result.outcome.final.duration_s == pytest.approx(1.0)
    assert probe(result.final_video_path).duration_s == pytest.approx(1.0, abs=0.11)


def test_loudness_is_changed_only_when_asked(make_video, tmp_path):
    video = make_video("bang.mp4")
    as_made = run(video, tmp_path / "a", reasoner="no")
    changed = run(video, tmp_path / "b", reasoner="no", target_lufs=-30.0)
    assert as_made.loudness["final"] == as_made.loudness["step1"]
    assert changed.loudness["final"].integrated_lufs == pytest.approx(-30.0, abs=0.1)


def test_what_an_earlier_run_made_and_this_one_did_not_is_cleared(make_video, tmp_path):
    video, out = make_video("bang.mp4"), tmp_path / "out"
    run(video, out, separator="silencing", fallback="neg")
    run(video, out, reasoner="no")
    assert names_in(out) == ["bang.mp4", "bang.result.json", "bang.step1.wav", "bang.wav"]


def test_a_stranger_s_file_of_that_name_is_not_cleared(make_video, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "bang.neg.wav").write_text("mine")
    run(make_video("bang.mp4"), out, reasoner="no")
    assert (out / "bang.neg.wav").read_text() == "mine"


def failing_generator(video, out, monkeypatch):
    with pytest.raises(EngineError):
        run(video, out, generator="nan")


def full_disk(video, out, monkeypatch):
    def no_space(audio, path):
        raise OutputError(f"Cannot write {path}: the disk is full; free some space or choose another folder.")

    monkeypatch.setattr("deepsound.outputs.staged_files.write_wav", no_space)
    with pytest.raises(OutputError, match="disk is full"):
        run(video, out)


def full_disk_at_the_record(video, out, monkeypatch):
    def no_space(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(OutputError, match="disk is full"):
        run(video, out)


def cancelled_while_writing(video, out, monkeypatch):
    token = CancelToken()

    def on_event(event):
        if event.stage == "write":
            token.cancel()

    with pytest.raises(Cancelled):
        run(video, out, progress=Progress(on_event, token.check))


@pytest.mark.parametrize("fail", [failing_generator, full_disk, full_disk_at_the_record, cancelled_while_writing])
def test_a_failed_run_leaves_an_earlier_good_result_as_it_was(make_video, tmp_path, monkeypatch, fail):
    video, out = make_video("bang.mp4"), tmp_path / "out"
    run(video, out, reasoner="no", seed=1)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    fail(video, out, monkeypatch)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("stage", ["plan", "generate", "judge", "remove", "silence", "generate again", "write"])
def test_cancelling_in_any_step_leaves_nothing(make_video, tmp_path, stage):
    token = CancelToken()

    def on_event(event):
        if event.stage == stage:
            token.cancel()

    with pytest.raises(Cancelled):
        run(make_video("bang.mp4"), tmp_path / "out", separator="silencing", progress=Progress(on_event, token.check))
    assert names_in(tmp_path / "out") == []


def test_the_input_is_never_replaced(make_video, tmp_path):
    video = make_video("bang.mp4")
    before = video.read_bytes()
    with pytest.raises(InputError, match="would replace its own input"):
        run(video, video.parent)
    assert video.read_bytes() == before


def test_an_output_folder_below_a_file_cannot_be_written(make_video, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another"):
        run(make_video("bang.mp4"), tmp_path / "file" / "out")


def test_an_output_folder_with_a_null_byte_is_refused(make_video, tmp_path):
    with pytest.raises(OutputError, match="null byte"):
        run(make_video("bang.mp4"), f"{tmp_path}/o\0ut")


def test_a_folder_under_a_final_name_is_an_error(make_video, tmp_path):
    (tmp_path / "out" / "bang.wav").mkdir(parents=True)
    with pytest.raises(OutputError, match="it is a folder"):
        run(make_video("bang.mp4"), tmp_path / "out")


def test_wav_is_lossless(noise, tmp_path):
    audio = noise(channels=2)
    wav.write_wav(audio, tmp_path / "a.wav")
    np.testing.assert_array_equal(decode_audio(tmp_path / "a.wav").numpy(), audio.numpy())


def test_a_sound_beyond_full_scale_is_turned_down_in_the_videos_and_said_and_the_wav_keeps_it(
    make_video, tmp_path, monkeypatch
):
    monkeypatch.setattr(fakes.Generator, "generate", lambda self, clip, *_: fakes.noise(clip.duration_s, 100.0))
    result = run(make_video(), tmp_path / "out", "no", step_videos=True, container="mkv")
    record = json.loads(result.result_path.read_text())
    assert record["mux"]["gain_db"] < -40
    assert any(line.startswith("level: ") and "turned down" in line for line in record["mux"]["summary"])
    loud, fitted = (decode_audio(path).numpy() for path in (result.final_audio_path, result.final_video_path))
    assert np.abs(loud).max() > 100
    np.testing.assert_allclose(
        fitted * np.abs(loud).max(), loud[:, : fitted.shape[1]], atol=np.abs(loud).max() * 2**-22
    )


def test_a_step_video_that_is_turned_down_is_noted_in_the_record(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(fakes.Generator, "generate", lambda self, clip, *_: fakes.noise(clip.duration_s, 100.0))
    result = run(make_video(), tmp_path / "out", step_videos=True, scope="clip", container="mkv", mode="s3")
    notes = json.loads(result.result_path.read_text())["notes"]
    assert any(note.startswith("clip.step1.mkv: the sound in this video is turned down") for note in notes)

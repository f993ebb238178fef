"""Tests of `deepsound.v1`: a DeepSound-V1 script runs after changing its imports."""

import json
import subprocess
from pathlib import Path

import pytest

from deepsound.errors import InputError
from deepsound.media.clip import Clip
from deepsound.runtime.model_cache import model_cache
from deepsound.v1 import Pipeline, init_pipeline, setup_eval_logging, step_results, video_to_audio
from tests import pretrained

KEYS = {"temp_final_audio_path", "temp_final_video_path", "step1_audio_path", "step1_video_path", "is_vo"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The folder of the original program: `pretrained/` and what it downloads by itself."""
    return pretrained.write(tmp_path_factory.mktemp("DeepSound-V1"))


@pytest.fixture
def clip(make_video, tone):
    return make_video("clip.mp4", fps=25, seconds=1.0, audio=tone())


def fake(reasoner="yes", separator="halving", generator="noise") -> Pipeline:
    return Pipeline(None, generator, None, reasoner, separator)


@pytest.mark.slow
@pytest.mark.parametrize("step1_mode", ["mmaudio_medium_44k", "foleycrafter"])
def test_the_quick_start_runs_with_its_own_calls(checkout, clip, tmp_path, monkeypatch, step1_mode):
    pretrained.only_here(monkeypatch, checkout)
    model_cache().unload()
    output_dir = tmp_path / "output"
    folder = "pretrained/mllm/VideoLLaMA2.1-7B-AV-CoT"
    pipeline = Pipeline(
        step0_model_dir=folder,
        step1_mode=step1_mode,
        step2_model_dir=folder,
        step2_mode="cot",
        step3_mode="bs_roformer",
    )
    made = pipeline.run(
        video_input=str(clip),
        output_dir=str(output_dir),
        mode="s4",
        postp_mode="neg",
        prompt="",
        negative_prompt="",
        duration=10,
    )
    assert made.keys() == KEYS | {"step3_audio_path", "is_silent"} and made["is_vo"] is True
    # What the quick start does next: plain copies beside the files of the run.
    for key, suffix in (("temp_final_audio_path", "wav"), ("temp_final_video_path", "mp4")):
        subprocess.run(["cp", made[key], str(output_dir / f"clip.{suffix}")], check=True)
    assert Clip.open(output_dir / "clip.mp4").audio() is not None
    record = json.loads((output_dir / "clip.result.json").read_text())
    assert record["engines"]["generator"]["name"] == step1_mode
    assert {Path(row["path"]).is_relative_to(checkout) for row in record["weights"]} == {True}


def test_without_voice_over_the_first_step_is_final_and_no_later_key_is_there(clip, tmp_path):
    made = fake("no").run(video_input=clip, output_dir=tmp_path / "out")
    assert made.keys() == KEYS and made["is_vo"] is False
    assert made["temp_final_audio_path"] == made["step1_audio_path"] == str(tmp_path / "out" / "clip.step1.wav")
    assert made["temp_final_video_path"] == made["step1_video_path"] == str(tmp_path / "out" / "clip.step1.mp4")


@pytest.mark.parametrize(
    ("postp_mode", "final"),
    [("rm", (None, None)), ("rep", ("clip.step1.wav", "clip.step1.mp4")), ("neg", ("clip.neg.wav", "clip.neg.mp4"))],
)
def test_each_mode_of_the_last_step_ends_with_the_original_s_files(clip, tmp_path, postp_mode, final):
    made = fake(separator="silencing").run(clip, tmp_path / "out", mode="s4", postp_mode=postp_mode)
    assert made["is_silent"] is True and made["step3_audio_path"].endswith("clip.step3.wav")
    paths = made["temp_final_audio_path"], made["temp_final_video_path"]
    assert tuple(path and Path(path).name for path in paths) == final
    assert all(Path(path).is_file() for path in paths if path)


def test_s3_ends_with_the_separated_sound_and_does_not_ask_for_silence(clip, tmp_path):
    made = fake().run(clip, tmp_path / "out", mode="s3")
    assert made.keys() == KEYS | {"step3_audio_path"}
    assert Path(made["temp_final_audio_path"]).name == "clip.step3.wav"


def test_no_file_is_a_link_to_another_so_that_cp_can_copy_it(clip, tmp_path):
    fake("no").run(clip, tmp_path / "out")
    assert {path.stat().st_nlink for path in (tmp_path / "out").iterdir() if path.is_file()} == {1}


def test_the_finished_files_are_named_by_the_stem(clip, tmp_path):
    made = video_to_audio(fake(separator="silencing"), clip, tmp_path / "out")
    assert [Path(made[key]).name for key in ("final_audio_path", "final_video_path")] == ["clip.wav", "clip.mp4"]
    assert video_to_audio(fake("no"), clip, tmp_path / "out", skip_final_video=True)["final_video_path"] is None
    dropped = video_to_audio(fake(separator="silencing"), clip, tmp_path / "out", postp_mode="rm")
    assert dropped["final_audio_path"] is dropped["final_video_path"] is None


def test_the_defaults_are_the_quick_start_s(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    made = init_pipeline().pipeline
    assert made._names == ("mmaudio_medium_44k", "videollama2_cot", "bs_roformer")
    assert set(made._execution.weights) == {"videollama2/av_cot"}
    assert made._preset.name == "published"
    setup_eval_logging()


def test_both_quantisations_at_once_are_refused():
    with pytest.raises(InputError, match="both true"):
        Pipeline(load_8bit=True, load_4bit=True)


def test_the_videos_of_steps_and_the_removed_voice_are_left_where_asked_for(clip, tmp_path):
    out = tmp_path / "out"
    result = fake(separator="silencing").pipeline.run(clip, out, step_videos=True, stems=True)
    record = json.loads(result.result_path.read_text())
    named = ("step1_video_path", "step3_video_path", "neg_video_path", "voice_audio_path")
    expected = ["clip.step1.mp4", "clip.step3.mp4", "clip.neg.mp4", "clip.voice.wav"]
    assert [Path(record[key]).name for key in named] == expected
    assert {*expected} <= {path.name for path in out.iterdir()} and {*expected} <= set(record["files"])
    assert step_results(result)["temp_final_video_path"] == record["neg_video_path"]
    plain = fake("no").pipeline.run(clip, out)
    assert not any(plain.to_json()[key] for key in named)
    assert not {*expected} & {path.name for path in out.iterdir()}, "those of the run before are replaced"

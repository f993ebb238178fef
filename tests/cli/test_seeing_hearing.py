"""Tests of seeing_hearing, audio-to-video and joint on tiny weights, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepsound.cli import aligner_options
from deepsound.cli.main import main
from deepsound.generate.aligner import guide
from deepsound.media.clip import Clip
from deepsound.media.wav import write_wav
from deepsound.types import Audio
from tests.generate.aligned_video import tiny
from tests.json_records import fits

pytestmark = pytest.mark.usefixtures("nothing_at_hand")
SMALL = ["--frames", "2", "--fps", "2", "--width", "64", "--height", "64", "--steps", "2"]
QUIET = ["--device", "cpu", "--precision", "fp32", "--quiet"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_published(tmp_path_factory.mktemp("models"))


def run(*words: object) -> int:
    return main([*map(str, words), *QUIET])


def test_a_clip_to_the_finished_video_with_every_setting_in_the_record(short_video, models, tmp_path) -> None:
    settings = ["--align-rate", "0.2", "--align-steps", "2", "--align-update", "paper", "--tune-prompt"]
    words = ["--generator", "seeing_hearing", "--prompt", "rain", "--steps", "3", *settings]
    assert run("run", short_video, *words, "--models", models, "-o", tmp_path / "out") == 0
    sound = Clip.open(tmp_path / "out" / "clip.mp4").audio()
    assert sound is not None and (sound.sample_rate, sound.samples) == (16000, 19200)
    record = json.loads((tmp_path / "out" / "clip.result.json").read_text())
    assert record["engines"]["generator"]["name"] == "seeing_hearing"
    used = record["engine_settings"]["seeing_hearing"]
    assert (used["rate"], used["inner_steps"], used["update"], used["tune_prompt"]) == (0.2, 2, "paper", True)
    assert used["distances"].keys() == {"text-audio", "video-audio"} and used["warmup"] == 0.2
    assert {row["role"] for row in record["weights"]} >= {"audioldm_unet", "imagebind"}


def test_one_picture_gets_a_sound(models, tmp_path) -> None:
    from PIL import Image

    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "still.png")
    words = ["--generator", "seeing_hearing", "--prompt", "wind", "--steps", "3", "--duration", "1.5"]
    assert run("run", tmp_path / "still.png", *words, "--models", models, "-o", tmp_path / "out") == 0
    record = json.loads((tmp_path / "out" / "still.result.json").read_text())
    assert record["generator"] == "seeing_hearing" and Path(record["final_audio_path"]).stat().st_size > 40_000


def test_a_video_for_a_sound_and_a_video_with_its_sound(models, tmp_path) -> None:
    noise = np.random.default_rng(0).standard_normal((1, 16000)).astype(np.float32) * 0.1
    write_wav(Audio.from_numpy(noise, 16000), tmp_path / "sound.wav")
    out = ["--models", models, "-o", tmp_path / "out"]
    assert run("audio-to-video", tmp_path / "sound.wav", "--prompt", "rain", *SMALL, *out) == 0
    assert run("joint", "rain", "--no-tune-prompt", "--audio-rate", "0.2", *SMALL, *out, "--json") == 0
    for stem in ("sound", "joint"):
        clip = Clip.open(tmp_path / "out" / f"{stem}.mp4")
        assert clip.video.width == 64 and clip.info.audio is not None
        record = fits("aligned_video", json.loads((tmp_path / "out" / f"{stem}.result.json").read_text()))
        assert record["settings"]["tune_prompt"] == (stem == "sound") and "motion_adapter" in record["weights"]
    assert record["settings"]["audio_rate"] == 0.2


def test_a_video_whose_sound_is_taken_is_not_replaced(tmp_path, short_video, capsys) -> None:
    before = short_video.read_bytes()
    assert run("audio-to-video", short_video, "--prompt", "rain", "-o", short_video.parent) == 5
    assert "replace its own sound" in capsys.readouterr().err and short_video.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["audio-to-video", "SOUND", "--prompt", "rain"], 4, "sets of weights are not on this machine"),
        (["audio-to-video", "SOUND", "--prompt", " "], 2, "The prompt is empty"),
        (["joint", "rain", "--width", "100"], 2, "width: expected a multiple of 64"),
        (["joint", "rain", "--align-warmup", "2"], 2, "--align-warmup: expected a share from 0 to 1"),
        (["run", "PICTURE", "--generator", "seeing_hearing", "--duration", "nan"], 2, "The duration is nan; give"),
        (["run", "PICTURE", "--generator", "foleycrafter"], 2, "a picture for seeing_hearing too"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(tmp_path, capsys, words, status, message) -> None:
    from PIL import Image

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "still.png")
    write_wav(Audio.from_numpy(np.full((1, 48000), 0.1, np.float32), 16000), tmp_path / "sound.wav")
    files = {"SOUND": tmp_path / "sound.wav", "PICTURE": tmp_path / "still.png"}
    given = [files.get(word, word) for word in words]
    try:
        assert run(*given, "-o", tmp_path / "out") == status
    except SystemExit as ended:  # A flag's own refusal.
        assert ended.code == status
    assert message in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_the_updates_of_the_flag_are_the_library_s() -> None:
    assert aligner_options.UPDATES == guide.UPDATES

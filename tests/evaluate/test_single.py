"""Tests of a clip's score: the library's call on miniature networks, and the node Score."""

import numpy as np
import pytest
import torch

from deepsound.errors import InputError
from deepsound.evaluate.single import score_clip
from deepsound.media.clip import Clip
from deepsound.runtime.device_placement import PlainPlacement
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import model_cache
from deepsound.types import Audio
from tests.conftest import write_video
from tests.evaluate import tiny
from tests.nodes.conftest import host, nodes, pack  # noqa: F401 - the fixtures are used by being here


@pytest.fixture(autouse=True)
def placement_comes_back(nothing_at_hand):
    yield
    model_cache().place_with(PlainPlacement())


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny.write(tmp_path_factory.mktemp("models"))


@pytest.fixture
def video(tmp_path, noise):
    path = tmp_path / "clip.mp4"
    write_video(path, fps=5, seconds=5.0)
    return path


def test_everything_that_one_clip_has_is_scored_and_looked_at_once(weights, video, noise):
    execution = Execution("cpu", weights=weights)
    clip, sound, other = Clip.open(video), noise(5.0, 16000), noise(5.0, 16000, seed=1)
    first = score_clip(sound, clip, other, execution)
    assert set(first.scores) == {"IB", "DeSync", "AV-Align", "ImpactSync", "KL_PANNs", "KL_PaSST"} and not first.missing
    assert first.voice.duration_s == 5.0 and not first.voice.has_voice
    assert first.levels.loudness.integrated_lufs == pytest.approx(-17.3, abs=1.5)
    text = "\n".join(first.lines())
    assert all(word in text for word in ("IB", "DeSync", "voice: none", "LUFS")) and "missing" not in text
    passes = clip.passes
    assert score_clip(sound, clip, other, execution).scores == first.scores and clip.passes == passes
    assert score_clip(sound, None, sound, execution).scores["KL_PANNs"] == pytest.approx(0.0, abs=1e-9)


def test_what_cannot_be_had_is_named_with_its_reason(video, noise):
    found = score_clip(noise(5.0, 16000), Clip.open(video))
    told = {one.metric: one for one in found.missing}
    assert set(told) == {"IB", "DeSync"} and set(found.scores) == {"AV-Align", "ImpactSync"}
    assert told["IB"].fetch == "deepsound models download metrics/imagebind"
    assert any("DeSync is missing" in line and "deepsound models download" in line for line in found.lines())
    alone = score_clip(noise(1.0, 16000))
    assert all("no video" in one.why for one in alone.missing)
    assert {one.metric for one in alone.missing} == {"IB", "DeSync", "AV-Align", "ImpactSync"}
    assert alone.voice is not None and alone.levels is not None


def test_a_clip_too_short_for_synchformer_still_has_its_other_scores(weights, tmp_path, noise):
    write_video(tmp_path / "short.mp4", fps=10, seconds=4.1)
    found = score_clip(
        noise(4.1, 16000), Clip.open(tmp_path / "short.mp4"), execution=Execution("cpu", weights=weights)
    )
    assert set(found.scores) == {"IB", "AV-Align", "ImpactSync"} and "4.8 s" in found.missing[0].why


@pytest.mark.parametrize("samples", [np.zeros((2, 8000)), np.full((1, 1), 0.5)])
def test_silence_and_one_sample_have_levels(samples):
    found = score_clip(Audio.from_numpy(samples, 8000))
    assert found.levels.loudness.integrated_lufs is None and found.voice.rate == 0.0


def test_an_empty_sound_is_refused():
    with pytest.raises(InputError, match="empty"):
        score_clip(Audio.from_numpy(np.zeros((1, 0)), 8000))


def comfy(sound: Audio) -> dict:
    return {"waveform": sound.waveform[None], "sample_rate": sound.sample_rate}


def test_the_card_gives_text_and_numbers_and_shows_what_is_missing(nodes, host, noise):  # noqa: F811
    output = nodes["DeepSoundScore"].execute(comfy(noise(1.0, 16000)), 0.0, False, False)
    text, ib, desync, voice, lufs, peak, silence, kl, has_voice, *sync = output.args
    assert "no video is connected" in text and output.ui["text"] == [text]
    assert output.ui["deepsound"][0]["result"]["lines"][: len(text.splitlines())] == text.splitlines()
    assert (ib, desync, kl, *sync) == (None,) * 5 and (voice, has_voice) == (0.0, False)
    assert lufs < 0 and peak < 0 and silence == 0.0
    assert any("no video is connected" in shown for _, shown in host.texts)


def test_the_card_scores_picture_and_reference_with_comfyui_s_weights(nodes, host, make_video, noise):  # noqa: F811
    tiny.write(host.root / "models")
    make_video("input/clip.mp4", fps=5, seconds=5.0)
    video = nodes["DeepSoundLoadVideo"].execute("clip.mp4", 0.0, 0.0).args[0]
    output = nodes["DeepSoundScore"].execute(
        comfy(noise(5.0, 16000)), 0.0, False, False, video, comfy(noise(5.0, 16000, seed=1))
    )
    text, ib, desync, _, _, _, _, kl, _, av_align, impact_sync = output.args
    assert -100 <= ib <= 100 and 0 <= desync <= 2 and kl > 0 and "missing" not in text
    assert av_align >= 0 and impact_sync == 0.0
    assert host.memory.current_loaded_models, "the networks are in the host's memory management"
    assert host.bars, "the node's bar moved"


def test_a_batch_of_sounds_is_refused(nodes):  # noqa: F811
    batch = {"waveform": torch.zeros(2, 1, 100), "sample_rate": 16000}
    with pytest.raises(InputError, match="batch of 2"):
        nodes["DeepSoundScore"].execute(batch, 0.0, False, False)

"""Tests of the node Best Take: batches, lists, sockets, the star, playback."""

import pytest
import torch

from deepsound.errors import EngineError, InputError
from deepsound.media.audio import decode_audio
from deepsound.types import Audio
from tests.generate import scenes
from tests.rank.impacts import RATE, hits

SHIFTS_S = (0.35, 0.0, 0.1)


@pytest.fixture
def video(nodes, host):
    film = scenes.bouncing_ball(scenes.Look(size=(96, 72), seed=1), 2.5)
    (host.root / "input").mkdir(parents=True, exist_ok=True)
    film.write(host.root / "input" / "ball.mp4")
    return nodes["DeepSoundLoadVideo"].execute("ball.mp4", 0.0, 0.0).args[0]


@pytest.fixture
def takes():
    film = scenes.bouncing_ball(scenes.Look(size=(96, 72), seed=1), 2.5)
    return [hits([time_s + shift for time_s in film.hits_s], 2.5) for shift in SHIFTS_S]


def comfy(*sounds: Audio) -> dict:
    return {"waveform": torch.stack([sound.waveform for sound in sounds]), "sample_rate": sounds[0].sample_rate}


def rank(nodes, audio, video, choose=0, pick="auto", **more):
    return nodes["DeepSoundBestTake"].execute([audio], [video], [pick], [choose], [False], [False], **more)


def test_the_take_in_step_is_passed_on_with_figures_of_all(nodes, host, video, takes):
    output = rank(nodes, comfy(*takes), video)
    best, index, table, scores = output.args
    assert index == 1 and torch.equal(best["waveform"][0], takes[1].waveform) and best["sample_rate"] == RATE
    assert len(scores) == 3 and max(scores) == scores[1] and len(table.splitlines()) == 5
    (shown,) = output.ui["deepsound"]
    assert [(take["best"], take["chosen"]) for take in shown["takes"]] == [(False, False), (True, True), (False, False)]
    for take, sound in zip(shown["takes"], takes, strict=True):
        file = host.root / "temp" / take["file"]["filename"]
        assert decode_audio(file).samples == sound.samples


def test_a_star_overrules_and_nothing_is_measured_again(nodes, host, video, takes, monkeypatch):
    first = rank(nodes, comfy(*takes), video)
    monkeypatch.setattr("deepsound.rank.ranking.rank_takes", None)
    starred = rank(nodes, comfy(*takes), video, choose=3)
    assert starred.args[1] == 2 and torch.equal(starred.args[0]["waveform"][0], takes[2].waveform)
    shown = starred.ui["deepsound"][0]
    assert shown["starred"] and [take["chosen"] for take in shown["takes"]] == [False, False, True]
    assert shown["takes"][1]["best"] and shown["takes"][0]["file"] == first.ui["deepsound"][0]["takes"][0]["file"]


def test_lists_and_several_sockets_of_unequal_takes_are_one_row(nodes, video, takes, noise):
    other = comfy(noise(0.5, 16000, 2))
    listed = nodes["DeepSoundBestTake"].execute(
        [comfy(takes[0]), other], [video], ["auto"], [0], [False], [False], audio_3=[comfy(takes[1])]
    )
    assert listed.args[1] == 2 and len(listed.args[3]) == 3


def test_one_take_is_passed_on_as_it_is(nodes, video, takes):
    output = rank(nodes, comfy(takes[0]), video)
    assert output.args[1] == 0 and torch.equal(output.args[0]["waveform"][0], takes[0].waveform)


@pytest.mark.parametrize("choose", [-1, 4, 65])
def test_a_star_on_no_take_is_a_sentence(nodes, video, takes, choose):
    with pytest.raises(InputError, match=f"from 1 to 3, got {choose}"):
        rank(nodes, comfy(*takes), video, choose)


def test_too_many_takes_and_imagebind_that_is_not_there_are_refused(nodes, video, takes, nothing_at_hand):
    with pytest.raises(InputError, match="got 65"):
        rank(nodes, comfy(*[takes[0]] * 65), video)
    with pytest.raises(EngineError, match="expected the weights of ImageBind"):
        rank(nodes, comfy(*takes), video, pick="ib")

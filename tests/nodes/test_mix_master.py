"""The node that mixes and masters: its sound, its numbers, and the meters for the page."""

import pytest
import torch

from deepsound.errors import InputError


def sound(level, seconds=1.0, batch=1, channels=2):
    generator = torch.Generator().manual_seed(3)
    noise = level * torch.randn(channels, round(seconds * 16000), generator=generator)
    return {"waveform": noise.repeat(batch, 1, 1), "sample_rate": 16000}


def master(nodes, **changed):
    node = nodes["DeepSoundMixMaster"]
    defaults = {item.id: item.keywords.get("default") for item in node.define_schema().inputs}
    given = {name: value for name, value in defaults.items() if value is not None}
    return node.execute(**{**given, "generated": sound(0.05), "ducking_db": 0.0, **changed})


def test_the_result_has_the_loudness_and_the_page_gets_meters(nodes):
    output = master(nodes, original=sound(0.1), loudness="podcast")
    audio, report, (lufs,), (peak,) = output.args
    assert lufs == pytest.approx(-16.0, abs=0.5) and peak <= -1.0
    assert audio["waveform"].shape == (1, 2, 16000) and "master: -16" in report
    (described,) = output.ui["deepsound"]
    assert [meter["name"] for meter in described["meters"]] == ["generated", "original", "mix", "master"]
    assert described["result"]["lines"][-1].startswith("master: ")


def test_each_take_of_a_batch_is_mastered(nodes):
    audio, _, lufs, peaks = master(nodes, generated=sound(0.05, batch=3)).args
    assert audio["waveform"].shape[0] == len(lufs) == len(peaks) == 3


def test_the_picture_s_length_becomes_the_sound_s(nodes, make_video):
    from deepsound_pack_under_test.nodes.convert import InputImpl

    video = InputImpl.VideoFromFile(str(make_video(seconds=0.6)))
    output = master(nodes, video=video, length="trim")
    assert output.args[0]["waveform"].shape[2] == round(0.6 * 16000)
    assert "0.40 s longer" in output.ui["deepsound"][0]["notes"][0]


def test_a_number_over_a_wire_that_is_none_is_refused(nodes):
    with pytest.raises(InputError, match=r"^stereo_width: expected a number from 0 to 2, got 9"):
        master(nodes, stereo_width=9)

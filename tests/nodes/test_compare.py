"""The node that compares: what it gives, and what it leaves out where MoviePy is not there."""

import sys

import pytest
import torch

from deepsound.errors import InputError
from tests.nodes.conftest import Blocker


def sound(level, seconds=0.6, batch=1):
    times = torch.arange(round(seconds * 16000)) / 16000
    wave = level * torch.sin(2 * torch.pi * 440 * times)
    return {"waveform": wave.repeat(batch, 1, 1), "sample_rate": 16000}


def compare(nodes, **changed):
    inputs = {
        "coarse": sound(0.5),
        "final": sound(0.2),
        "voice_spans": "0.1-0.3",
        "render": False,
        "render_seconds": 0.0,
        **changed,
    }
    return nodes["DeepSoundCompare"].execute(**inputs)


def test_the_node_gives_a_picture_and_what_the_page_plays(host, nodes, make_video):
    from deepsound_pack_under_test.nodes.convert import InputImpl

    video = InputImpl.VideoFromFile(str(make_video(seconds=0.6)))
    output = compare(nodes, voice=sound(0.1), video=video)
    picture, rendered = output.args
    assert picture.shape[0] == 1 and picture.shape[2:] == (1280, 3) and 0 <= picture.min() < picture.max() <= 1
    assert isinstance(rendered, Blocker) and rendered.message is None
    (described,) = output.ui["deepsound"]
    assert [track["name"] for track in described["tracks"]] == ["coarse", "final", "voice"]
    assert described["spans_s"] == [[0.1, 0.3]] and described["notes"] == []
    files = [
        described["video"]["file"],
        *(track[key] for track in described["tracks"] for key in ("audio", "spectrogram")),
    ]
    assert all((host.root / "temp" / name).is_file() for name in files)


def test_two_sounds_alone_are_enough(nodes):
    (described,) = compare(nodes, voice_spans="").ui["deepsound"]
    assert len(described["tracks"]) == 2 and described["video"] is None and described["spans_s"] == []


def test_auto_listens_for_voices(nodes):
    assert compare(nodes, voice_spans=" Auto ").ui["deepsound"][0]["spans_s"] == []


def test_the_video_is_made_when_asked_for(nodes):
    pytest.importorskip("moviepy", reason="moviepy is in the [render] extra")
    from deepsound.media.probe import probe

    rendered = compare(nodes, render=True, render_seconds=0.2).args[1]
    assert probe(rendered.get_stream_source()).duration_s == pytest.approx(0.4, abs=0.05)


def test_without_moviepy_only_the_video_is_missing_and_the_node_says_so(host, nodes, monkeypatch):
    monkeypatch.setitem(sys.modules, "moviepy", None)
    output = compare(nodes, render=True)
    assert output.args[0].shape[2] == 1280 and isinstance(output.args[1], Blocker)
    assert "-m pip install moviepy" in output.ui["deepsound"][0]["notes"][0]
    assert "-m pip install moviepy" in host.texts[-1][1]


def test_what_cannot_be_compared_is_said(nodes):
    node = nodes["DeepSoundCompare"]
    assert node.validate_inputs(None) is True and node.validate_inputs("auto") is True
    assert "0.5-1.2" in node.validate_inputs("<script>")
    with pytest.raises(InputError, match="final: a batch of 2"):
        compare(nodes, final=sound(0.1, batch=2))


def test_a_stop_of_the_host_is_passed_on(host, nodes):
    from tests.nodes.conftest import InterruptedByHost

    host.interrupted = True
    with pytest.raises(Exception) as stopped:
        compare(nodes)
    assert type(stopped.value).__name__ == InterruptedByHost.__name__

"""Tests of Load Video on long sounds: said or refused before anything is decoded."""

import pytest

from deepsound.errors import InputError


@pytest.fixture
def in_input(host, make_video, tone):
    def put():
        make_video("input/clip.mp4", seconds=2.0, audio=tone(seconds=2.0))
        return "clip.mp4"

    return put


@pytest.fixture
def decoded(nodes, monkeypatch):
    """A list that grows when a sound is decoded; a second of sound is already long."""
    from deepsound.media.clip import Clip

    package = nodes["DeepSoundLoadVideo"].__module__.rpartition(".")[0]
    monkeypatch.setattr(f"{package}.sound_memory.NOTED_FROM_BYTES", 100_000)
    calls, decode = [], Clip.audio
    monkeypatch.setattr(Clip, "audio", lambda *given: calls.append(given) or decode(*given))
    return calls


def test_a_long_sound_is_said_before_it_is_decoded(nodes, host, in_input, decoded):
    host.memory.get_free_memory = lambda device: 1e9
    audio = nodes["DeepSoundLoadVideo"].execute(in_input(), 0.0, 0.0).args[1]
    assert audio["waveform"].shape == (1, 1, 96000) and len(decoded) == 1
    first = next(text for _, text in host.texts if text.startswith("note: "))
    assert first.startswith("note: The sound of 2 s takes 0.0 GB of memory as one AUDIO")


def test_a_sound_that_does_not_fit_the_memory_is_refused_before_it_is_decoded(nodes, host, in_input, decoded):
    host.memory.get_free_memory = lambda device: 200_000
    with pytest.raises(InputError, match="are free; take a part by start and duration, at most 1 s at once"):
        nodes["DeepSoundLoadVideo"].execute(in_input(), 0.0, 0.0)
    assert not decoded


def test_a_part_of_a_long_sound_passes_without_a_word(nodes, host, in_input, decoded):
    nodes["DeepSoundLoadVideo"].execute(in_input(), 0.0, 0.5)
    assert decoded and not [text for _, text in host.texts if "as one AUDIO" in text]


def test_a_core_that_does_not_say_its_memory_refuses_nothing(nodes, host, in_input, decoded):
    nodes["DeepSoundLoadVideo"].execute(in_input(), 0.0, 0.0)
    assert decoded


def test_one_sound_is_handed_on_without_a_copy(nodes):
    import torch

    from deepsound.types import Audio
    from nodes.convert import to_comfy

    sound = Audio(torch.zeros(2, 100), 48000)
    assert to_comfy(sound)["waveform"].data_ptr() == sound.waveform.data_ptr()
    assert to_comfy(sound, sound)["waveform"].shape == (2, 2, 100)

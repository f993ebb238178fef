"""Work inside a host program that has changed torch's or NumPy's defaults."""

import threading

import numpy as np
import pytest
import torch

from deepsound import Pipeline
from deepsound.generate.draft import impact_network
from deepsound.media import second_opinion, whispered_speech
from deepsound.media.clip import Clip
from deepsound.reason import body_network, face_landmarks, face_network
from deepsound.runtime.numeric_defaults import numeric_defaults
from deepsound.separate import dtln


@pytest.fixture
def torch_as_it_was():
    yield
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def run(make_video, tone):
    """A function: judge, voice detector and separator, all embedded, on a clip with sound."""
    clip = Clip.open(make_video(audio=tone(1.0)))
    return lambda: Pipeline("source", "rules", "dtln").run_in_memory(clip, scope="clip", voice_decision="always").final


def test_a_host_with_float64_as_torch_s_default_gets_the_same_sound_and_keeps_its_default(run, torch_as_it_was):
    expected = run().waveform
    torch.set_default_dtype(torch.float64)
    assert torch.equal(run().waveform, expected)
    assert torch.get_default_dtype() == torch.float64


def test_a_host_with_another_default_device_gets_its_sound_and_keeps_its_default(run, torch_as_it_was):
    torch.set_default_device("meta")
    assert run().waveform.device.type == "cpu"
    assert torch.get_default_device().type == "meta"


def test_a_host_in_which_numpy_raises_for_every_rounding_to_zero_gets_its_sound(run):
    with np.errstate(all="raise"):
        assert run().samples > 0
        assert np.geterr()["under"] == "raise"


def test_a_host_s_autocast_is_off_inside_and_on_again_afterwards():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with numeric_defaults():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
        assert torch.is_autocast_enabled("cpu")


def test_float32_lasts_until_the_last_of_several_threads_is_done(torch_as_it_was):
    torch.set_default_dtype(torch.float64)
    first_in, first_out = threading.Event(), threading.Event()
    seen = []

    def second():
        with numeric_defaults():
            first_in.set()
            assert first_out.wait(300)
            seen.append(torch.get_default_dtype())

    thread = threading.Thread(target=second)
    with numeric_defaults():
        thread.start()
        assert first_in.wait(300)
    first_out.set()
    thread.join()
    assert seen == [torch.float32]
    assert torch.get_default_dtype() == torch.float64


def test_the_host_s_defaults_come_back_after_an_error(torch_as_it_was):
    torch.set_default_dtype(torch.float64)
    with pytest.raises(KeyError), numeric_defaults():
        raise KeyError
    assert torch.get_default_dtype() == torch.float64


@pytest.mark.parametrize(
    "load",
    [
        dtln.load_dtln,
        whispered_speech._network.__wrapped__,
        second_opinion._network.__wrapped__,
        impact_network.onset_network.__wrapped__,
        face_network._network.__wrapped__,
        face_landmarks._network.__wrapped__,
        body_network._network.__wrapped__,
    ],
    ids=lambda load: load.__module__.rpartition(".")[2],
)
def test_loading_a_network_of_the_package_takes_nothing_from_the_host_s_random_numbers(load):
    before = torch.get_rng_state()
    load()
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_changed_before_an_error_is_undone_too(torch_as_it_was):
    """A plug-in that failed left its default device to every later engine."""
    with pytest.raises(ValueError, match="no"), numeric_defaults():
        torch.set_default_device("meta")
        torch.set_default_dtype(torch.float64)
        raise ValueError("no")
    assert (torch.get_default_device().type, torch.get_default_dtype()) == ("cpu", torch.float32)

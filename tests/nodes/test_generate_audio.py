"""Generate Audio's folder of the user's own sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepsound.errors import InputError
from deepsound.media.wav import write_wav
from deepsound.types import Audio


@pytest.fixture
def video(load_video):
    return load_video(seconds=1.0)


def make(nodes, video, prompt, sounds):
    return nodes["DeepSoundGenerateAudio"].execute(video, "draft", prompt, "", 1, 0.0, sounds=sounds)


def test_a_folder_in_the_input_folder_is_played(nodes, host, video):
    import folder_paths

    beep = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(8820) / 44100, dtype=np.float32)
    folder = folder_paths.get_input_directory()
    path = Path(folder) / "mine" / "beacon" / "x.wav"
    path.parent.mkdir(parents=True)
    write_wav(Audio.from_numpy(beep[None], 44100), path)
    plain = make(nodes, video, "beacon", "").args[0]["waveform"]
    played = make(nodes, video, "beacon", "mine").args[0]["waveform"]
    assert played.shape == plain.shape and not np.allclose(played, plain, atol=0.01)


@pytest.mark.parametrize("folder", ["missing", "../..", "/etc"])
def test_a_folder_elsewhere_is_refused(nodes, host, video, folder):
    with pytest.raises(InputError, match=r"(input folder|leads out of)"):
        make(nodes, video, "beacon", folder)

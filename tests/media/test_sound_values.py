"""Sounds from NumPy arrays, as other libraries read files."""

import numpy as np
import pytest

from deepsound.errors import InputError
from deepsound.types import Audio


@pytest.mark.parametrize(
    ("dtype", "given", "meant"),
    [
        ("int16", [-32768, 0, 16384], [-1.0, 0.0, 0.5]),
        ("int32", [-(2**31), 0, 2**30], [-1.0, 0.0, 0.5]),
        ("uint8", [0, 128, 192], [-1.0, 0.0, 0.5]),
        ("float64", [-1.0, 0.0, 0.5], [-1.0, 0.0, 0.5]),
        ("float16", [-1.0, 0.0, 0.5], [-1.0, 0.0, 0.5]),
    ],
)
def test_whole_numbers_of_a_wav_file_are_not_taken_for_a_sound_thousands_of_times_too_loud(dtype, given, meant):
    assert Audio.from_numpy(np.array(given, dtype=dtype), 48000).numpy().tolist() == [meant]


@pytest.mark.parametrize("dtype", ["int64", "complex64", "bool", "O"])
def test_samples_of_no_known_scale_are_refused(dtype):
    with pytest.raises(InputError, match="expected samples in floating point, int16, int32 or uint8, got "):
        Audio.from_numpy(np.zeros(8).astype(dtype), 48000)


def test_samples_before_channels_are_not_taken_for_thousands_of_channels():
    with pytest.raises(InputError, match=r"got \[48000, 2\]; transpose it"):
        Audio.from_numpy(np.zeros((48000, 2), np.float32), 48000)
    assert Audio.from_numpy(np.zeros((64, 2), np.float32), 48000).channels == 64

"""Tests of golden tolerances: any processor passes, wrong windows and tables fail."""

from functools import partial
from pathlib import Path

import pytest
import torch

import deepsound.evaluate.extractors.imagebind as imagebind
import deepsound.models.mel as mel
from tests.goldens import logarithms
from tests.goldens.runner import COMPONENTS, Outcome, _compare, _rows

STORED = Path(__file__).parent / "goldens"
FILES = {
    "mel_16k": STORED / "mmaudio" / "mel_16k.json",
    "mel_44k": STORED / "mmaudio" / "mel_44k.json",
    "imagebind": STORED / "metrics" / "original_front_ends.json",
    "audio_preproc": STORED / "videollama2" / "audio_preproc.json",
}
# What each row's name begins with, among all that a file compares.
ROWS = {"mel_16k": "log_mel", "mel_44k": "log_mel", "imagebind": "imagebind", "audio_preproc": "10s rows"}


def outcomes(which: str) -> dict[str, Outcome]:
    file = FILES[which]
    component = COMPONENTS["original_front_ends" if which == "imagebind" else which]
    found = [_compare(file, *row) for row in _rows(file, component)]
    return {one.output: one for one in found if one.output.startswith(ROWS[which])}


def passed(which: str) -> bool:
    return all(one.passed for one in outcomes(which).values())


@pytest.fixture(params=[0, 1])
def other_processor(monkeypatch, request):
    """Transforms whose every bin is off by up to two units in the last place of the frame's largest, as MKL's paths."""
    generator = torch.Generator().manual_seed(request.param)

    def off(spectrum: torch.Tensor, dim: int) -> torch.Tensor:
        largest = spectrum.abs().amax(dim, keepdim=True)
        noise = torch.rand((*spectrum.shape, 2), generator=generator) * 2 - 1
        return spectrum + 2.0**-22 * largest * torch.view_as_complex(noise)

    stft, rfft = torch.stft, torch.fft.rfft
    monkeypatch.setattr(torch, "stft", lambda *args, **options: off(stft(*args, **options), -2))
    monkeypatch.setattr(torch.fft, "rfft", lambda *args, **options: off(rfft(*args, **options), -1))


@pytest.mark.parametrize("which", FILES)
def test_another_processor_s_rounding_passes(which, other_processor):
    assert [one.line() for one in outcomes(which).values() if not one.passed] == []


@pytest.mark.parametrize("which", FILES)
def test_the_same_rounding_fails_where_all_logarithms_are_compared(which, other_processor, monkeypatch):
    """As before: near the floor one unit in the last place is more than the tolerance."""
    monkeypatch.setattr(
        logarithms, "compare", lambda name, got, expected, tolerance, *_, **__: [(name, got, expected, tolerance)]
    )
    assert not passed(which)


@pytest.mark.parametrize("which", ["mel_16k", "mel_44k"])
@pytest.mark.parametrize("wrong", ["window", "symmetric window", "hop", "one sample late", "table"])
def test_a_wrong_mel_spectrogram_still_fails(which, wrong, monkeypatch):
    build = mel.MelSpectrogram.__init__

    def built(self, config):
        build(self, config)
        if "window" in wrong:
            window = torch.hann_window if "sym" in wrong else torch.hamming_window
            self.window = window(config.n_fft, periodic="sym" not in wrong)
        if wrong == "table":
            self.mel_basis = self.mel_basis.roll(1, 1)

    monkeypatch.setattr(mel.MelSpectrogram, "__init__", built)
    stft = torch.stft
    if wrong == "one sample late":
        monkeypatch.setattr(torch, "stft", lambda x, size, hop, **options: stft(x.roll(1, -1), size, hop, **options))
    if wrong == "hop":
        # Padded, so that there are as many frames as there should be.
        longer = partial(torch.nn.functional.pad, pad=(0, 512))
        monkeypatch.setattr(torch, "stft", lambda x, size, hop, **options: stft(longer(x), size, hop + 1, **options))
    assert not passed(which)


@pytest.mark.parametrize("which", ["imagebind", "audio_preproc"])
@pytest.mark.parametrize(
    "wrong",
    [{"window_type": "hamming"}, {"frame_shift": 9.9375}, {"low_freq": 25.0}, {"preemphasis_coefficient": 0.96}],
)
def test_a_wrong_filterbank_still_fails(which, wrong, monkeypatch):
    from torchaudio.compliance import kaldi

    fbank = kaldi.fbank

    def changed(*args, **options):
        rows = fbank(*args, **{**options, **wrong})
        return rows[: len(fbank(*args, **options))]

    monkeypatch.setattr(kaldi, "fbank", changed)
    assert imagebind and not passed(which)

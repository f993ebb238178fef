"""The voice detector's own network gives what the package's TorchScript gives."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from deepsound.errors import EngineError
from deepsound.media import vad
from deepsound.runtime.progress import Progress

FILES = Path(find_spec("silero_vad").submodule_search_locations[0]) / "data"
# float32 sums in another order, through 300 steps of memory: 4e-7 is measured.
TOLERANCE = 1e-5


def script():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(str(FILES / "silero_vad.jit"), map_location="cpu").eval()


def rows():
    generator = torch.Generator().manual_seed(4)
    time = torch.arange(300 * 512) / 16000
    buzz = sum(torch.sin(2 * torch.pi * 120 * n * time) / n for n in range(1, 20)) * (0.5 + 0.5 * torch.sin(25 * time))
    noise = 0.05 * torch.randn(time.shape, generator=generator)
    return torch.stack([0.3 * buzz, 0.1 * buzz + noise, noise, torch.zeros_like(noise)]).float()


def test_the_network_is_exactly_the_package_s_own():
    network = vad._load(FILES / "silero_vad.jit")
    reference = script()
    with torch.no_grad():
        expected = torch.stack([reference(part, 16000)[:, 0] for part in rows().split(512, dim=1)], dim=1)
        got, _ = network(network.windows(rows()))
    assert expected.max() > 0.5 > expected.min()
    torch.testing.assert_close(got, expected, rtol=0, atol=TOLERANCE)


def test_pieces_carry_the_memory_on(monkeypatch):
    whole = vad._ask_network(rows(), Progress())
    monkeypatch.setattr(vad, "WINDOWS_AT_ONCE", 7)
    torch.testing.assert_close(vad._ask_network(rows(), Progress()), whole, rtol=0, atol=1e-6)


def test_nothing_warns_when_the_detector_is_loaded():
    vad._network.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vad._network()


def test_a_damaged_file_of_the_package_says_what_to_reinstall(tmp_path):
    (tmp_path / "silero_vad.jit").write_bytes(b"damaged")
    with pytest.raises(EngineError, match=r"silero_vad\.jit cannot be used.*Install silero-vad again"):
        vad._load(tmp_path / "silero_vad.jit")

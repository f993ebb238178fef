"""The separation node on small networks that are real files in ComfyUI's models folder."""

from __future__ import annotations

import pytest
import torch

from deepsound.errors import EngineError
from deepsound.runtime.model_cache import model_cache
from tests.nodes.conftest import InterruptedByHost
from tests.separate.small import write


@pytest.fixture
def node(nodes, host, no_other_weights):
    """The node, on a host whose models folder is its own, with nothing held in memory."""
    model_cache().unload()
    return nodes["DeepSoundVocalSeparate"]


@pytest.fixture
def checkpoint(host):
    return write(host.root / "models" / "separation" / "model_bs_roformer_ep_317_sdr_12.9755.ckpt")


def sound(channels: int, samples: int = 44_100, items: int = 1, rate: int = 44_100):
    generator = torch.Generator().manual_seed(channels)
    return {"waveform": 0.2 * torch.randn(items, channels, samples, generator=generator), "sample_rate": rate}


@pytest.mark.parametrize(
    "mix",
    [sound(1), sound(2, items=2), sound(6, 20_000), sound(2, 1), sound(1, 8000, rate=8000)],
    ids=["mono", "batch", "5.1", "one sample", "8 kHz"],
)
def test_both_stems_are_like_the_sound_and_add_up_to_it(node, checkpoint, mix):
    (background,), (voice,), _ = node.execute(mix, "bs_roformer", True).args
    for stem in (background, voice):
        assert stem["waveform"].shape == mix["waveform"].shape and stem["sample_rate"] == mix["sample_rate"]
    assert torch.allclose(background["waveform"] + voice["waveform"], mix["waveform"], atol=1e-6)
    assert {row.key.name for row in model_cache().report()} == {"bs_roformer"}


def test_switched_off_it_loads_no_network(node, checkpoint):
    mix = sound(2)
    (background,), (voice,), _ = node.execute(mix, "bs_roformer", False).args
    assert torch.equal(background["waveform"], mix["waveform"]) and not voice["waveform"].any()
    assert not model_cache().report()


def test_weights_that_are_nowhere_are_named(node):
    with pytest.raises(EngineError, match=r"model_bs_roformer_ep_317_sdr_12\.9755\.ckpt"):
        node.execute(sound(2), "bs_roformer", True)


def test_the_host_s_cancel_stops_it(node, checkpoint, host):
    host.interrupted = True
    with pytest.raises(InterruptedByHost):
        node.execute(sound(2, 20 * 44_100), "bs_roformer", True)


def test_it_opens_on_the_network_of_the_package(node):
    engine = next(item for item in node.define_schema().inputs if item.id == "engine")
    assert engine.default == "dtln"

"""Tests of MMAudio's training loss: condition dropping, one seeded generator."""

import pytest
import torch

from deepsound.models.mmaudio.config import FlowConfig
from deepsound.models.mmaudio.model import MMAudio
from deepsound.train.ema import EmaCheckpoint, PowerEma, gamma_of, synthesise
from deepsound.train.flow_matching import FlowBatch, FlowMatchingSettings, draw, flow_matching_loss
from deepsound.train.schedule import ScheduleSettings, learning_rate

CONFIG = FlowConfig(
    latent_dim=6, hidden_dim=16, num_heads=2, depth=2, fused_depth=1, clip_dim=8, sync_dim=8, text_dim=8, text_seq_len=4
)
ITEMS = 5


@pytest.fixture
def network() -> MMAudio:
    torch.manual_seed(0)
    made = MMAudio(CONFIG).train()
    made.latent_mean, made.latent_std = torch.zeros(1, 1, 6), torch.ones(1, 1, 6)
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape) * 0.2
    return made


@pytest.fixture
def batch() -> FlowBatch:
    make = torch.Generator().manual_seed(1)
    sizes = ((10, 6), (10, 6), (4, 8), (8, 8), (4, 8))
    tensors = [torch.randn(ITEMS, *size, generator=make) for size in sizes]
    return FlowBatch(*tensors, has_video=torch.ones(ITEMS), has_text=torch.ones(ITEMS))


def loss_of(network: MMAudio, batch: FlowBatch, seed: int, probability: float) -> torch.Tensor:
    settings = FlowMatchingSettings(drop_probability=probability)
    draws = draw(batch, torch.Generator().manual_seed(seed), settings)
    return flow_matching_loss(network, batch, draws, settings)


def test_equal_seeds_give_equal_losses_and_others_do_not(network, batch):
    assert torch.equal(loss_of(network, batch, 3, 0.1), loss_of(network, batch, 3, 0.1))
    assert not torch.equal(loss_of(network, batch, 3, 0.1), loss_of(network, batch, 4, 0.1))


def test_with_nothing_dropped_the_empty_features_do_not_learn(network, batch):
    loss_of(network, batch, 3, 0.0).mean().backward()
    assert float(network.empty_clip_feat.grad.abs().max()) == 0.0
    assert float(network.empty_sync_feat.grad.abs().max()) == 0.0


def test_what_is_dropped_teaches_the_empty_features(network, batch):
    loss_of(network, batch, 3, 1.1).mean().backward()
    assert float(network.empty_clip_feat.grad.abs().max()) > 0.0
    assert float(network.empty_sync_feat.grad.abs().max()) > 0.0


def test_an_item_without_video_counts_as_dropped(network, batch):
    silent = FlowBatch(
        *(getattr(batch, name) for name in ("mean", "std")),
        *(torch.zeros_like(each) for each in (batch.clip, batch.sync)),
        batch.text,
        torch.zeros(ITEMS),
        batch.has_text,
    )
    none = FlowBatch(batch.mean, batch.std, batch.clip, batch.sync, batch.text, torch.zeros(ITEMS), batch.has_text)
    torch.testing.assert_close(loss_of(network, silent, 3, 0.0), loss_of(network, none, 3, 0.0), rtol=0, atol=0)


def test_the_loss_falls_over_a_tiny_run(network, batch):
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    before = float(loss_of(network, batch, 9, 0.0).mean())
    for _ in range(40):
        optimiser.zero_grad()
        loss_of(network, batch, 9, 0.0).mean().backward()
        optimiser.step()
    assert float(loss_of(network, batch, 9, 0.0).mean()) < 0.8 * before


def test_an_average_that_is_saved_and_loaded_goes_on_alike():
    steps = [{"w": torch.full((3,), float(value))} for value in (1, 5, 2, 8)]
    whole, first = PowerEma(0.05), PowerEma(0.05)
    for each in steps:
        whole.update(each)
    for each in steps[:2]:
        first.update(each)
    resumed = PowerEma(0.05)
    resumed.load_state_dict(first.state_dict())
    for each in steps[2:]:
        resumed.update(each)
    assert torch.equal(whole.averages["w"], resumed.averages["w"])


def test_an_average_made_at_its_own_width_is_the_last_checkpoint():
    average = PowerEma(0.1)
    checkpoints = []
    for value in (1.0, 5.0, 2.0):
        average.update({"w": torch.tensor([value])})
        checkpoints.append(EmaCheckpoint(average.updates, average.gamma, {"w": average.averages["w"].clone()}))
    torch.testing.assert_close(synthesise(checkpoints, 0.1)["w"], average.averages["w"], rtol=1e-6, atol=1e-6)


def test_the_powers_of_the_published_widths():
    assert gamma_of(0.05) == pytest.approx(16.97, abs=0.01)
    assert gamma_of(0.1) == pytest.approx(6.94, abs=0.01)


def test_a_constant_schedule_stays_after_the_warm_up():
    settings = ScheduleSettings(warmup_steps=4, kind="constant")
    assert [round(learning_rate(step, settings) / 1e-4, 3) for step in (0, 3, 4, 400_000)] == [0.2, 0.8, 1.0, 1.0]

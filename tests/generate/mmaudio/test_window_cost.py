"""What windows cost, counted on torch's meta device at full size: nothing is computed."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from deepsound.generate.mmaudio.window_plan import plan_sections, settings_for
from deepsound.generate.scene_prompts import parse_schedule
from deepsound.models.mmaudio.config import VARIANTS
from deepsound.models.mmaudio.lengths import LATENTS_44K, SequenceLengths, sequence_lengths
from deepsound.models.mmaudio.model import MMAudio

STEPS = 25


def flops(network: MMAudio, lengths: SequenceLengths) -> int:
    """Conditions once and guided steps of one sound."""
    config = network.config
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        wanted = network.preprocess_conditions(
            lengths,
            torch.zeros(1, lengths.clip, config.clip_dim),
            torch.zeros(1, lengths.sync, config.sync_dim),
            torch.zeros(1, config.text_seq_len, config.text_dim),
        )
        empty = network.preprocess_conditions(lengths, text=torch.zeros(1, config.text_seq_len, config.text_dim))
        before = counter.get_total_flops()
        network(torch.zeros(1, lengths.latent, config.latent_dim), torch.zeros(()), wanted.concatenate(empty))
    return before + STEPS * (counter.get_total_flops() - before)


def test_windows_over_a_minute_cost_at_most_1_3_of_one_pass():
    with torch.device("meta"):
        network = MMAudio(VARIANTS["large_44k_v2"].flow).requires_grad_(False)
    (section,) = plan_sections(60.0, (), parse_schedule(""), LATENTS_44K, settings_for(None))
    windowed = sum(flops(network, window.lengths) for window in section.windows)
    assert 1.0 < windowed / flops(network, sequence_lengths(60.0, LATENTS_44K)) <= 1.3

"""Tests of MMAudio's condition masks and inpainting."""

import pytest
import torch

from deepsound.models.mmaudio.config import FlowConfig
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance, euler
from deepsound.models.mmaudio.inpainting import inpaint
from deepsound.models.mmaudio.lengths import LATENTS_16K, sequence_lengths
from deepsound.models.mmaudio.masking import ConditionMask, condition_mask, latent_mask
from deepsound.models.mmaudio.model import MMAudio

CONFIG = FlowConfig(
    latent_dim=6, hidden_dim=16, num_heads=2, depth=2, fused_depth=1, clip_dim=8, sync_dim=8, text_dim=8, text_seq_len=4
)
DURATION_S = 4.0
LENGTHS = sequence_lengths(DURATION_S, LATENTS_16K)


@pytest.fixture(scope="module")
def network() -> MMAudio:
    make = torch.Generator().manual_seed(0)
    made = MMAudio(CONFIG).eval().requires_grad_(False)
    for tensor in (*made.parameters(), *made.buffers()):
        tensor.data = torch.randn(tensor.shape, generator=make) * 0.3
    made.latent_std = torch.ones(1, 1, 6)
    return made


def features(seed: int = 1) -> dict[str, torch.Tensor]:
    make = torch.Generator().manual_seed(seed)
    return {
        "clip": torch.randn(1, LENGTHS.clip, 8, generator=make),
        "sync": torch.randn(1, LENGTHS.sync, 8, generator=make),
        "text": torch.randn(1, 4, 8, generator=make),
    }


def noise(seed: int = 2) -> torch.Tensor:
    return torch.randn(1, LENGTHS.latent, 6, generator=torch.Generator().manual_seed(seed))


def rows(mask: torch.Tensor) -> list[int]:
    return mask.nonzero()[:, 0].tolist()


# 4 s: 32 CLIP tokens of 0.125 s; 11 segments of 8 sync features, 88 rows that drive 4/88 s each.
@pytest.mark.parametrize(
    ("span", "clip", "sync"),
    [
        # Token 8 sees 1.0-1.125 s, with two to each side. Rows that see it: 21-22 (0.96-1.12 s: segment 2, places 4-6),
        # 25-26 and so on in segment 3; rows that drive it: 22-24.
        ((1.0, 1.125), range(6, 11), None),
        ((0.0, 0.125), range(0, 3), None),
        ((3.875, 4.0), range(29, 32), None),
        ((0.0, 4.0), range(0, 32), range(0, 88)),
    ],
)
def test_the_clip_rows_of_a_span(span, clip, sync):
    mask = condition_mask([span], LENGTHS, DURATION_S)
    assert rows(mask.clip) == list(clip)
    assert sync is None or rows(mask.sync) == list(sync)


def test_the_sync_rows_of_a_span_are_those_that_see_it_or_drive_it_and_five_around():
    mask = condition_mask([(2.0, 2.1)], LENGTHS, DURATION_S)
    sees = {
        8 * s + f for s in range(11) for f in range(8) if (8 * s + 2 * f) / 25 < 2.1 and (8 * s + 2 * f + 2) / 25 > 2
    }
    drives = {i for i in range(88) if i * 4 / 88 < 2.1 and (i + 1) * 4 / 88 > 2.0}
    around = {j for i in sees | drives for j in range(i - 5, i + 6) if 0 <= j < 88}
    assert set(rows(mask.sync)) == around
    assert len(around) < 60


def test_no_span_masks_nothing(network):
    mask = condition_mask([], LENGTHS, DURATION_S)
    assert mask.is_empty
    plain, masked = (
        network.preprocess_conditions(LENGTHS, **features()),
        network.preprocess_conditions(LENGTHS, **features(), masked=mask),
    )
    assert torch.equal(plain.summary, masked.summary)
    assert torch.equal(plain.timing, masked.timing)


def test_latents_of_a_span_and_touching_is_not_meeting():
    assert rows(latent_mask([(1.0, 1.5)], 8, 2.0)) == [2]
    assert rows(latent_mask([(1.0, 1.51)], 8, 2.0)) == [2, 3]
    assert rows(latent_mask([(0.0, 99.0)], 8, 2.0)) == list(range(8))


def test_everything_masked_is_the_empty_condition(network):
    everything = condition_mask([(0.0, DURATION_S)], LENGTHS, DURATION_S)
    given = features()
    masked = network.preprocess_conditions(LENGTHS, **given, masked=everything)
    empty = network.preprocess_conditions(LENGTHS, text=given["text"])
    unwanted = network.preprocess_conditions(LENGTHS)
    one, other = (euler(classifier_free_guidance(network, each, unwanted, 4.5), noise(), 3) for each in (masked, empty))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_masked_rows_no_longer_matter_and_others_do(network):
    mask = condition_mask([(1.0, 2.0)], LENGTHS, DURATION_S)
    given, other = features(), features()
    for kind, rows_masked in (("clip", mask.clip), ("sync", mask.sync)):
        other[kind] = torch.where(rows_masked[None, :, None], torch.full_like(other[kind], 9.0), other[kind])
    at = torch.tensor(0.5)
    one = network(noise(), at, network.preprocess_conditions(LENGTHS, **given, masked=mask))
    assert torch.equal(one, network(noise(), at, network.preprocess_conditions(LENGTHS, **other, masked=mask)))
    assert not torch.allclose(one, network(noise(), at, network.preprocess_conditions(LENGTHS, **given)), atol=1e-3)


def test_a_mask_of_another_length_is_refused(network):
    with pytest.raises(ValueError, match="a clip mask of 5 rows"):
        network.preprocess_conditions(
            LENGTHS, **features(), masked=ConditionMask(torch.arange(5) > 2, torch.zeros(88, dtype=bool))
        )


def test_inpainting_holds_the_known_latents_outside(network):
    field = classifier_free_guidance(
        network, network.preprocess_conditions(LENGTHS, **features()), network.preprocess_conditions(LENGTHS), 4.5
    )
    known = noise(7)
    anew = latent_mask([(1.0, 2.0)], LENGTHS.latent, LENGTHS.latent / DURATION_S)
    made = inpaint(field, noise(), known, anew, 6)
    assert float((made - known)[:, ~anew].abs().max()) <= 1e-6
    assert float((made - known)[:, anew].abs().min(dim=-1).values.max()) > 0
    assert torch.equal(made, inpaint(field, noise(), known, anew, 6))


def test_inpainting_everything_is_plain_sampling_and_nothing_is_the_known_sound(network):
    field = classifier_free_guidance(
        network, network.preprocess_conditions(LENGTHS, **features()), network.preprocess_conditions(LENGTHS), 4.5
    )
    everything, nothing = torch.ones(LENGTHS.latent, dtype=torch.bool), torch.zeros(LENGTHS.latent, dtype=torch.bool)
    assert torch.equal(inpaint(field, noise(), noise(7), everything, 4), euler(field, noise(), 4))
    assert torch.equal(inpaint(field, noise(), noise(7), nothing, 4), noise(7))


def test_the_neighbourhood_leads_the_inpainted_stretch(network):
    field = classifier_free_guidance(
        network, network.preprocess_conditions(LENGTHS, **features()), network.preprocess_conditions(LENGTHS), 1.0
    )
    anew = latent_mask([(1.0, 2.0)], LENGTHS.latent, LENGTHS.latent / DURATION_S)
    one, other = (inpaint(field, noise(), noise(seed), anew, 4) for seed in (7, 8))
    assert float((one - other)[:, anew].abs().max()) > 1e-3


def test_inpainting_can_be_stopped_at_a_step(network):
    field = classifier_free_guidance(
        network, network.preprocess_conditions(LENGTHS, **features()), network.preprocess_conditions(LENGTHS), 1.0
    )

    def stop(step: int, state: torch.Tensor) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inpaint(field, noise(), noise(7), torch.ones(LENGTHS.latent, dtype=torch.bool), 4, stop)


def test_shapes_that_do_not_fit_are_refused(network):
    with pytest.raises(ValueError, match="do not fit noise"):
        inpaint(lambda state, time: state, noise(), noise()[:, :-1], torch.ones(LENGTHS.latent, dtype=torch.bool), 1)

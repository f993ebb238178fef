"""Tests of MMAudio's flow network and sampler: published keys, batched guidance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from deepsound.models.mmaudio.conditions import PreprocessedConditions, distinct_empty_rows, nearest_exact_indices
from deepsound.models.mmaudio.config import VARIANTS, FlowConfig
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance, euler, initial_noise, time_grid
from deepsound.models.mmaudio.lengths import LATENTS_16K, LATENTS_44K, SequenceLengths, sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.mmaudio.weights import config_of, state_dict

MANIFESTS = Path(__file__).parent / "manifests" / "mmaudio"
SMALL = FlowConfig(
    latent_dim=6,
    hidden_dim=16,
    num_heads=2,
    depth=4,
    fused_depth=2,
    clip_dim=8,
    sync_dim=10,
    text_dim=12,
    text_seq_len=5,
)
LENGTHS = SequenceLengths(latent=53, clip=9, sync=40)

pytestmark = pytest.mark.usefixtures("no_gradients")


def assert_close(got: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal but for the order of float32 sums."""
    assert float((got - expected).abs().max() / expected.abs().max()) < 1e-5


def manifest(variant: str) -> dict[str, tuple[tuple[int, ...], str]]:
    listed = json.loads((MANIFESTS / f"mmaudio_{variant}.json").read_text())["tensors"]
    return {key: (tuple(shape), dtype) for key, (shape, dtype) in listed.items()}


def on_meta(config: FlowConfig) -> MMAudio:
    with torch.device("meta"):
        return MMAudio(config)


def network(config: FlowConfig = SMALL) -> MMAudio:
    generator = torch.Generator().manual_seed(0)
    built = MMAudio(config).eval()
    for tensor in built.state_dict().values():
        tensor.normal_(std=0.3, generator=generator)
    return built


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def features(batch: int = 2, lengths: SequenceLengths = LENGTHS, config: FlowConfig = SMALL) -> dict[str, torch.Tensor]:
    return {
        "clip": normal(batch, lengths.clip, config.clip_dim, seed=2),
        "sync": normal(batch, lengths.sync, config.sync_dim, seed=3),
        "text": normal(batch, config.text_seq_len, config.text_dim, seed=4),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_published_keys_at_full_size(variant: str) -> None:
    ours = {
        name: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in on_meta(VARIANTS[variant].flow).state_dict().items()
    }
    assert ours == manifest(variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_file_says_by_its_tensors_which_variant_it_is(variant: str) -> None:
    published = {name: torch.empty(shape, device="meta") for name, (shape, _) in manifest(variant).items()}
    found = config_of(published)
    assert [name for name in VARIANTS if VARIANTS[name].flow == found] == [variant]
    # Every tensor of that configuration has the published shape, so that no size was taken from anywhere else.
    built = on_meta(found).state_dict()
    assert {name: tensor.shape for name, tensor in built.items()} == {
        name: tensor.shape for name, tensor in published.items() if name in built
    }
    last = f"fused_blocks.{found.fused_depth - 1}."
    fewer = {name: tensor for name, tensor in published.items() if not name.startswith(last)}
    assert len(fewer) < len(published) and config_of(fewer) != found, "the depth is counted in the file"


def test_a_file_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not the weights of an MMAudio flow network: 'audio_input_proj"):
        config_of({"decoder.conv_in.weight": torch.zeros(1)})


def test_tables_a_file_holds_are_left() -> None:
    built = network()
    tables = {name: torch.zeros(3) for name in ("t_embed.freqs", "latent_rot", "clip_rot")}
    built.load_state_dict(state_dict(built.state_dict() | tables), strict=True)


def test_statistics_are_no_numbers_until_loaded() -> None:
    assert MMAudio(SMALL).unnormalise(torch.zeros(1, 3, SMALL.latent_dim)).isnan().all()


def test_normalising_undoes_unnormalising_and_changes_nothing_in_place() -> None:
    built, latent = network(), normal(2, 5, SMALL.latent_dim)
    before = latent.clone()
    assert_close(built.normalise(built.unnormalise(latent)), before)
    assert torch.equal(latent, before)


@pytest.mark.parametrize("sizes", [{"num_heads": 3}, {"fused_depth": 4}, {"fused_depth": -1}])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"heads of even width|leave no joint block"):
        replace(SMALL, **sizes)


@pytest.mark.parametrize("v2", [False, True])
def test_guidance_in_one_batch_gives_what_two_passes_give(v2: bool) -> None:
    built, latent, time = network(replace(SMALL, v2=v2)), normal(2, LENGTHS.latent, SMALL.latent_dim), torch.tensor(0.3)
    wanted, unwanted = (
        built.preprocess_conditions(LENGTHS, **features(), batch=2),
        built.preprocess_conditions(LENGTHS, batch=2),
    )
    expected = 4.5 * built(latent, time, wanted) - 3.5 * built(latent, time, unwanted)
    assert_close(classifier_free_guidance(built, wanted, unwanted, 4.5)(latent, time), expected)


def test_below_a_strength_of_one_the_unwanted_plays_no_part() -> None:
    built, latent, time = network(), normal(1, LENGTHS.latent, SMALL.latent_dim), torch.tensor(0.3)
    wanted = built.preprocess_conditions(LENGTHS)
    unwanted = replace(wanted, summary=wanted.summary * torch.nan)
    assert torch.equal(
        classifier_free_guidance(built, wanted, unwanted, 0.99)(latent, time), built(latent, time, wanted)
    )
    assert classifier_free_guidance(built, wanted, unwanted, 1.0)(latent, time).isnan().all()


def test_sounds_of_a_batch_do_not_touch() -> None:
    built, latent, times = network(), normal(2, LENGTHS.latent, SMALL.latent_dim), torch.tensor([0.2, 0.9])
    together = built(latent, times, built.preprocess_conditions(LENGTHS, **features(), batch=2))
    for index in range(2):
        alone = {name: tensor[index : index + 1] for name, tensor in features().items()}
        one = built(latent[index : index + 1], times[index], built.preprocess_conditions(LENGTHS, **alone))
        assert_close(together[index : index + 1], one)


def timing_at_latents(conditions: PreprocessedConditions) -> torch.Tensor:
    return conditions.timing[conditions.rows]


@pytest.mark.parametrize("sync", [8, 16, 24, 32, 40, 192])
def test_distinct_empty_sync_features_stand_for_all(sync: int) -> None:
    built, lengths = network(), replace(LENGTHS, sync=sync)
    written_out = built.empty_sync_feat.expand(2, sync, -1)
    few, all_ = (
        built.preprocess_conditions(lengths, batch=2),
        built.preprocess_conditions(lengths, sync=written_out, batch=2),
    )
    assert few.timing.shape[0] == 2 * min(sync, 24)
    assert all_.timing.shape[0] == 2 * sync
    assert torch.allclose(timing_at_latents(few), timing_at_latents(all_), atol=1e-6)


def test_distinct_empty_rows_begin_and_end_alike() -> None:
    distinct, place = distinct_empty_rows(192)
    assert distinct == 24
    assert place.tolist() == [*range(8), *(list(range(8, 16)) * 22), *range(16, 24)]


def test_upsampling_takes_the_centre_of_each_latent() -> None:
    assert nearest_exact_indices(3, 5).tolist() == [0, 0, 1, 2, 2]  # plain `nearest` would give [0, 0, 1, 1, 2]


def guided_flops(variant: str) -> float:
    config, rate = VARIANTS[variant].flow, VARIANTS[variant].latents
    built, lengths = on_meta(config), sequence_lengths(8.0, rate)
    wanted = built.preprocess_conditions(lengths, sync=torch.empty(1, lengths.sync, config.sync_dim, device="meta"))
    field = classifier_free_guidance(built, wanted, built.preprocess_conditions(lengths), 4.5)
    with FlopCounterMode(display=False) as counter:
        field(torch.empty(1, lengths.latent, config.latent_dim, device="meta"), torch.empty((), device="meta"))
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("variant", "original"), [("small_16k", 57.3e9), ("small_44k", 78.4e9), ("large_44k", 513.9e9)]
)
def test_a_guided_step_costs_an_eighth_less_than_two_evaluations_of_the_original(variant: str, original: float) -> None:
    assert guided_flops(variant) < 0.875 * 2 * original


@pytest.mark.parametrize("given", ["clip", "sync", "text"])
def test_features_of_another_shape_are_refused(given: str) -> None:
    wrong = features() | {given: features()[given][..., :-1]}
    with pytest.raises(ValueError, match=f"{given} features of shape"):
        network().preprocess_conditions(LENGTHS, **wrong, batch=2)


def test_latents_of_another_length_are_refused() -> None:
    built = network()
    with pytest.raises(ValueError, match="1 x 52 latents do not fit conditions for 1 x 53"):
        built(normal(1, 52, SMALL.latent_dim), torch.tensor(0.5), built.preprocess_conditions(LENGTHS))


@pytest.mark.parametrize("v2", [False, True])
def test_runs_in_bfloat16(v2: bool) -> None:
    # At time 0 and 1 bfloat16 times are exact, and so are the fast time features of v2.
    built, latent, time = network(replace(SMALL, v2=v2)), normal(2, LENGTHS.latent, SMALL.latent_dim), torch.tensor(0.0)
    exact = built(latent, time, built.preprocess_conditions(LENGTHS, **features(), batch=2))
    built, halved = built.to(torch.bfloat16), {name: tensor.bfloat16() for name, tensor in features().items()}
    rounded = built(latent.bfloat16(), time, built.preprocess_conditions(LENGTHS, **halved, batch=2))
    assert rounded.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rounded.float().flatten(), dim=0) > 0.99


def test_tables_made_without_gradients_serve_training() -> None:
    built, latent = network(), normal(1, 31, SMALL.latent_dim)
    lengths = replace(LENGTHS, latent=31)
    with torch.inference_mode():
        built(latent, torch.tensor(0.5), built.preprocess_conditions(lengths))
    with torch.enable_grad():
        built(latent, torch.tensor(0.5), built.preprocess_conditions(lengths)).sum().backward()
    assert built.joint_blocks[0].clip_block.attn.qkv.weight.grad.abs().max() > 0


@pytest.mark.parametrize("duration", [0.639, 0.0, -8.0, float("nan"), float("inf")])
def test_durations_without_a_sync_segment_are_refused(duration: float) -> None:
    with pytest.raises(ValueError, match="duration"):
        sequence_lengths(duration, LATENTS_16K)


def test_lengths_of_the_durations_the_networks_were_trained_and_are_asked_for() -> None:
    assert sequence_lengths(8.0, LATENTS_44K) == SequenceLengths(latent=345, clip=64, sync=192)
    assert sequence_lengths(10.0, LATENTS_16K) == SequenceLengths(latent=313, clip=80, sync=240)
    assert LATENTS_44K.samples(345) == 353280


def test_each_dtype_draws_noise_of_its_own_and_each_seed_the_same_again() -> None:
    shape = (2, 9, 4)
    first = initial_noise(shape, 5, torch.float32, "cpu")
    assert torch.equal(first, initial_noise(shape, 5, torch.float32, "cpu"))
    assert not torch.allclose(first, initial_noise(shape, 6, torch.float32, "cpu"))
    assert (first - initial_noise(shape, 5, torch.bfloat16, "cpu").float()).abs().max() > 1


def test_euler_follows_the_flow_and_leaves_its_noise() -> None:
    noise = normal(1, 3, 2)
    before, seen = noise.clone(), []
    final = euler(
        lambda latent, time: torch.full_like(latent, float(time)),
        noise,
        4,
        lambda step, state: seen.append((step, state.mean())),
    )
    assert_close(final, before + (0 + 0.25 + 0.5 + 0.75) / 4)
    assert [step for step, _ in seen] == [0, 1, 2, 3]
    assert seen[0][1] == before.mean()
    assert torch.equal(noise, before)


def test_euler_keeps_the_dtype_and_rounds_the_time_to_it() -> None:
    times: list[torch.Tensor] = []
    euler(lambda latent, time: times.append(time) or latent, normal(1, 3, 2).bfloat16(), 25)
    assert {time.dtype for time in times} == {torch.bfloat16}
    assert float(times[3]) == pytest.approx(0.12, abs=1e-3)
    assert float(times[3]) != pytest.approx(0.12, abs=1e-5)


def test_what_a_step_raises_ends_the_sampling() -> None:
    def stop(step: int, _state: torch.Tensor) -> None:
        if step == 2:
            raise KeyboardInterrupt

    evaluations: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        euler(lambda latent, time: evaluations.append(float(time)) or latent, normal(1, 3, 2), 5, stop)
    assert len(evaluations) == 2


@pytest.mark.parametrize("steps", [0, -1])
def test_sampling_needs_a_step(steps: int) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        time_grid(steps)

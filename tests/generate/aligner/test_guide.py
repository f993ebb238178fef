"""Tests of the aligner's losses, updates and sampling on linear stand-ins."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from deepsound.errors import Cancelled, EngineError
from deepsound.generate.aligner import losses
from deepsound.generate.aligner.guide import Branch, GuideSettings, align, clean_estimate, is_guided
from deepsound.generate.aligner.sampling import Alignment, Sampler, sample
from deepsound.runtime.components import without_gradients
from deepsound.runtime.progress import CancelToken, Progress

pytest.importorskip("diffusers", reason="the scheduler is diffusers' DDIM")

WIDTH, SIZE = 5, 6
PLAIN = GuideSettings(warmup=0.0, update="paper")


def drawn(seed: int, *shape: int, scale: float = 0.4) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


MATRICES = {
    name: {
        "noise": drawn(10 * number, SIZE, SIZE),
        "prompt": drawn(10 * number + 1, SIZE, WIDTH),
        "embed": drawn(10 * number + 2, WIDTH, SIZE),
    }
    for number, name in enumerate(("audio", "video"), 1)
}
TEXT = drawn(7, 1, WIDTH)


def predict(name: str, latents: Tensor, time: Tensor, prompt: Tensor) -> Tensor:
    return latents @ MATRICES[name]["noise"].T + prompt @ MATRICES[name]["prompt"].T


def embed(name: str, clean: Tensor) -> Tensor:
    return torch.tanh(clean) @ MATRICES[name]["embed"].T


def scheduler() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1)


def sampler(name: str, rate: float = 0.3, prompt_rate: float = 0.0) -> Sampler:
    number = 1 if name == "audio" else 2
    return Sampler(
        name,
        scheduler(),
        partial(predict, name),
        partial(embed, name),
        drawn(number, 1, SIZE, scale=1.0),
        drawn(number + 3, 1, WIDTH),
        rate,
        prompt_rate,
    )


def branch(name: str, latents: Tensor, prompt: Tensor | None = None, prompt_rate: float = 0.0) -> Branch:
    noise = predict(name, drawn(33, 1, SIZE), torch.tensor(1), drawn(34, 1, WIDTH) if prompt is None else prompt)
    return Branch(name, partial(embed, name), 1.0, latents, noise, 0.4, prompt, prompt_rate)


def loss_of(branches: list[Branch], pairs: tuple[losses.Pair, ...]) -> float:
    found = {each.name: each.embed(clean_estimate(each.latents, each.noise, each.alpha)) for each in branches}
    return sum(float(term) for term in losses.distances({"text": TEXT, "video": TEXT, **found}, pairs).values())


@pytest.mark.parametrize(
    ("names", "pairs"), [(("audio",), losses.VIDEO_TO_AUDIO), (("video", "audio"), losses.TRIANGLE)]
)
def test_gradients_by_latents_are_those_of_finite_differences(names, pairs) -> None:
    latents = {name: drawn(50 + len(name), 1, SIZE) for name in names}
    made = [branch(name, latents[name]) for name in names]
    align(made, {"text": TEXT, "video": TEXT}, pairs, PLAIN, 0)
    for number, name in enumerate(names):
        for index in range(SIZE):
            nudge = torch.zeros(1, SIZE, dtype=torch.float64)
            nudge[0, index] = 1e-6
            around = []
            for sign in (1, -1):
                there = [branch(other, latents[other] + (sign * nudge if other == name else 0)) for other in names]
                around.append(loss_of(there, pairs))
            gradient = (around[0] - around[1]) / 2e-6
            # The rate is 1 and the update the gradient itself.
            assert float(latents[name][0, index] - made[number].latents[0, index]) == pytest.approx(gradient, abs=1e-8)


def test_gradients_by_the_prompt_are_those_of_finite_differences() -> None:
    latents, prompt = drawn(50, 1, SIZE), drawn(60, 1, WIDTH)
    with torch.enable_grad():
        made = branch("audio", latents, prompt.clone().requires_grad_(True), prompt_rate=1.0)
    made.rate = 0.0
    align([made], {"text": TEXT, "video": TEXT}, losses.VIDEO_TO_AUDIO, PLAIN, 0)
    assert made.prompt is not None and torch.equal(made.latents, latents)
    for index in range(WIDTH):
        nudge = torch.zeros(1, WIDTH, dtype=torch.float64)
        nudge[0, index] = 1e-6
        above, below = (
            loss_of([branch("audio", latents, prompt + sign * nudge)], losses.VIDEO_TO_AUDIO) for sign in (1, -1)
        )
        assert float(prompt[0, index] - made.prompt[0, index]) == pytest.approx((above - below) / 2e-6, abs=1e-8)


def algorithm_1(steps: int, rates: dict[str, float], inner: int, tuning: float) -> dict[str, Tensor]:
    """Algorithm 1 of the paper with matrices for networks, one loss and one gradient, without the product's code."""
    alphas = torch.cumprod(1 - torch.linspace(0.0001**0.5, 0.02**0.5, 1000) ** 2, 0).tolist()
    times = [int(index * (1000 // steps)) + 1 for index in reversed(range(steps))]
    z = {"video": drawn(2, 1, SIZE, scale=1.0), "audio": drawn(1, 1, SIZE, scale=1.0)}
    y = {"video": drawn(5, 1, WIDTH), "audio": drawn(4, 1, WIDTH)}
    for step, time in enumerate(times):
        now = alphas[time]
        before = alphas[time - 1000 // steps] if time >= 1000 // steps else alphas[0]
        y = {name: value.detach().requires_grad_(True) for name, value in y.items()}
        noise = {name: z[name] @ MATRICES[name]["noise"].T + y[name] @ MATRICES[name]["prompt"].T for name in z}
        for name in z:
            quiet = noise[name].detach()
            clean = (z[name] - math.sqrt(1 - now) * quiet) / math.sqrt(now)
            z[name] = math.sqrt(before) * clean + math.sqrt(1 - before) * quiet
        if step <= int(0.2 * steps):
            continue
        tuned = {name: torch.zeros_like(value) for name, value in y.items()}
        for _ in range(inner):
            z = {name: value.detach().requires_grad_(True) for name, value in z.items()}
            seen = {name: (z[name] - math.sqrt(1 - now) * noise[name]) / math.sqrt(now) for name in z}
            e = {name: torch.tanh(seen[name]) @ MATRICES[name]["embed"].T for name in z} | {"text": TEXT}
            cosine = partial(torch.nn.functional.cosine_similarity, dim=-1)
            loss = 3 - (cosine(e["text"], e["video"]) + cosine(e["video"], e["audio"]) + cosine(e["text"], e["audio"]))
            grads = torch.autograd.grad(loss.sum(), [z["video"], z["audio"], y["video"], y["audio"]], retain_graph=True)
            tuned = {"video": tuned["video"] + grads[2], "audio": tuned["audio"] + grads[3]}
            z = {name: (z[name] - rates[name] * grad).detach() for name, grad in zip(z, grads, strict=False)}
        y = {name: y[name] - tuning * tuned[name] for name in y}
    return z


@pytest.mark.parametrize(("inner", "tuning"), [(1, 0.0), (2, 0.05)])
def test_joint_sampling_is_algorithm_1(inner, tuning) -> None:
    rates = {"video": 0.3, "audio": 0.5}
    both = [sampler(name, rates[name], tuning) for name in ("video", "audio")]
    settings = GuideSettings(0.2, inner, "paper")
    latents, history = sample(both, Alignment({"text": TEXT}, losses.TRIANGLE, settings), 5, Progress())
    expected = algorithm_1(5, rates, inner, tuning)
    # Diffusers' table of alphas is float32: 6e-8 of 1, a few times of which latents of size 3 carry on.
    torch.testing.assert_close(latents[0], expected["video"], rtol=0, atol=1e-5)
    torch.testing.assert_close(latents[1], expected["audio"], rtol=0, atol=1e-5)
    assert len(history) == 3 and set(history[0]) == {"text-video", "video-audio", "text-audio"}


@pytest.mark.parametrize("update", ["published", "paper"])
def test_rates_of_zero_leave_the_plain_latents_to_the_bit(update) -> None:
    alignment = Alignment({"text": TEXT, "video": TEXT}, losses.VIDEO_TO_AUDIO, GuideSettings(0.0, 2, update))
    (plain,), history = sample([sampler("audio", 0.0)], alignment, 4, Progress())
    made = branch("audio", plain)
    made.rate = 0.0
    align([made], alignment.constants, alignment.pairs, alignment.settings, 0)
    assert torch.equal(made.latents, plain) and history == []


@pytest.mark.parametrize("update", ["published", "paper"])
def test_the_distance_falls_and_the_published_step_has_the_size_of_the_rate(update) -> None:
    made, before = branch("audio", drawn(50, 1, SIZE)), drawn(50, 1, SIZE)
    made.rate = 0.02
    constants = {"text": TEXT, "video": TEXT}
    seen = [align([made], constants, losses.VIDEO_TO_AUDIO, GuideSettings(update=update), 9) for _ in range(20)]
    assert sum(seen[-1].values()) < sum(seen[0].values())
    made = branch("audio", before)
    made.rate = 0.02
    align([made], constants, losses.VIDEO_TO_AUDIO, GuideSettings(update=update), 9)
    moved = (made.latents - before).abs()
    assert bool(torch.allclose(moved, torch.full_like(moved, 0.02))) == (update == "published")


def test_tuning_the_prompt_moves_it_and_only_then() -> None:
    alignment = Alignment({"text": TEXT, "video": TEXT}, losses.VIDEO_TO_AUDIO, GuideSettings())
    still, tuned = sampler("audio"), sampler("audio", 0.0, 0.01)
    start = tuned.prompt.clone()
    sample([still], alignment, 5, Progress())
    sample([tuned], alignment, 5, Progress())
    assert torch.equal(still.prompt, start) and not torch.equal(tuned.prompt, start)


def test_no_update_within_the_warm_up() -> None:
    settings = GuideSettings(warmup=0.2)
    assert [step for step in range(30) if is_guided(step, 30, settings)] == list(range(7, 30))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda clean: clean[:, :WIDTH] * math.nan, r"step 2: the distance text-audio is not finite.*fp32"),
        (lambda clean: (clean[:, :WIDTH] - clean[:, :WIDTH].detach()).abs().sqrt() + 1, "the gradient of text-audio"),
    ],
)
def test_nan_stops_with_step_and_term(broken, message) -> None:
    made = sampler("audio")
    made.embed = broken
    alignment = Alignment({"text": TEXT, "video": TEXT}, losses.VIDEO_TO_AUDIO, GuideSettings(warmup=0.0))
    with pytest.raises(EngineError, match=message):
        sample([made], alignment, 5, Progress())


def test_it_works_inside_a_hosts_inference_mode() -> None:
    alignment = Alignment({"text": TEXT, "video": TEXT}, losses.VIDEO_TO_AUDIO, GuideSettings())
    (expected,), _ = sample([sampler("audio")], alignment, 5, Progress())
    with torch.inference_mode(), without_gradients(differentiable=True):
        (latents,), _ = sample([sampler("audio")], alignment, 5, Progress())
    assert torch.equal(latents, expected)


def test_cancel_ends_it_between_two_networks() -> None:
    token, calls = CancelToken(), []
    made = sampler("audio")

    def looked_at(clean: Tensor) -> Tensor:
        calls.append(1)
        token.cancel()
        return embed("audio", clean)

    made.embed = looked_at
    alignment = Alignment({"text": TEXT, "video": TEXT}, losses.VIDEO_TO_AUDIO, GuideSettings(inner_steps=50))
    with pytest.raises(Cancelled):
        sample([made], alignment, 5, Progress(check=token.check))
    assert len(calls) == 1

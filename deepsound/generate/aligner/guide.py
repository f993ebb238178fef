"""The aligner's update of latents and prompts, without networks (arXiv 2402.17723)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from deepsound.errors import EngineError
from deepsound.generate.aligner.losses import Pair, distances

Update = Literal["published", "paper"]
UPDATES: tuple[Update, ...] = get_args(Update)


@dataclass(frozen=True)
class GuideSettings:
    """When and how often latents are updated: not in the first `warmup` (0 to 1) of the steps, else so many times.

    `published` is the released code's update, a new Adam for each step, which moves every value by the rate whatever
    the loss is; `paper` is the gradient times the rate.
    """

    warmup: float = 0.2
    inner_steps: int = 1
    update: Update = "published"


@dataclass
class Branch:
    """One modality in the midst of sampling.

    `latents` are those of the next noise level, `noise` the guided prediction at the current one (with its graph where
    the prompt is tuned) and `alpha` the current cumulative alpha. `embed` makes an embedding [1, width] of an estimate
    of the clean latents. `rate` and `prompt_rate` are step sizes; a prompt rate of 0 leaves the prompt as it is.
    """

    name: str
    embed: Callable[[Tensor], Tensor]
    rate: float
    latents: Tensor
    noise: Tensor
    alpha: float
    prompt: Tensor | None = None
    prompt_rate: float = 0.0


@dataclass
class _Variable:
    """A tensor being optimised, with the optimiser's state that lives through one diffusion step."""

    value: Tensor
    rate: float
    update: Update
    _adam: torch.optim.Adam | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.value = self.value.detach().clone().requires_grad_(True)
        if self.update == "published":
            self._adam = torch.optim.Adam([self.value], lr=self.rate)

    def step(self, gradient: Tensor) -> None:
        if self._adam is None:
            self.value.data -= self.rate * gradient
            return
        self.value.grad = gradient
        self._adam.step()


def is_guided(step: int, steps: int, settings: GuideSettings) -> bool:
    """Whether latents are updated after that of `steps`, counted from 0."""
    return step > int(settings.warmup * steps)


def clean_estimate(latents: Tensor, noise: Tensor, alpha: float) -> Tensor:
    """The clean latents that noisy ones point to; as published, of the next level by the current noise and alpha."""
    return (latents - math.sqrt(1 - alpha) * noise) / math.sqrt(alpha)


def align(
    branches: Sequence[Branch],
    constants: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    settings: GuideSettings,
    step: int,
    check: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Update the branches' latents and prompts in place; returns the distances before the last inner step.

    All gradients of an inner step are those of one loss, at the same latents (algorithm 1), computed one branch after
    the other, so that one decoder's graph is in memory at a time. Raises EngineError, naming step and term, where a
    distance or a gradient is not finite.
    """
    with torch.enable_grad():
        latents = [_Variable(branch.latents, branch.rate, settings.update) for branch in branches]
        noise_gradients = [torch.zeros_like(branch.noise, requires_grad=False) for branch in branches]
        values: dict[str, float] = {}
        for _ in range(settings.inner_steps):
            values, gradients = _gradients(branches, latents, constants, pairs, step, check)
            for branch, variable, gradient, total in zip(branches, latents, gradients, noise_gradients, strict=True):
                total -= math.sqrt(1 - branch.alpha) * gradient
                variable.step(gradient)
        for branch, variable, total in zip(branches, latents, noise_gradients, strict=True):
            branch.latents = variable.value.detach()
            check()
            _tune_prompt(branch, total, settings.update, step)
    return values


def _gradients(
    branches: Sequence[Branch],
    latents: Sequence[_Variable],
    constants: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    step: int,
    check: Callable[[], None],
) -> tuple[dict[str, float], list[Tensor]]:
    """The distances, and the gradient of their sum by each branch's latents."""
    known = dict(constants)
    for branch, variable in zip(branches[1:], latents[1:], strict=True):
        check()
        with torch.no_grad():
            known[branch.name] = branch.embed(_estimate(branch, variable))
    values: dict[str, float] = {}
    gradients = []
    for branch, variable in zip(branches, latents, strict=True):
        check()
        embedding = branch.embed(_estimate(branch, variable))
        own = distances({**known, branch.name: embedding}, [pair for pair in pairs if branch.name in pair])
        values |= {name: float(term.detach()) for name, term in own.items()}
        _require_finite_terms(values, step)
        (gradient,) = torch.autograd.grad(torch.stack(list(own.values())).sum(), variable.value)
        _require_finite(gradient, f"the gradient of {' + '.join(own)} by the {branch.name} latents", step)
        gradients.append(gradient)
        known[branch.name] = embedding.detach()
    return values, gradients


def _estimate(branch: Branch, variable: _Variable) -> Tensor:
    return clean_estimate(variable.value, branch.noise.detach(), branch.alpha)


def _tune_prompt(branch: Branch, noise_gradient: Tensor, update: Update, step: int) -> None:
    """Move the prompt along the noise prediction's graph; once a step, by the sum of the inner steps' gradients."""
    if branch.prompt is None or not branch.prompt_rate:
        return
    (gradient,) = torch.autograd.grad(branch.noise, branch.prompt, noise_gradient.to(branch.noise.dtype))
    _require_finite(gradient, f"the gradient by the {branch.name} prompt", step)
    tuned = _Variable(branch.prompt, branch.prompt_rate, update)
    tuned.step(gradient)
    branch.prompt = tuned.value.detach()


def _require_finite_terms(values: Mapping[str, float], step: int) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise _not_finite(f"the distance {name}", step)


def _require_finite(tensor: Tensor, what: str, step: int) -> None:
    if not bool(tensor.isfinite().all()):
        raise _not_finite(what, step)


def _not_finite(what: str, step: int) -> EngineError:
    return EngineError(
        f"The aligner stopped at step {step + 1}: {what} is not finite (NaN or infinite); use precision fp32, a "
        "smaller rate, or another seed."
    )

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from prettyuseful.training.architectures import build
from prettyuseful.training.optimisers import make_optimiser, make_schedule
from prettyuseful.training.recipes import PAPER, SMALL, Recipe


def rates(recipe: Recipe, steps: int) -> list[float]:
    optimiser = make_optimiser(recipe, [torch.nn.Parameter(torch.zeros(2, 2))])
    schedule, result = make_schedule(recipe, optimiser, steps), []
    for _ in range(steps):
        result.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return result


def test_learning_rate_of_the_paper() -> None:
    result = rates(PAPER, 800)  # ten steps an epoch
    assert result[0] == pytest.approx(1e-3 * (1e-5 + (1 - 1e-5) / 50))
    assert result[49] == max(result) == pytest.approx(1e-3)
    assert result[-1] == pytest.approx(1e-8, abs=1e-8)
    assert result[425] == pytest.approx(5e-4, rel=0.01)
    assert result[50:] == sorted(result[50:], reverse=True)


def test_matrices_decay_and_norms_and_biases_do_not() -> None:
    model = build("small", 3, 32)
    optimiser = make_optimiser(SMALL, [*model.parameters()])
    decay = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert isinstance(optimiser, torch.optim.AdamW)
    for parameter in model.parameters():
        assert decay[id(parameter)] == (5e-2 if parameter.ndim > 1 else 0.0)


def test_the_papers_optimiser_is_adam_without_decay() -> None:
    optimiser = make_optimiser(PAPER, [*build("small", 3, 32).parameters()])
    assert type(optimiser) is torch.optim.Adam
    assert {group["weight_decay"] for group in optimiser.param_groups} == {0.0}
    assert replace(PAPER, optimiser="adamw") != PAPER

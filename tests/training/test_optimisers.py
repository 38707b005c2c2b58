from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from prettyuseful.training.architectures import build
from prettyuseful.training.optimisers import optimiser_of, schedule_of
from prettyuseful.training.recipes import PAPER, SMALL, Recipe


def rates(recipe: Recipe, steps: int) -> list[float]:
    optimiser = optimiser_of(recipe, [torch.nn.Parameter(torch.zeros(2, 2))])
    schedule, found = schedule_of(recipe, optimiser, steps), []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


def test_the_papers_rate_rises_for_five_of_eighty_epochs_and_falls_to_almost_nothing() -> None:
    found = rates(PAPER, 800)  # ten steps an epoch
    assert found[0] == pytest.approx(1e-3 * (1e-5 + (1 - 1e-5) / 50))
    assert found[49] == max(found) == pytest.approx(1e-3)
    assert found[-1] == pytest.approx(1e-8, abs=1e-8)
    assert found[425] == pytest.approx(5e-4, rel=0.01)
    assert found[50:] == sorted(found[50:], reverse=True)


def test_matrices_decay_and_norms_and_biases_do_not() -> None:
    model = build("small", 3, 32)
    optimiser = optimiser_of(SMALL, [*model.parameters()])
    decay = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert isinstance(optimiser, torch.optim.AdamW)
    for parameter in model.parameters():
        assert decay[id(parameter)] == (5e-2 if parameter.ndim > 1 else 0.0)


def test_the_papers_optimiser_is_adam_without_decay() -> None:
    optimiser = optimiser_of(PAPER, [*build("small", 3, 32).parameters()])
    assert type(optimiser) is torch.optim.Adam
    assert {group["weight_decay"] for group in optimiser.param_groups} == {0.0}
    assert replace(PAPER, optimiser="adamw") != PAPER

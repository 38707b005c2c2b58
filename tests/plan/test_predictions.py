"""What a plan says of steps that were never measured: time, memory and size, for the grid of the paper."""

from __future__ import annotations

from functools import cache

import pytest
import yaml
from tests.plan.plans import plan_study

from prettyuseful.cards import CARDS
from prettyuseful.engine.cost import Cost, KindCost, Rates, cost_of
from prettyuseful.engine.store.base import Manifest
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.plan.predictions import Predictions
from prettyuseful.plan.study import Plan

THIRTEEN = [
    model.id for model in MODELS.values() if model.paper and model.id not in ("pixart-alpha", "sdxl-refiner", "sd-2.0")
]
PAPER = ("resnet50", "vit_tiny_patch16_224", "convnext_tiny", "swin_tiny_patch4_window7_224")


@cache
def grid(images_per_class: int, architectures: tuple[str, ...]) -> Plan:
    """Plan all models of the paper with both prompt strategies, on the 16 classes of the embedded photographs."""
    strategies = {"class-names": "class-name", "captions": {"strategy": "caption", "captioner": "owner/name"}}
    study = {
        "version": 1,
        "task": "photos",
        "datasets": {
            f"{model}-{label}": {
                "generator": model,
                "images_per_class": images_per_class,
                "sampling": "paper",
                "prompts": prompts,
            }
            for model in THIRTEEN
            for label, prompts in strategies.items()
        },
        "probes": {"vae": {"transform": {"kind": "vae", "generator": "sdxl"}}},
        "train": {"architectures": [*architectures], "recipes": ["paper"], "probes": ["rgb", "vae"], "seeds": [0]},
        "metrics": ["density"],
        "encoders": ["real-trained", "efficientnet-lite0"],
        "numerics": {"device": "cuda"},
    }
    return plan_study(yaml.safe_dump(study))


def cost(plan: Plan, card: str = "a100", *measured: Manifest) -> Cost:
    predictions = Predictions(plan.steps, len(plan.task.classes), CARDS[card])
    return cost_of(plan.steps, plan.steps, Rates(measured), 1, predict=predictions.predict)


def kinds(cost: Cost) -> dict[str, KindCost]:
    return {kind.kind: kind for kind in cost.kinds}


def check_grid(cost: Cost) -> None:
    rows = kinds(cost)
    for kind in ("encode", "generate", "train", "evaluate", "probe", "embed"):
        assert [*rows[kind].sources] == ["counted"]
        assert (rows[kind].amounts.gpu_hours or 0) > 0
    assert (rows["encode"].amounts.bytes or 0) < 100e9
    for kind in ("encode", "generate", "decode", "train", "evaluate", "probe"):
        assert (rows[kind].amounts.bytes or 0) > 0
    assert 40e9 < (rows["generate"].amounts.memory or 0) < 80e9
    assert [*rows["caption"].sources] == ["unknown"]


def test_the_kinds_of_steps_of_the_paper_have_hours_memory_and_bytes() -> None:
    assert len(THIRTEEN) == 13
    plan = grid(50, ("small",))
    estimated = cost(plan)
    check_grid(estimated)
    faster = kinds(cost(plan, "h100"))["generate"].amounts.gpu_hours
    slower = kinds(estimated)["generate"].amounts.gpu_hours
    assert faster is not None
    assert slower is not None
    assert slower > 2 * faster


@pytest.mark.slow
def test_the_full_grid_of_the_paper() -> None:
    """13 models, two prompt strategies and 100,000 images each, with the four architectures."""
    estimated = cost(grid(6250, PAPER))
    check_grid(estimated)
    rows = kinds(estimated)
    assert estimated.amounts.images == 2_600_000
    assert 500 < (rows["generate"].amounts.gpu_hours or 0) < 5_000
    assert rows["train"].amounts.memory == pytest.approx(63.7e9, rel=0.01)  # of ConvNeXt-T; Swin-T is divided


def test_a_measured_time_wins() -> None:
    plan = grid(50, ("small",))
    step = next(step for step in plan.steps.values() if step.spec.kind == "train")
    fields = {"key": step.key, "step": "train", "version": 1, "inputs": {}, "files": [], "facts": {}, "environment": {}}
    spec = {"numerics": {"device": "cuda"}}
    timed = {"created": "", "seconds": 7200.0, "units": step.units, "rate_class": step.spec.rate_class}
    measured = Manifest.model_validate({**fields, "spec": spec, **timed})
    row = kinds(cost(plan, "a100", measured))["train"]
    assert row.measured
    assert row.sources == {"measured": row.left}
    assert (row.amounts.gpu_hours or 0) > 2 * row.left / 1.01


def test_the_results_of_a_check_are_named_as_the_source() -> None:
    plan = grid(50, ("small",))
    card = CARDS["a100"].model_copy(update={"checked": True})
    predictions = Predictions(plan.steps, 16, card)
    sources = {predictions.predict(step).source for step in plan.steps.values() if step.spec.kind == "generate"}
    assert sources == {"checked"}


def test_steps_on_cpus_have_no_predicted_time() -> None:
    plan = plan_study(
        "{version: 1, task: photos, datasets: {a: {generator: sd-1.5, images_per_class: 10}}, train: {seeds: [0]}}"
    )
    predictions = Predictions(plan.steps, 16, CARDS["a100"])
    assert {predictions.predict(step).seconds for step in plan.steps.values()} == {None}

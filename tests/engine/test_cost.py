from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from prettyuseful.console import cost_table
from prettyuseful.engine.cost import Cost, Prediction, Prices, Rates, cost_of, on_gpu
from prettyuseful.engine.keys import digest
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import FileEntry, Manifest
from prettyuseful.errors import UserError
from prettyuseful.numerics import Numerics
from prettyuseful.plan.study import make_plan
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.steps.classifiers import EvaluateSpec
from prettyuseful.steps.prompts import PromptSpec
from prettyuseful.study.reading import parse_study
from prettyuseful.training.recipes import View


def prompt(units: float, name: str = "a") -> Step:
    return Step(PromptSpec(strategy=PROMPT_STRATEGIES.pin("class-name"), classes=(name,)), {}, name, units)


def manifest(seconds: float, units: float) -> Manifest:
    content = {"key": digest("k"), "step": "prompt", "version": 1, "spec": {}, "inputs": {}, "files": [], "facts": {}}
    run = {"environment": {}, "created": "", "seconds": seconds, "units": units, "rate_class": "prompt"}
    return Manifest.model_validate({**content, **run})


def test_rates_are_medians_of_measurements() -> None:
    rates = Rates([manifest(2, 1), manifest(6, 2), manifest(100, 1), manifest(5, 0)])
    assert rates.seconds(prompt(10)) == 30
    assert rates.measured(prompt(1))


def test_assumed_rate_is_used_without_a_measurement() -> None:
    assert not Rates().measured(prompt(1))
    assert Rates().seconds(prompt(2)) == 2 * (Rates().seconds(prompt(1)) or 0) > 0


def test_cost_counts_unfinished_steps() -> None:
    steps = {step.key: step for step in (prompt(1, "a"), prompt(3, "b"))}
    todo = {key: step for key, step in steps.items() if step.label == "b"}
    cost = cost_of(steps, todo, Rates([manifest(2, 1)]), workers=2)
    (kind,) = cost.kinds
    assert (kind.kind, kind.steps, kind.left, kind.seconds, kind.measured) == ("prompt", 2, 1, 6.0, True)
    assert (cost.steps, cost.left) == (2, 1)
    assert cost.seconds - cost_of(steps, {}, Rates(), workers=2).seconds > 3.0  # two workers and their start-up time


def steps_of(datasets: str, task: str = "photos") -> dict[str, Step]:
    return make_plan(parse_study(f"version: 1\ntask: {task}\nmetrics: []\ndatasets: {{{datasets}}}\n")).steps


def unknown(steps: dict[str, Step], *measured: Manifest) -> dict[str, int]:
    """Return the number of steps without a time estimate, by kind."""
    kinds = cost_of(steps, steps, Rates(measured), workers=1).kinds
    assert all(kind.seconds == 0 for kind in kinds if kind.amounts.unknown_steps == kind.left)
    return {kind.kind: kind.amounts.unknown_steps for kind in kinds if kind.amounts.unknown_steps}


def test_every_kind_of_step_has_a_cost(shared_task: Path) -> None:
    imported = f"{{generator: {shared_task / 'train'}, images_per_class: 7}}"
    steps = steps_of(
        "a: {generator: pocket-base, prompts: caption, images_per_class: 12}, b: {mix: {a: 5}}, "
        "e: {of: a, transform: {kind: blur, width: 0.1}, images_per_class: 5}, "
        "f: {of: a, drop: copies, images_per_class: 12}, "
        "c: {generator: pocket-turbo, sampling: {cfg: 2}, images_per_class: 10}"
    ) | steps_of(f"d: {imported}", f"{{folder: {shared_task}}}")
    kinds = {step.spec.kind for step in steps.values()}
    assert {"load", "import", "mix", "caption", "prompt", "encode", "generate", "collect", "train"} <= kinds
    assert {"change", "half", "diagnose", "drop"} <= kinds
    assert all((Rates().seconds(step) or 0) > 0 for step in steps.values())


def test_unmeasured_generators_and_captioners_have_no_estimate(planted: Callable[[str], str]) -> None:
    assert unknown(steps_of("a: {generator: sd-1.5, images_per_class: 10}")) == {"encode": 1, "generate": 16}
    assert unknown(steps_of(f"a: {{generator: '{planted('Noise')}', images_per_class: 10}}")) == {"generate": 16}
    captions = "prompts: {strategy: caption, captioner: owner/name}"
    assert unknown(steps_of(f"a: {{generator: pocket-base, images_per_class: 5, {captions}}}")) == {"caption": 1}


def test_measured_steps_have_an_estimate() -> None:
    steps = steps_of("a: {generator: sd-1.5, images_per_class: 10}")
    generate = next(step for step in steps.values() if step.spec.kind == "generate")
    assert generate.spec.rate_class == "generate sd-1.5, 50 steps guided, size 512, by 10"
    timed = manifest(20, 10).model_copy(update={"rate_class": generate.spec.rate_class})
    assert unknown(steps, timed) == {"encode": 1}
    assert Rates([timed]).seconds(generate) == 20


def evaluate(device: str, units: float = 3600, threads: int = 1) -> Step:
    numerics = Numerics.model_validate({"device": device, "threads": threads})
    return Step(EvaluateSpec(view=View(32, 32), numerics=numerics), {}, device, units)


def evaluation_manifest(device: str, seconds: float, units: float) -> Manifest:
    spec = {"view": {}, "numerics": {"device": device}}
    return manifest(seconds, units).model_copy(update={"rate_class": "evaluate", "spec": spec})


def artifact(key: str, rate_class: str, units: float, inputs: tuple[str, ...] = (), **files: int) -> Manifest:
    """Return a manifest with files of given names and sizes; the name also identifies the content."""
    entries = tuple(FileEntry(name=name, size=size, sha256=digest(name)) for name, size in files.items())
    fields = {
        "key": digest(key),
        "rate_class": rate_class,
        "inputs": {name: digest(name) for name in inputs},
        "files": entries,
    }
    return manifest(1, units).model_copy(update=fields)


def test_a_prediction_counts_where_nothing_is_measured_or_assumed() -> None:
    on_cpu, on_cuda = evaluate("cpu"), evaluate("cuda")
    steps = {step.key: step for step in (on_cpu, on_cuda)}

    def predict(step: Step) -> Prediction:
        return Prediction(7200.0, "counted", memory=10 if step is on_cpu else 20, bytes=5.0)

    (kind,) = cost_of(steps, steps, Rates(), 1, predict=predict).kinds
    assert kind.sources == {"counted": 1, "assumed": 1}
    assert (kind.measured, kind.amounts.gpu_hours, kind.amounts.memory, kind.amounts.bytes) == (False, 2.0, 20, 10)
    measured = Rates([evaluation_manifest("cuda", 1, 1)])
    (kind,) = cost_of(steps, steps, measured, 1, predict=predict).kinds
    assert kind.sources == {"measured": 1, "assumed": 1}
    assert kind.amounts.gpu_hours == 1.0


def cost_all(*steps: Step, rates: Rates | None = None, prices: Prices | None = None) -> Cost:
    by_key = {step.key: step for step in steps}
    return cost_of(by_key, by_key, rates or Rates(), 1, prices)


def test_cpu_and_gpu_measurements_are_separate() -> None:
    on_cpu, on_cuda = evaluate("cpu"), evaluate("cuda")
    assert (on_gpu(on_cpu.spec), on_gpu(on_cuda.spec)) == (False, True)
    both = Rates([evaluation_manifest("cpu", 10, 1), evaluation_manifest("cuda", 1, 1)])
    assert (both.seconds(on_cpu), both.seconds(on_cuda)) == (36000, 3600)
    slow = Rates([evaluation_manifest("cpu", 10, 1)])
    assert slow.seconds(on_cuda) is None
    assert not slow.measured(on_cuda)
    fast = Rates([evaluation_manifest("cuda", 1, 1)])
    assert not fast.measured(on_cpu)
    assert fast.seconds(on_cpu) == Rates().seconds(on_cpu) == 1.8  # an assumption
    assert fast.seconds(on_cuda) == 3600


def test_hours_are_gpu_hours_or_thread_hours() -> None:
    rates = Rates([evaluation_manifest("cpu", 1, 1), evaluation_manifest("cuda", 2, 1)])
    cost = cost_all(evaluate("cpu", threads=4), evaluate("cuda"), rates=rates).amounts
    assert (cost.gpu_hours, cost.cpu_hours, cost.unknown_steps) == (2, 4, 0)


def test_money_is_hours_times_prices() -> None:
    steps = (evaluate("cpu", threads=4), evaluate("cuda"))
    rates = Rates([evaluation_manifest("cpu", 1, 1), evaluation_manifest("cuda", 2, 1)])

    def money(*prices: float | None) -> float | None:
        return cost_all(*steps, rates=rates, prices=Prices(*prices)).amounts.money

    assert [money(None, None), money(3, None), money(None, 0.5), money(3, 0.5)] == [None, 6, 2, 8]
    assert money(0, 0) == 0


@pytest.mark.parametrize("unit", ["gpu", "cpu"])
def test_prices_are_finite_numbers(unit: str) -> None:
    prices: list[Any] = [nan, inf, -inf, -1, 1e400, 1e10, 10**400, 10**5000, "2", True, []]
    for price in prices:
        with pytest.raises(UserError, match=rf"price per {unit.upper()} hour \(--price-per-{unit}-hour\)") as error:
            Prices(**{f"{unit}_hour": price})
        assert len(str(error.value)) < 200
        assert "\n" not in str(error.value)


def test_hostile_manifests_are_no_measurements() -> None:
    odd = [manifest(1e308, 1), manifest(1, 5e-324), evaluation_manifest("cuda", 1, 1)]
    specs: list[dict[str, Any]] = [{"numerics": [1]}, {"numerics": {"device": [1]}}, {"numerics": "x"}]
    odd += [evaluation_manifest("cpu", 1e9, 1e-6).model_copy(update={"spec": spec}) for spec in specs]
    cost = cost_all(evaluate("cpu"), prompt(2), rates=Rates(odd), prices=Prices(1e9, 1e9))
    json.dumps(cost.as_json(), allow_nan=False)


def test_unknown_amounts_are_not_zero() -> None:
    cost = cost_all(evaluate("cuda"), prices=Prices(1, 1))
    assert (cost.amounts.gpu_hours, cost.amounts.cpu_hours, cost.amounts.money) == (None, 0, None)
    assert (cost.amounts.unknown_steps, cost.amounts.unknown_gpu_steps) == (1, 1)
    assert (cost.amounts.bytes, cost.amounts.unsized_steps) == (None, 1)
    partly_known = cost_all(
        evaluate("cuda"), evaluate("cpu"), rates=Rates([evaluation_manifest("cpu", 1, 1)]), prices=Prices(1, 1)
    )
    assert (partly_known.amounts.gpu_hours, partly_known.amounts.cpu_hours, partly_known.amounts.money) == (None, 1, 1)
    assert partly_known.amounts.unknown_cpu_steps == 0


def test_bytes_exclude_adopted_files() -> None:
    shards = artifact("a", "generate x", 10, one=100), artifact("b", "generate x", 10, two=300)
    collected = artifact("c", "prompt", 20, ("a", "b"), one=100, two=300, card=40)
    rates = Rates([collected, *shards])  # in any order
    assert rates.bytes(prompt(5)) == 10
    assert Rates([collected]).bytes(prompt(5)) is None  # unknown, because its inputs were deleted
    assert cost_all(prompt(5), rates=rates).amounts.bytes == 10
    adopting = artifact("c", "prompt", 20, ("a", "b"), one=100, two=300)
    assert cost_all(prompt(5), rates=Rates([*shards, adopting])).amounts.bytes == 0


def test_size_of_weights_does_not_grow_with_training() -> None:
    steps = steps_of("a: {generator: pocket-base, images_per_class: 9}")
    train = next(step for step in steps.values() if step.spec.kind == "train")
    trained = artifact("k", train.spec.rate_class, train.units / 50, weights=700).model_copy(update={"step": "train"})
    assert Rates([trained]).bytes(train) == 700


def test_kinds_add_up_to_the_total(shared_task: Path) -> None:
    steps = steps_of("a: {generator: pocket-base, images_per_class: 9}", f"{{folder: {shared_task}}}")
    todo = {key: step for key, step in steps.items() if step.spec.kind != "prompt"}
    cost = cost_of(steps, todo, Rates([artifact("k", "decode 32 px", 2, pixels=64)]), 1, Prices(cpu_hour=100))
    by_kind = {kind.kind: kind.amounts for kind in cost.kinds}
    assert cost.amounts.images == by_kind["generate"].images == 18
    assert sum(amounts.images for amounts in by_kind.values()) == 18
    assert cost.amounts.cpu_hours == pytest.approx(
        sum(amounts.cpu_hours or 0 for amounts in by_kind.values()), abs=2e-3
    )
    assert cost.amounts.money == pytest.approx(100 * (cost.amounts.cpu_hours or 0), abs=0.01)
    assert by_kind["prompt"] == cost_all(prices=Prices(cpu_hour=100)).amounts
    assert by_kind["generate"].bytes is None
    assert by_kind["decode"].bytes == sum(32 * s.units for s in steps.values() if s.spec.kind == "decode")
    assert by_kind["encode"].bytes == 2 * 32 * 96 * 4  # assumed: two prompts of 32 tokens of 96 numbers
    assert cost.amounts.bytes == by_kind["decode"].bytes + by_kind["encode"].bytes
    assert cost.amounts.unsized_steps == sum(amounts.unsized_steps for amounts in by_kind.values())


def test_costs_are_flat_json() -> None:
    names = {"gpu_hours", "cpu_hours", "images", "bytes", "money", "unknown_steps", "unsized_steps"}
    cost = json.loads(json.dumps(cost_all(evaluate("cuda"), prompt(2), prices=Prices(2)).as_json()))
    assert names | {"kinds", "steps", "left", "seconds", "workers", "prices"} <= cost.keys()
    for kind in cost["kinds"]:
        assert names | {"kind", "steps", "left", "seconds", "measured"} <= kind.keys()
    assert "amounts" not in cost
    assert cost["prices"] == {"gpu_hour": 2, "cpu_hour": None}


def render(cost: Cost, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    console.print(cost_table(cost))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def large() -> Cost:
    """The cost of 14.4 million images, for a table with long numbers."""
    few = steps_of("a: {generator: sd-1.5, images_per_class: 9}")
    steps = {key: replace(s, units=900_000.0) if s.spec.kind == "generate" else s for key, s in few.items()}
    steps |= {step.key: step for step in (evaluate("cuda", 4e5), prompt(5))}
    rates = Rates([evaluation_manifest("cuda", 10, 1), artifact("k", "evaluate", 1, logits=1_000_000)])
    return cost_of(steps, steps, rates, 2, Prices(9, 9))


@pytest.mark.parametrize("width", [100, 240])
def test_table_shows_all_columns_completely(large: Cost, width: int) -> None:
    text = render(large, width)
    assert "\u2026" not in text
    heading, rows = next(line for line in text.splitlines() if "GPU time" in line), text.splitlines()
    for word in ("step", "left", "CPU time", "images", "disk", "money", "estimate"):
        assert word in heading
    assert any("1,111.1 h" in row for row in rows)
    assert "14,400,000" in next(row for row in rows if row.split()[:1] == ["all"])
    assert "at least" in text


def test_table_omits_empty_columns() -> None:
    text = render(cost_all(prompt(5)), 100)
    assert "CPU time" in text
    assert not any(word in text for word in ("GPU", "images", "money", "?", ">"))
    assert "disk: unknown for 1 of 1 steps" in text
    done = prompt(5)
    text = render(cost_of({done.key: done}, {}, Rates(), 1, Prices(1, 1)), 100)
    assert not any(word in text for word in ("time", "disk", "money"))
    assert "all results are in the store" in text


def test_table_names_hours_without_a_price() -> None:
    rates = Rates([evaluation_manifest("cpu", 1, 1), evaluation_manifest("cuda", 2, 1)])
    steps = (evaluate("cpu"), evaluate("cuda"))
    assert "money: GPU hours only" in render(cost_all(*steps, rates=rates, prices=Prices(3)), 100)
    assert "money: CPU hours only" in render(cost_all(*steps, rates=rates, prices=Prices(None, 3)), 100)
    assert "hours only" not in render(cost_all(*steps, rates=rates, prices=Prices(3, 3)), 100)

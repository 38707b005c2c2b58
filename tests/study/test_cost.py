from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prettyuseful.steps.base import Step
from prettyuseful.steps.prompts import PromptSpec
from prettyuseful.store.base import Manifest
from prettyuseful.study.cost import Rates, clock, cost_of
from prettyuseful.study.plan import make_plan
from prettyuseful.study.reading import parse_study


def prompt(units: float, name: str = "a") -> Step:
    return Step(PromptSpec(strategy="class-name", classes=(name,)), {}, name, units)


def manifest(seconds: float, units: float) -> Manifest:
    content = {"key": "k", "step": "prompt", "version": 1, "spec": {}, "inputs": {}, "files": [], "facts": {}}
    made = {"environment": {}, "created": "", "seconds": seconds, "units": units, "rate_class": "prompt"}
    return Manifest.model_validate({**content, **made})


def test_rates_are_the_median_of_what_was_measured() -> None:
    rates = Rates([manifest(2, 1), manifest(6, 2), manifest(100, 1), manifest(5, 0)])
    assert rates.seconds(prompt(10)) == 30
    assert rates.measured(prompt(1))


def test_without_a_measurement_a_rate_is_an_assumption() -> None:
    assert not Rates().measured(prompt(1))
    assert Rates().seconds(prompt(2)) == 2 * (Rates().seconds(prompt(1)) or 0) > 0


def test_what_a_step_has_taken_is_learnt() -> None:
    rates = Rates()
    rates.learn(prompt(4), 8)
    assert rates.seconds(prompt(1)) == 2


def test_a_cost_counts_what_is_left() -> None:
    steps = {step.key: step for step in (prompt(1, "a"), prompt(3, "b"))}
    todo = {key: step for key, step in steps.items() if step.label == "b"}
    cost = cost_of(steps, todo, Rates([manifest(2, 1)]), workers=2)
    (kind,) = cost.kinds
    assert (kind.kind, kind.steps, kind.left, kind.seconds, kind.measured) == ("prompt", 2, 1, 6.0, True)
    assert (cost.steps, cost.left) == (2, 1)
    assert cost.seconds - cost_of(steps, {}, Rates(), workers=2).seconds > 3.0  # two workers, and their start


def steps_of(datasets: str, task: str = "photos") -> dict[str, Step]:
    return make_plan(parse_study(f"version: 1\ntask: {task}\nmetrics: []\ndatasets: {{{datasets}}}\n")).steps


def unknown(steps: dict[str, Step], *measured: Manifest) -> dict[str, int]:
    """How many steps of a kind have a time that nobody knows."""
    kinds = cost_of(steps, steps, Rates(measured), workers=1).kinds
    assert all(kind.seconds == 0 for kind in kinds if kind.unknown == kind.left)
    return {kind.kind: kind.unknown for kind in kinds if kind.unknown}


def test_every_kind_of_step_has_a_cost(shared_task: Path) -> None:
    taken = f"{{generator: {shared_task / 'train'}, images_per_class: 7}}"
    steps = steps_of(
        "a: {generator: pocket-base, prompts: caption, images_per_class: 12}, b: {mix: {a: 5}}, "
        "e: {of: a, transform: {kind: blur, width: 0.1}, images_per_class: 5}, "
        "f: {of: a, drop: copies, images_per_class: 12}, "
        "c: {generator: pocket-turbo, prompts: template, sampling: {cfg: 2}, images_per_class: 10}"
    ) | steps_of(f"d: {taken}", f"{{folder: {shared_task}}}")
    kinds = {step.spec.kind for step in steps.values()}
    assert {"load", "import", "mix", "caption", "prompt", "encode", "generate", "collect", "train"} <= kinds
    assert {"change", "half", "diagnose", "drop"} <= kinds
    assert all((Rates().seconds(step) or 0) > 0 for step in steps.values())


def test_nobody_guesses_what_a_foreign_generator_takes(planted: Callable[[str], str]) -> None:
    assert unknown(steps_of("a: {generator: sd-1.5, images_per_class: 10}")) == {"encode": 1, "generate": 16}
    assert unknown(steps_of(f"a: {{generator: '{planted('Noise')}', images_per_class: 10}}")) == {"generate": 16}
    captions = "prompts: {strategy: caption, captioner: owner/name}"
    assert unknown(steps_of(f"a: {{generator: pocket-base, images_per_class: 5, {captions}}}")) == {"caption": 1}


def test_what_was_timed_once_is_known() -> None:
    steps = steps_of("a: {generator: sd-1.5, images_per_class: 10}")
    generate = next(step for step in steps.values() if step.spec.kind == "generate")
    assert generate.spec.rate_class == "generate sd-1.5, 50 steps guided, size 512, by 10"
    timed = manifest(20, 10).model_copy(update={"rate_class": generate.spec.rate_class})
    assert unknown(steps, timed) == {"encode": 1}
    assert Rates([timed]).seconds(generate) == 20


def test_times_are_told_in_words() -> None:
    assert [clock(s) for s in (0, 12, 180, 9000)] == ["0 s", "12 s", "3 min", "2.5 h"]

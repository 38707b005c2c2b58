from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.running import step

from prettyuseful.engine.changes import changes_between, flatten
from prettyuseful.engine.history import History, Neighbours
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Manifest
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.training.recipes import SMALL

NOON = "2026-11-29T12:00:00+00:00"
LATER = "2026-11-29T13:00:00+00:00"


def made(made_step: Step, created: str = NOON, version: int | None = None) -> Manifest:
    """Return the manifest that a step leaves."""
    spec = made_step.spec
    return Manifest(
        key=made_step.key,
        step=spec.kind,
        version=version or spec.version,
        spec=spec.key_content(),
        inputs=dict(made_step.inputs),
        files=(),
        facts={},
        environment={},
        created=created,
        seconds=1.0,
        units=1.0,
        rate_class=spec.kind,
    )


def nearest(
    wanted: Step,
    manifests: list[Manifest],
    planned: Mapping[str, Step] | None = None,
    former: Mapping[str, str] | None = None,
) -> str | None:
    """Return the key of the nearest artifact to a step."""
    neighbours = Neighbours(History(manifests), planned or {})
    neighbours.predecessors.update(former or {})
    row = neighbours.nearest(wanted, dict(flatten(wanted.spec.key_content())))
    return row.key if row else None


@pytest.fixture
def slow(planted_steps: ModuleType) -> Any:
    """A step with the fields `text` and `seconds`."""
    return planted_steps.SlowSpec


def test_a_history_yields_the_manifests_that_it_records(slow: Any) -> None:
    manifests = [made(step(slow(text=text, seconds=1))) for text in "ab"]
    history = History()
    assert list(history.record(iter(manifests))) == manifests
    assert set(history.made) == {manifest.key for manifest in manifests}
    assert [history.fields(row) for row in history.kinds["load"]] == [m.spec for m in manifests]


def test_a_kind_that_the_store_has_not_made_has_no_nearest_artifact(slow: Any, planted_steps: ModuleType) -> None:
    assert nearest(step(planted_steps.FailSpec()), [made(step(slow(text="a", seconds=1)))]) is None


def test_the_nearest_artifact_differs_in_the_fewest_fields(slow: Any) -> None:
    far, near = step(slow(text="x", seconds=9)), step(slow(text="x", seconds=2))
    assert nearest(step(slow(text="y", seconds=2)), [made(near), made(far, LATER)]) == near.key


def test_of_equally_near_artifacts_the_latest_and_then_the_smaller_key_is_taken(slow: Any) -> None:
    rows = [step(slow(text=text, seconds=2)) for text in "abc"]
    wanted = step(slow(text="d", seconds=2))
    smallest = min(row.key for row in rows)
    for order in (rows, rows[::-1]):
        assert nearest(wanted, [made(row, LATER if row is rows[1] else NOON) for row in order]) == rows[1].key
        assert nearest(wanted, [made(row) for row in order]) == smallest


def test_a_number_and_a_truth_value_are_different_values(planted_steps: ModuleType) -> None:
    history = History([made(step(planted_steps.FailSpec(user=True)))])
    assert history.code("user", True) >= 0
    assert history.code("user", 1) < 0


def test_an_input_counts_as_equal_if_it_is_the_nearest_one_of_the_input(slow: Any) -> None:
    old, other, new = (step(slow(text=text, seconds=1)) for text in ("old", "other", "new"))
    of_old, of_other = step(slow(text="test", seconds=1), old), step(slow(text="test", seconds=1), other)
    manifests = [made(of_old), made(of_other, LATER)]
    wanted = step(slow(text="test", seconds=1), new)
    assert nearest(wanted, manifests) == of_other.key
    assert nearest(wanted, manifests, former={new.key: old.key}) == of_old.key


def test_numbered_inputs_count_as_one(slow: Any) -> None:
    parts = [step(slow(text=f"{i}", seconds=1)) for i in range(5)]
    many, few = step(slow(text="all", seconds=1), *parts), step(slow(text="all", seconds=2), *parts[:2])
    wanted = step(slow(text="all", seconds=2), *parts[2:])
    assert nearest(wanted, [made(many), made(few)]) == few.key


def test_a_former_version_is_nearer_than_another_step_of_the_plan(slow: Any) -> None:
    sibling, former = step(slow(text="sibling", seconds=3)), step(slow(text="new", seconds=1))
    wanted = step(slow(text="new", seconds=3))
    planned = {s.key: s for s in (sibling, wanted)}
    assert nearest(wanted, [made(sibling, LATER), made(former)], planned) == former.key
    assert nearest(wanted, [made(sibling, LATER), made(former)]) == sibling.key


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_artifact_is_nearer_than_the_nearest(planted_steps: ModuleType, data: st.DataObject) -> None:
    numerics = st.builds(
        lambda threads, device: planted_steps.Numerics(threads=threads, device=device),
        st.integers(1, 3),
        st.sampled_from(["cpu", "cuda"]),
    )
    specs = st.builds(planted_steps.NumericsSpec, text=st.sampled_from("abc"), numerics=numerics)
    inputs = [step(planted_steps.WriteSpec(text=text)) for text in "xy"]
    steps = st.builds(lambda spec, i: step(spec, inputs[i]), specs, st.integers(0, 1))
    wanted = data.draw(steps)
    rows = {s.key: made(s, data.draw(st.sampled_from([NOON, LATER]))) for s in data.draw(st.lists(steps, max_size=8))}

    def distance(manifest: Manifest) -> int:
        fields = dict(flatten(wanted.spec.key_content()))
        changes = changes_between(dict(flatten(manifest.spec)), wanted, fields)
        return len(changes) + (manifest.inputs != dict(wanted.inputs))

    key = nearest(wanted, list(rows.values()))
    if not rows:
        assert key is None
        return
    best = min(map(distance, rows.values()))
    ties = [row for row in rows.values() if distance(row) == best]
    ties = [row for row in ties if row.inputs == dict(wanted.inputs)] or ties
    latest = max(row.created for row in ties)
    assert key == min(row.key for row in ties if row.created == latest)


def test_of_equally_near_artifacts_the_one_with_the_nearest_inputs_is_taken(slow: Any) -> None:
    near, far = step(slow(text="a", seconds=1)), step(slow(text="b", seconds=2))
    own = step(slow(text="a", seconds=3))
    tests = {source.key: step(slow(text="test", seconds=0), source) for source in (near, far, own)}
    manifests = [made(near), made(far), made(own), made(tests[near.key]), made(tests[far.key], LATER)]
    wanted = tests[own.key]
    assert nearest(wanted, manifests, {own.key: own, wanted.key: wanted}) == tests[near.key].key


@pytest.mark.parametrize("field", ["seed", "architecture"])
def test_a_field_that_tells_steps_apart_counts_more_than_two_others(field: str) -> None:
    """A former version with other settings is nearer than the step of another seed."""

    def train(**changes: Any) -> Step:
        recipe = replace(
            SMALL, **{name: value for name, value in changes.items() if name not in ("seed", "architecture")}
        )
        fields = {
            "seed": 0,
            "architecture": "small",
            **{k: v for k, v in changes.items() if k in ("seed", "architecture")},
        }
        return step(TrainSpec(recipe=recipe, numerics=TrainingNumerics(), **fields))

    former = train(epochs=3, learning_rate=0.1, batch_size=8)
    other = train(**{field: {"seed": 1, "architecture": "resnet18"}[field]})
    assert nearest(train(), [made(former), made(other, LATER)]) == former.key

"""The plan of a forecast: everything is measured, and runs are added for chosen data sets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.made_up import study_file

from prettyuseful.encoders.source import EncoderSource
from prettyuseful.plan.forecast import forecast_plan, probe_encoder
from prettyuseful.plan.study import Plan
from prettyuseful.study.file import Study

METRICS = ("frechet", "coverage", "prettiness-spread", "clip-score")


def study(**train: Any) -> Study:
    plain = {"images_per_class": 10}
    blurred = {"of": "base", "transform": {"kind": "blur", "width": 0.05}}
    found = study_file({"base": plain, "turbo": {"generator": "pocket-turbo", **plain}, "blurred": blurred}, **train)
    return found.model_copy(update={"diagnosis": True})


@pytest.fixture(scope="module")
def plan() -> Plan:
    train = {"architectures": ["small", "resnet18"], "recipes": ["small"], "seeds": [0, 1], "real_curve": [1, 10]}
    return forecast_plan(study(**train), METRICS)


def kinds(plan: Plan) -> set[str]:
    return {plan.steps[key].spec.kind for key in plan.result_keys}


def test_no_data_set_is_trained_at_first(plan: Plan) -> None:
    assert {(run.dataset, run.cell.architecture) for run in plan.runs} == {("real", "small")}
    assert {run.seed for run in plan.runs} == {0, 1}
    assert all(run.steps_of is None for run in plan.runs)
    assert kinds(plan) >= {"measure", "evaluate-probe", "train", "evaluate"}
    assert "diagnose" not in kinds(plan)
    assert [group.architecture for group in plan.groups] == ["small"]


def test_predicting_metrics_are_added_to_those_of_the_study(plan: Plan) -> None:
    names = [metric.name for metric in plan.metrics]
    assert names[:3] == ["density", "coverage", "frechet"]
    assert {"prettiness", "prettiness-spread"} <= set(names)
    assert "clip-score" not in names  # no encoder of the study reads texts


def test_nothing_is_measured_twice(plan: Plan) -> None:
    assert all(measure.reencoded is None for dataset in plan.datasets for measure in dataset.measures)
    assert "re-encode" not in {plan.steps[key].spec.kind for key in plan.result_keys}


def test_runs_of_chosen_data_sets_are_added_in_the_first_cell(plan: Plan) -> None:
    more = plan.with_datasets({"blurred"})
    added = {(run.dataset, run.cell.architecture, run.seed) for run in more.runs} - {
        (run.dataset, run.cell.architecture, run.seed) for run in plan.runs
    }
    assert added == {("blurred", "small", 0), ("blurred", "small", 1)}
    assert set(plan.result_keys) < set(more.result_keys)
    assert set(more.result_keys) <= set(more.steps)


def test_the_linear_probe_sees_no_test_image(plan: Plan) -> None:
    tested = {dataset.name: dataset.keys.get("linear probe") for dataset in plan.datasets}
    assert tested.pop("real") is None
    for key in tested.values():
        assert key is not None
        pending, labels = [key], set()
        while pending:
            step = plan.all_steps[pending.pop()]
            labels.add(step.label)
            pending += step.inputs.values()
        assert any("real train images" in label for label in labels)
        assert not any("test images" in label for label in labels)


def test_data_sets_with_real_images_have_no_linear_probe() -> None:
    mixed = study_file({"base": {"images_per_class": 10}, "mixed": {"mix": {"base": 5, "real": 5}}})
    keys = {dataset.name: dataset.keys for dataset in forecast_plan(mixed, METRICS).datasets}
    assert "linear probe" in keys["base"]
    assert "linear probe" not in keys["mixed"]


def test_settings_that_add_seeds_later_are_left_out() -> None:
    plain = {"images_per_class": 10}
    until = study_file(
        {"base": plain, "other": {**plain, "seed": 9, "control": "base"}}, seeds=[0, 1], until="sure", at_most=4
    )
    plan = forecast_plan(until, METRICS)
    assert plan.study.train.until is None
    assert {run.seed for run in plan.all_runs} == {0, 1}
    assert Study.model_validate(plan.study.as_written()) == plan.study  # as the record holds it


def test_the_first_published_encoder_of_the_study_is_used() -> None:
    chosen = EncoderSource(name="dinov2-small")
    listed = study().model_copy(update={"encoders": (EncoderSource(name="real-trained"), chosen)})
    assert probe_encoder(listed) == chosen


def test_without_a_published_encoder_one_is_used_if_its_weights_are_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    for at_hand in (True, False):
        monkeypatch.setattr("prettyuseful.plan.forecast.packaged_file", lambda _, found=at_hand: found or None)
        monkeypatch.setattr("prettyuseful.plan.forecast.cached_snapshot", lambda _: None)
        found = probe_encoder(study())
        assert (found and found.name) == ("efficientnet-lite0" if at_hand else None)


def test_an_encoder_whose_probes_the_study_trains_gives_no_predictor() -> None:
    train = {"architectures": ["efficientnet-lite0"], "recipes": ["frozen-features"]}
    assert probe_encoder(study(**train)) is None
    other = EncoderSource(name="dinov2-small")
    listed = study(**train).model_copy(update={"encoders": (EncoderSource(name="efficientnet-lite0"), other)})
    assert probe_encoder(listed) == other

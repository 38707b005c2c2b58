"""Tests of classifiers that are found in a store, of the same study and of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.engine.store.base import Manifest
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.measured import measured_cells
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import RunRecord, read_records
from prettyuseful.study.reading import load_study, parse_study


@pytest.fixture
def text(finished: Path) -> str:
    return (finished / "my.yaml").read_text("utf-8")


@pytest.fixture
def manifests(finished: Path) -> list[Manifest]:
    return list(LocalStore(finished / "store").list())


@pytest.fixture
def plan(finished: Path) -> Plan:
    return make_plan(load_study(finished / "my.yaml"))


def test_the_tests_of_a_study_on_real_images_are_found(plan: Plan, finished: Path, manifests: list[Manifest]) -> None:
    (cell,) = measured_cells(plan, manifests)
    runs = [record for record in read_records(finished / "out" / "records") if isinstance(record, RunRecord)]
    accuracies = {
        (run.dataset, run.draw, run.seed): transfer.top1
        for run in runs
        for transfer in run.transfers
        if transfer.tested_on == "real"
    }
    found = {
        (label.partition("@")[0], *replicate): test.top1
        for label, tests in cell.tests.items()
        for replicate, test in tests.items()
    }
    assert found == accuracies
    assert (cell.planned, cell.architecture, cell.seeds) == (True, "small", 2)
    assert set(cell.tests) == {"real@7", "tiny", "captioned"}


def test_another_configuration_has_tests_of_the_same_data_sets(text: str, manifests: list[Manifest]) -> None:
    more = f"{text}recipes: {{longer: {{like: small, epochs: 99}}}}\n"
    changed = make_plan(parse_study(more.replace("seeds: [0, 1]", "seeds: [5, 6, 7], recipes: [longer]")))
    (cell,) = measured_cells(changed, manifests)
    assert (cell.planned, cell.seeds) == (False, 2)
    assert set(cell.tests) == {"real@7", "tiny", "captioned"}


def test_seeds_that_the_study_does_not_list_belong_to_its_configuration(text: str, manifests: list[Manifest]) -> None:
    (cell,) = measured_cells(make_plan(parse_study(text.replace("[0, 1]", "[1, 2]"))), manifests)
    assert (cell.planned, cell.seeds) == (True, 2)


def test_other_data_sets_are_left_out(text: str, manifests: list[Manifest]) -> None:
    (cell,) = measured_cells(make_plan(parse_study(text.replace("captioned: {", "captioned: {seed: 9, "))), manifests)
    assert set(cell.tests) == {"real@7", "tiny"}


def test_classifiers_with_pretraining_are_not_those_without(text: str, manifests: list[Manifest]) -> None:
    pretrained = text.replace("captioned: {", "captioned: {pretrain: tiny, ")
    (cell,) = measured_cells(make_plan(parse_study(pretrained)), manifests)
    assert set(cell.tests) == {"real@7", "tiny"}


def test_an_empty_store_has_no_tests(plan: Plan) -> None:
    assert measured_cells(plan, []) == []


@pytest.mark.parametrize("facts", [{}, {"top1": 7}, {"kind": 3, "top1": 0.5}])
def test_manifests_of_strangers_are_left_out(plan: Plan, manifests: list[Manifest], facts: dict[str, object]) -> None:
    strange = [m.model_copy(update={"facts": facts}) if m.step == "evaluate" else m for m in manifests]
    assert measured_cells(plan, strange) == []
    seedless = [m.model_copy(update={"spec": {"architecture": []}}) if m.step == "train" else m for m in manifests]
    assert measured_cells(plan, seedless) == []


def test_tests_whose_inputs_were_deleted_are_left_out(plan: Plan, manifests: list[Manifest]) -> None:
    for kind in ("train", "decode"):
        assert measured_cells(plan, [m for m in manifests if m.step != kind]) == []

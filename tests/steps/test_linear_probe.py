"""Linear probes on frozen features, from images to records."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.frozen import frozen_study, write_encoder

from prettyuseful.engine.store.open import open_store
from prettyuseful.metrics.transfer import transfer
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.results import StudyResult
from prettyuseful.run import run_study
from prettyuseful.study.file import REAL
from prettyuseful.study.reading import parse_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frozen")


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return frozen_study(write_encoder(folder), ", real_curve: [1, 5]")


@pytest.fixture(scope="module")
def result(folder: Path, text: str) -> StudyResult:
    return run_study(parse_study(text), folder / "out", folder / "store", workers=1)


@pytest.fixture(scope="module")
def plan(text: str) -> Plan:
    return make_plan(parse_study(text))


def test_all_transfers_have_results_with_intervals(result: StudyResult) -> None:
    real, soft = result.summary.rows
    assert result.complete
    assert real.to_real is not None
    assert soft.to_real is not None
    assert soft.gap is not None
    assert real.to_real.mean > soft.to_real.mean > 1 / 16
    assert len(set(real.seeds)) > 1
    assert len(set(soft.seeds)) == 1
    assert soft.worth is not None


def test_the_test_has_the_facts_of_a_networks_test(result: StudyResult, plan: Plan, folder: Path) -> None:
    store, run = open_store(folder / "store"), plan.runs[0]
    assert result.complete
    evaluation, fit = store.read(run.evaluations[REAL]), store.read(run.train)
    assert evaluation is not None
    assert fit is not None
    features = store.read(plan.steps[run.evaluations[REAL]].inputs["features"])
    assert features is not None
    values, labels, groups = (np.load(features.path(f"{name}.npy")) for name in ("features", "labels", "groups"))
    coefficients = np.load(fit.path("coefficients.npy"))
    logits = np.load(evaluation.path("logits.npy"))
    np.testing.assert_allclose(logits, values @ coefficients[:-1] + coefficients[-1], rtol=1e-3, atol=1e-3)
    expected = transfer(logits, labels, groups).as_json()
    assert {name: evaluation.manifest.facts[name] for name in expected} == expected
    assert {"epoch", "loss", "accuracy", "inverse_strength"} == fit.manifest.facts["last_epoch"].keys()
    log = next((folder / "out" / "training").rglob("epochs.jsonl")).read_text()
    assert json.loads(log)["epoch"] == 1


def test_a_second_run_computes_nothing(result: StudyResult, plan: Plan, folder: Path) -> None:
    assert result.complete
    assert plan.missing_steps(open_store(folder / "store")) == {}


def test_the_answer_says_what_was_measured(result: StudyResult) -> None:
    assert "a linear probe on frozen features of means reaches" in result.summary.answer[-1] + result.summary.answer[0]

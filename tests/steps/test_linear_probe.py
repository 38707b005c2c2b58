"""Linear probes on frozen features, from images to records."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.frozen import write_encoder

from prettyuseful.engine.store.open import open_store
from prettyuseful.metrics.transfer import transfer
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.results import StudyResult
from prettyuseful.run import run_study
from prettyuseful.study.file import REAL
from prettyuseful.study.reading import parse_study

COLOURS = {"blue": (100, 100, 140), "red": (140, 100, 100)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real and synthetic images of two classes that overlap."""
    root, rng = tmp_path_factory.mktemp("frozen"), np.random.default_rng(0)
    for part, count, noise in (("real", 20, 15), ("test", 20, 15), ("fake", 5, 40)):
        for label, colour in COLOURS.items():
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.normal(np.array(colour) + rng.normal(0, noise, 3), 20, (24, 24, 3))
                image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
                image.save(root / part / label / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return f"""
version: 1
task: {{real: {folder / "real"}, test: {folder / "test"}}}
datasets:
  fake: {{generator: {folder / "fake"}, images_per_class: 5}}
train:
  architectures: ["{write_encoder(folder)}"]
  recipes: [frozen-features]
  seeds: [0, 1, 2]
  real_curve: [1, 5]
metrics: []
"""


@pytest.fixture(scope="module")
def result(folder: Path, text: str) -> StudyResult:
    return run_study(parse_study(text), store=folder / "store", out=folder / "out", workers=1)


@pytest.fixture(scope="module")
def plan(text: str) -> Plan:
    return make_plan(parse_study(text))


def test_all_transfers_have_results_with_intervals(result: StudyResult) -> None:
    real, fake = result.summary.rows
    assert result.complete
    assert real.to_real is not None
    assert fake.to_real is not None
    assert fake.gap is not None
    assert real.to_real.mean > fake.to_real.mean
    assert fake.from_real is not None
    assert len(set(real.seeds)) > 1
    assert len(set(fake.seeds)) == 1
    assert fake.worth is not None


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

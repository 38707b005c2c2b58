"""A user-defined metric, from the study schema to the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from tests.runs import run_command

from prettyuseful.analysis.summary import summarise
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, UserError
from prettyuseful.plan.study import make_plan
from prettyuseful.records import StudyRecord, read_records
from prettyuseful.report.build import render
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.study.reading import json_schema, load_study

MINE = '''
import numpy as np

from prettyuseful.metrics import Metric


def from_centre(synthetic, k):
    """Return the distance of each image from the mean of its class, in units of k."""
    return np.linalg.norm(synthetic - synthetic.mean(axis=0), axis=1) / k


SPREAD = Metric(
    name="spread",
    summary="distance from the mean of the class",
    title="Spread about the mean",
    words="How far images lie from the mean of their class.",
    function=from_centre,
    reads="synthetic",
    per="synthetic image",
    low=0.0,
    k=2,
)
'''


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """Create a study with the metric, its file, and a store that contains all steps except the measurements."""
    shutil.copytree(finished / "store", tmp_path / "store")
    (tmp_path / "mine.py").write_text(MINE)
    text = (finished / "my.yaml").read_text("utf-8") + "metrics: [density, vendi, mine.py:SPREAD]\n"
    (tmp_path / "my.yaml").write_text(text, "utf-8")
    return tmp_path


@pytest.mark.integration
def test_a_user_defined_metric_reaches_schema_plan_records_json_and_report(folder: Path) -> None:
    jsonschema.validate(yaml.safe_load((folder / "my.yaml").read_text("utf-8")), json_schema())

    plan = make_plan(load_study(folder / "my.yaml"))
    steps = [step for step in plan.steps.values() if isinstance(step.spec, MeasureSpec)]
    assert {step.spec.rate_class for step in steps} == {"measure manifold", "measure vendi", "measure mine:SPREAD"}
    assert any(step.label == "measure spread of tiny by real-trained" for step in steps)

    places = ["--store", str(folder / "store"), "--out", str(folder / "out"), "--workers", "1"]
    printed = json.loads(run_command("run", str(folder / "my.yaml"), *places, "--json"))
    result = next(row for row in printed["results"] if row["dataset"] == "tiny")
    assert {"density", "vendi", "vendi-per-class", "spread"} == set(result["metrics"])
    assert any(row["metric"] == "spread" and row["reencoded"] for row in result["distribution"])

    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    step = LocalStore(folder / "store").read(tiny.keys["measure spread real-trained"])
    assert step is not None
    values = [sum(part["sums"]) / sum(part["sizes"]) for part in step.manifest.facts["parts"]["spread"]]
    assert result["metrics"]["spread"]["mean"] == pytest.approx(np.mean(values))

    (folder / "mine.py").unlink()  # readers need only the records
    records = read_records(folder / "out" / "records")
    study = next(record for record in records if isinstance(record, StudyRecord))
    names = ["density", "vendi", "vendi-per-class", "spread"]
    assert [metric.name for metric in study.metrics] == names
    page = render(summarise(records))
    assert "Spread about the mean" in page
    assert "How far images lie from the mean of their class." in page
    assert "k = 2 or 5" in page


def test_a_user_defined_metric_is_listed(folder: Path) -> None:
    own = f"{folder / 'mine.py'}:SPREAD"
    listed = json.loads(run_command("list", "metrics", own, "--json"))
    assert listed[own] == "spread: distance from the mean of the class"
    assert "coverage" in listed


def test_an_invalid_metric_raises_an_error_before_any_step_runs(folder: Path) -> None:
    (folder / "mine.py").write_text(MINE.replace('name="spread"', 'name="vendi"'))
    with pytest.raises(DataError, match=r"metrics: the metric mine:SPREAD has the name 'vendi'"):
        make_plan(load_study(folder / "my.yaml"))
    (folder / "mine.py").write_text(MINE.replace("k=2", "k=7, fewest=8"))
    with pytest.raises(DataError, match="spread: at least 8 images per class are needed for 7 nearest neighbours"):
        make_plan(load_study(folder / "my.yaml"))
    (folder / "mine.py").unlink()
    with pytest.raises(UserError, match=r"metrics: no file .*mine\.py"):
        make_plan(load_study(folder / "my.yaml"))

"""End-to-end test: a full audit of a blurred data set reports the blur and measures its accuracy cost."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from PIL import Image
from tests.photographs import SomePhotos

from prettyuseful.auditing.audit import audit, plan_audit
from prettyuseful.auditing.audit import run_audit as audit_of
from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import NOT_MEASURED, Audit, audit_schema
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.engine.session import Execution
from prettyuseful.plan.study import make_plan
from prettyuseful.study.reading import load_study, parse_study
from prettyuseful.tasks.source import TaskSource

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from planted.defects import DEFECTS

pytestmark = pytest.mark.integration
Run = Callable[[Path], Audit]
PER_CLASS = 30


def save(folder: Path, images: LabelledImages) -> Path:
    for i, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        (folder / f"class-{label:02d}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"class-{label:02d}" / f"{i:04d}.png")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, world, rng = tmp_path_factory.mktemp("full"), SomePhotos(0, per_class=PER_CLASS), np.random.default_rng(0)
    first, second = world.halves
    real = LabelledImages(
        *(np.concatenate([getattr(first, field), getattr(second, field)]) for field in ("pixels", "labels", "groups"))
    )
    save(root / "real", real)
    lines = [
        f"class-{label:02d}/{i:04d}.png,{group}"
        for i, (label, group) in enumerate(zip(real.labels, real.groups, strict=True))
    ]
    (root / "groups.csv").write_text("path,group\n" + "\n".join(lines) + "\n", "utf-8")
    save(root / "soft", DEFECTS["blur"].plant(world.draw("unseen", rng), 1.3, world, rng))
    return root


def run_audit(folders: Path) -> Audit:
    """Run the study of a full audit with two training seeds and without a curve, which other tests cover."""
    source = TaskSource(real=str(folders / "real"), groups=str(folders / "groups.csv"))
    request = plan_audit(source, [folders / "soft"], "full")
    content = yaml.safe_load(request.text)
    assert content["train"]["seeds"] == [0, 1, 2]
    content["train"] |= {"seeds": [0, 1], "real_curve": []}
    text = yaml.safe_dump(content, sort_keys=False)
    request = replace(request, text=text, study=parse_study(text, "audit"))
    plan = make_plan(request.study)
    with Execution(folders / "store", workers=1).session(request.study.numerics) as session:
        return audit_of(request, plan, session, folders / "out")


def run_complete_audit(folders: Path) -> Audit:
    return audit(
        TaskSource(real=str(folders / "real"), groups=str(folders / "groups.csv")),
        folders / "soft",
        budget="full",
        out=folders / "out",
        store=folders / "store",
        workers=1,
    )


@pytest.fixture(scope="module", params=[run_audit, run_complete_audit])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


@pytest.fixture(scope="module")
def audit_result(run: Run, folders: Path) -> Audit:
    return run(folders)


def test_the_blur_is_reported_and_its_cost_is_measured(audit_result: Audit) -> None:
    [synthetic_set] = audit_result.synthetic
    assert synthetic_set.causes != NOT_MEASURED
    first = synthetic_set.causes[0]
    assert (first.id, first.direction, first.named) == ("high-frequencies", "lost", True)
    assert first.accuracy_cost != NOT_MEASURED
    assert first.accuracy_cost.low <= first.accuracy_cost.mean <= first.accuracy_cost.high
    assert first.accuracy_cost.mean > 0.03
    assert first.gain == NOT_MEASURED  # a blur cannot be undone
    assert any(
        sentence.startswith("Reported causes for soft, largest first: high-frequencies lost")
        for sentence in audit_result.answer
    )
    assert any(
        sentence.startswith("Accuracy cost of high-frequencies lost for soft") for sentence in audit_result.answer
    )


def test_the_written_study_contains_the_interventions(audit_result: Audit, folders: Path) -> None:
    study = load_study(folders / "out" / "study.yaml")
    intervention = study.datasets["soft.real-with-high-frequencies-lost"]
    assert intervention.of == "real"
    assert intervention.transform is not None
    assert [synthetic_set.name for synthetic_set in audit_result.synthetic] == ["soft"]


def test_the_report_explains_the_cause_with_examples(audit_result: Audit) -> None:
    page = Path(audit_result.report).read_text("utf-8")
    assert "Fine detail is lost" in page
    assert "Accuracy falls by" in page
    assert page.count('class="example"') >= 3


def test_the_json_matches_its_schema_and_conditions_may_use_costs(audit_result: Audit) -> None:
    jsonschema.validate(json.loads(json.dumps(audit_result.as_json())), audit_schema())
    assert Gate.parse("causes.high-frequencies.accuracy_cost.mean > 0.03").satisfied_by(audit_result)


def test_a_second_run_reuses_the_store_and_gives_the_same_result(run: Run, audit_result: Audit, folders: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folders / "store").rglob("*") if path.is_file()}
    assert run(folders) == audit_result
    assert {path: path.stat().st_mtime_ns for path in (folders / "store").rglob("*") if path.is_file()} == before

"""A full audit of a blurred set, end to end: it names the blur, and measures what it costs."""

import json
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from prettyuseful.auditing.audit import audit
from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import NOT_MEASURED, Audit, audit_schema
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.study.reading import load_study
from prettyuseful.tasks.source import TaskSource

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from planted.defects import DEFECTS
from planted.worlds import Photos

PER_CLASS = 30


def save(place: Path, images: Labelled) -> Path:
    for i, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        (place / f"class-{label:02d}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"class-{label:02d}" / f"{i:04d}.png")
    return place


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, world, rng = tmp_path_factory.mktemp("full"), Photos(0, per_class=PER_CLASS), np.random.default_rng(0)
    one, two = world.halves
    real = Labelled(*(np.concatenate([getattr(one, of), getattr(two, of)]) for of in ("pixels", "labels", "groups")))
    save(root / "real", real)
    lines = [
        f"class-{label:02d}/{i:04d}.png,{group}"
        for i, (label, group) in enumerate(zip(real.labels, real.groups, strict=True))
    ]
    (root / "groups.csv").write_text("path,group\n" + "\n".join(lines) + "\n", "utf-8")
    save(root / "soft", DEFECTS["blur"].plant(world.draw("unseen", rng), 1.3, world, rng))
    return root


def audited(places: Path) -> Audit:
    return audit(
        TaskSource(real=str(places / "real"), groups=str(places / "groups.csv")),
        places / "soft",
        budget="full",
        out=places / "out",
        store=places / "store",
        workers=1,
    )


@pytest.fixture(scope="module")
def found(places: Path) -> Audit:
    return audited(places)


def test_the_blur_is_named_and_its_cost_is_measured(found: Audit) -> None:
    [one] = found.synthetic
    assert one.causes != NOT_MEASURED
    first = one.causes[0]
    assert (first.id, first.direction, first.named) == ("high-frequencies", "lost", True)
    assert first.accuracy_cost != NOT_MEASURED
    assert first.accuracy_cost.low <= first.accuracy_cost.mean <= first.accuracy_cost.high
    assert first.accuracy_cost.mean > 0.03
    assert first.gain == NOT_MEASURED  # nothing takes a blur back
    assert any(sentence.startswith("What holds soft back: high-frequencies lost") for sentence in found.answer)
    assert any(sentence.startswith("Training on real images after") for sentence in found.answer)


def test_the_study_it_leaves_holds_what_it_tried(found: Audit, places: Path) -> None:
    study = load_study(places / "out" / "study.yaml")
    tried = study.datasets["soft.real-with-high-frequencies-lost"]
    assert tried.of == "real"
    assert tried.transform is not None
    assert [one.name for one in found.synthetic] == ["soft"]


def test_its_report_is_a_letter_with_examples(found: Audit) -> None:
    page = Path(found.report).read_text("utf-8")
    assert "Fine detail is lost" in page
    assert "What it costs" in page
    assert page.count('class="example"') >= 3


def test_its_json_fits_its_schema_and_a_gate_can_ask_for_a_cost(found: Audit) -> None:
    jsonschema.validate(json.loads(json.dumps(found.as_json())), audit_schema())
    assert Gate.of("causes.high-frequencies.accuracy_cost.mean > 0.03").met_by(found)


def test_again_nothing_is_made_twice_and_all_is_the_same(found: Audit, places: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (places / "store").rglob("*") if path.is_file()}
    assert audited(places) == found
    assert {path: path.stat().st_mtime_ns for path in (places / "store").rglob("*") if path.is_file()} == before

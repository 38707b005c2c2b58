from __future__ import annotations

import pytest

from prettyuseful.errors import DataError
from prettyuseful.plan.experiments import with_experiment
from prettyuseful.plan.study import make_plan
from prettyuseful.selection.experiments import EXPERIMENTS, top_and_bottom
from prettyuseful.study.file import Study
from prettyuseful.study.reading import parse_study

PRETTY = EXPERIMENTS["pretty"]


def study(datasets: str, more: str = "") -> Study:
    lines = "".join(f"  {line}\n" for line in datasets.splitlines())
    return parse_study(f"version: 1\ntask: photos\ndatasets:\n{lines}{more}")


BASE = "base: {generator: pocket-base, images_per_class: 8}"


def test_every_generated_set_gets_both_ends_and_one_random_control() -> None:
    extended, notes = with_experiment(study(f"{BASE}\nmixed: {{mix: {{base: 4, real: 4}}}}"), PRETTY)
    assert list(extended.datasets) == ["base", "base.top", "base.random-50", "base.bottom", "mixed"]
    assert extended.random_controls == {"base.top": "base.random-50", "base.bottom": "base.random-50"}
    assert extended.metrics == ("density", "coverage", "prettiness")
    assert notes == ()
    plan = make_plan(extended)
    assert {d.name: d.images_per_class.smallest for d in plan.datasets if d.name == "base.top"} == {"base.top": 4}


def test_the_study_is_extended_once_and_only_by_what_it_lacks() -> None:
    own = f"{BASE}\npretty: {{select: {{of: base, by: prettiness, keep: top 50%}}}}"
    extended, _ = with_experiment(study(own, "metrics: [prettiness]"), PRETTY)
    assert list(extended.datasets) == ["base", "base.bottom", "pretty", "pretty-random"]
    assert extended.datasets["base.bottom"].control == "pretty-random"
    assert with_experiment(extended, PRETTY)[0] == extended


def test_what_the_file_leaves_out_stays_left_out() -> None:
    extended, _ = with_experiment(study(BASE), PRETTY)
    assert extended.as_written().keys() == {"version", "task", "datasets", "metrics"}


def test_a_name_that_the_study_uses_is_not_taken() -> None:
    own = f"{BASE}\nbase.top: {{generator: pocket-base, images_per_class: 3}}"
    extended, notes = with_experiment(study(own), PRETTY)
    assert extended.datasets["base.top-2"].select is not None
    assert notes == ("base.top has too few images in a class for the experiment pretty, so it is left out of it.",)


def test_selections_that_need_more_images_are_left_out_with_a_note() -> None:
    small = BASE.replace("8", "4")
    extended, notes = with_experiment(study(small), EXPERIMENTS["curate"])
    assert "base.no-copies" not in extended.datasets
    assert "base.sure-labels" in extended.datasets
    assert notes == (
        "base has too few images in a class for these selections of the experiment curate: bottom 90% by nearest-real.",
    )


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        (BASE.replace("8", "3"), "leaves some out, of at least 4, but a class has only 3"),
        ("mixed: {mix: {real: 4}}", "the experiment pretty selects generated images, but no data set has a generator"),
    ],
)
def test_studies_without_enough_generated_images_are_refused(datasets: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_experiment(study(datasets), PRETTY)


def test_any_score_can_be_tested() -> None:
    extended, _ = with_experiment(study(BASE), top_and_bottom("sharpness", "2"))
    select = extended.datasets["base.top"].select
    assert select is not None
    assert (select.by, select.keep) == ("sharpness", "top 2")
    assert extended.metrics[-1] == "sharpness"

"""The section `curve` of a study file."""

from __future__ import annotations

import jsonschema
import pytest
import yaml
from tests.study.texts import EXAMPLE, error_message

from prettyuseful.study.curve import CurvePlan, MixPoint, mixed_datasets
from prettyuseful.study.reading import json_schema, parse_study

CURVE = "curve: {real: [50, 10], synthetic: [100, 0, 20]}\n"


def with_curve(curve: str) -> str:
    return EXAMPLE + f"curve: {curve}\n"


def test_the_grid_has_a_control_in_every_row() -> None:
    curve = parse_study(EXAMPLE + CURVE).curve
    assert curve is not None
    points = [(point.real, point.synthetic) for point in curve.points]
    assert points == [(10, 0), (10, 20), (10, 100), (50, 0), (50, 20), (50, 100)]
    assert CurvePlan(real=(50, 10), synthetic=(100, 20)).points == curve.points
    assert (curve.gains, curve.fixed) == (4, "steps")
    jsonschema.validate(yaml.safe_load(EXAMPLE + CURVE), json_schema())


def test_every_data_set_with_a_generator_is_added_unless_of_names_others() -> None:
    more = "  both: {mix: {real: 5, base: 5}}\n  half: {select: {of: base, keep: random 50%}}\n"
    text = EXAMPLE.replace("train:", f"{more}train:")
    whole = parse_study(text + CURVE)
    assert whole.curve is not None
    assert mixed_datasets(whole.curve, whole.datasets) == ("base",)
    for of in ("half", "[base, half]"):
        study = parse_study(text + CURVE.replace("{real", f"{{of: {of}, real"))
        assert study.curve is not None
        assert mixed_datasets(study.curve, study.datasets) == tuple(of.strip("[]").split(", "))


def test_seeds_are_added_for_a_precision_and_looked_at_when_they_have_doubled() -> None:
    curve = CurvePlan(real=(10,), synthetic=(20,), precision=2, at_most=10)
    assert curve.seeds((0, 1, 5)) == (0, 1, 5, 6, 7, 8, 9, 10, 11, 12)
    assert curve.looks(3) == (3, 6, 10)
    fixed = CurvePlan(real=(10,), synthetic=(20,))
    assert (fixed.seeds((0, 1)), fixed.looks(2)) == ((0, 1), (2,))
    study = parse_study(with_curve("{real: [10], synthetic: [20], precision: 2, at_most: 5}"))
    assert study.all_seeds == (0, 1, 2, 3, 4)


def test_points_have_labels() -> None:
    assert MixPoint(real=50, synthetic=500).label == "50-real-500-synthetic"


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ("{real: [10], synthetic: [0]}", "synthetic needs a number above 0"),
        ("{real: [10, 10], synthetic: [5]}", "duplicate entry 10"),
        ("{real: [0], synthetic: [5]}", "expected a whole number from 1 to 1,000,000, got 0"),
        ("{real: [10], synthetic: [5], of: bse}", "of names 'bse', which is not a data set of the study; did you mean"),
        ("{real: [10], synthetic: [5], of: real}", "of names 'real', which is not a data set"),
        ("{real: [10], synthetic: [5], of: both}", "'both' contains real images"),
        ("{real: [10], synthetic: [5], of: tuned}", "'tuned' is pretrained"),
        ("{real: [10], synthetic: [5], at_most: 5}", "at_most needs precision"),
        ("{real: [10], synthetic: [5], precision: 1, at_most: 3}", "at_most is 3, but train.seeds lists 3"),
        ("{real: [10], synthetic: [5], fixed: images}", "fixed"),
        ("{real: [10], synthetic: [5], prices: {real: -1, synthetic: 0}}", "prices"),
        ("{real: [10], syntetic: [5]}", "did you mean 'synthetic'"),
    ],
)
def test_invalid_curves_are_reported(curve: str, message: str) -> None:
    more = "  both: {mix: {real: 5, base: 5}}\n  tuned: {generator: pocket-base, images_per_class: 5, pretrain: base}\n"
    error = error_message(with_curve(curve).replace("train:", f"{more}train:"))
    assert message in error
    assert "curve" in error
    assert "\n" not in error


def test_a_precision_needs_two_seeds() -> None:
    text = with_curve("{real: [10], synthetic: [5], precision: 1}").replace("[0, 1, 2]", "[0]")
    assert "precision needs at least two train.seeds" in error_message(text)


def test_a_study_without_generators_must_say_what_is_added() -> None:
    text = "version: 1\ntask: photos\ndatasets: {small: {mix: {real: 5}}}\n" + CURVE
    assert "no data set has a generator" in error_message(text)

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path

import pytest
from tests.analysis.pooled_records import RATES, write_study

from prettyuseful.analysis.replications import PooledStudy, Question, Replication, questions, read_studies
from prettyuseful.analysis.statistics import Component, Interval
from prettyuseful.errors import DataError, UnknownNameError

CELL = ("small", "small", "rgb")


def read(*folders: Path, names: Mapping[str, str] | None = None) -> dict[str, Question]:
    return {question.name: question for question in questions(read_studies(folders, names or {}))}


def test_differences_are_matched_by_the_names_of_data_sets(tmp_path: Path) -> None:
    found = read(write_study(tmp_path / "a", 0), write_study(tmp_path / "b", 1))
    assert {name: (question.family, len(question.replications)) for name, question in found.items()} == {
        "base - real": ("gap", 2),
        "other - real": ("gap", 2),
        "base - other": ("exploratory", 2),
    }
    assert found["base - real"].cell == CELL


def test_a_planned_pair_gives_the_direction_of_all_studies(tmp_path: Path) -> None:
    plans = {"other": {"generator": "pocket-base", "control": "base"}}
    first, second = write_study(tmp_path / "a", 0), write_study(tmp_path / "b", 1, changed=plans)
    alone = read(first, write_study(tmp_path / "c", 2))["base - other"].replications[0].interval
    question = read(first, second)["other - base"]
    assert question.family == "pre-registered"
    swapped = question.replications[0].interval
    assert (swapped.mean, swapped.low, swapped.high) == (-alone.mean, -alone.high, -alone.low)
    assert swapped.seeds == tuple(-seed for seed in alone.seeds)


def test_names_can_be_mapped_to_common_ones(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", 0)
    second = write_study(tmp_path / "b", 1, rates={"real": 0.8, "mine": 0.6, "other": 0.5})
    assert len(read(first, second)["base - real"].replications) == 1
    assert len(read(first, second, names={"mine": "base"})["base - real"].replications) == 2
    with pytest.raises(UnknownNameError, match="no study has a data set 'min'; did you mean 'mine'"):
        read(first, second, names={"min": "base"})
    for common in ("other", "real"):
        with pytest.raises(DataError, match=f"b: data set 'mine' cannot count as '{common}'"):
            read(first, second, names={"mine": common})


def test_the_same_study_twice_is_an_error_that_names_both(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", 0)
    copy = write_study(tmp_path / "copy", 0, images="a", store="a")
    for folders in ([first, first], [first, copy], [first, first / "records"]):
        with pytest.raises(DataError, match=f"{folders[0]} and {folders[1]} are the same study"):
            read(*folders)
    with pytest.raises(DataError, match="at least two studies"):
        read(first)


def test_the_same_study_file_on_the_same_test_images_is_the_same_study(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", 0, images="same")
    with pytest.raises(DataError, match="are the same study"):
        read(first, write_study(tmp_path / "b", 1, images="same", title="Another title"))
    read(first, write_study(tmp_path / "b", 1))
    read(first, write_study(tmp_path / "c", 1, images="same", seeds=(3, 4, 5)))


def test_a_classifier_counts_once(tmp_path: Path) -> None:
    """The second study adds a seed to the first one, in the same store; the third one has its own classifiers."""
    first = write_study(tmp_path / "a", 0, store="shared")
    second = write_study(tmp_path / "b", 1, store="shared", seeds=(0, 1, 2, 3))
    third = write_study(tmp_path / "c", 2)
    question = read(first, second, third)["base - other"].without_repeats
    assert [one.study.folder for one in question.replications] == [str(second), str(third)]
    assert question.repeats == ((str(second), str(first)),)


def test_test_images_of_all_some_or_no_studies_are_the_same(tmp_path: Path) -> None:
    a, b = (write_study(tmp_path / name, i, images="x", seeds=(3 * i, 3 * i + 1)) for i, name in enumerate("ab"))
    c, single = write_study(tmp_path / "c", 2), write_study(tmp_path / "d", 3, images="x", seeds=(9,))

    def images(*folders: Path) -> tuple[bool, bool]:
        question = read(*folders)["base - real"]
        return question.same_images, question.shared_images

    assert images(a, b) == (True, False)
    assert images(a, c) == (False, False)
    assert images(a, b, c) == (False, True)
    assert images(a, single) == (False, True)  # one seed says nothing of what does not come from the test images


def interval(*components: Component) -> Interval:
    return Interval(0.1, 0.0, 0.3, 0.95, "", components=components)


def replication(tmp_path: Path, of: Interval) -> Replication:
    study: PooledStudy = read_studies([write_study(tmp_path / "a", 0), write_study(tmp_path / "b", 1)], {})[0]
    return Replication(study, "base", "real", CELL, of)


def test_the_error_of_a_study_is_split_where_test_images_are_common(tmp_path: Path) -> None:
    images = Component("test images", 4e-4, 40.0, 50)
    seeds, draws = Component("training seeds", 2e-4, 2.0, 3), Component("draws", 1e-4, 1.0, 2)
    one = replication(tmp_path, interval(images, seeds, draws))
    estimate = one.estimate(same_images=False)
    assert estimate.variance == pytest.approx(7e-4)
    assert estimate.dof == pytest.approx(7e-4**2 / (4e-4**2 / 40 + 2e-4**2 / 2 + 1e-4**2))
    split = one.estimate(same_images=True)
    assert (split.variance, split.common, split.common_dof) == pytest.approx((3e-4, 4e-4, 40.0))
    assert split.dof == pytest.approx(3e-4**2 / (2e-4**2 / 2 + 1e-4**2))


def test_where_nothing_varied_the_bound_gives_the_error(tmp_path: Path) -> None:
    one = replication(tmp_path, interval())
    assert not one.separable
    estimate = one.estimate(same_images=False)
    assert estimate.variance**0.5 == pytest.approx(0.2 / 1.96, rel=1e-3)
    assert estimate.dof == inf


def test_without_results_a_study_has_no_differences(tmp_path: Path) -> None:
    failed = write_study(tmp_path / "b", 1, failed=("base", "other"))
    assert {name: len(q.replications) for name, q in read(write_study(tmp_path / "a", 0), failed).items()} == {
        "base - real": 1,
        "other - real": 1,
        "base - other": 1,
    }
    assert RATES.keys() == {"real", "base", "other"}

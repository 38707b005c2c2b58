import numpy as np
import pytest

from prettyuseful.diagnosis.images import (
    LabelledImages,
    half_rows,
    parts_per_class,
    rows_by_unit,
    sample_groups,
    split_groups,
)
from prettyuseful.errors import DataError


def images(per_class: int, classes: int = 3, images_per_group: int = 1) -> LabelledImages:
    labels = np.repeat(np.arange(classes), per_class)
    groups = np.array([f"{label}/{i // images_per_group}" for label in range(classes) for i in range(per_class)])
    return LabelledImages(np.zeros((len(labels), 4, 4, 3), np.uint8), labels, groups)


def test_few_classes_are_split_until_there_are_enough_units() -> None:
    assert [parts_per_class(n) for n in (2, 5, 8, 15, 16, 200)] == [8, 4, 2, 2, 1, 1]


def test_units_partition_the_images_and_share_no_group() -> None:
    labelled = images(24, images_per_group=2)
    units = rows_by_unit(labelled, 3, 2, "the images")
    assert sorted(np.concatenate(units)) == list(range(len(labelled)))
    assert all(len(set(labelled.labels[unit])) == 1 for unit in units)
    assert not set(labelled.groups[units[0]]) & set(labelled.groups[units[1]])


def test_too_few_images_of_a_class_raise_an_error() -> None:
    with pytest.raises(DataError, match=r"class 0 of the images has 5 images in 5 groups"):
        rows_by_unit(images(5), 3, 1, "the images")


def test_parts_do_not_depend_on_the_order_of_the_images() -> None:
    groups = np.array([f"g{i // 3}" for i in range(60)])
    order = np.random.default_rng(0).permutation(60)
    part = split_groups(groups, 4, "a test")
    assert np.array_equal(part[order], split_groups(groups[order], 4, "a test"))
    assert np.bincount(part).tolist() == [15, 15, 15, 15]


def test_sample_groups_draws_whole_groups_except_the_last() -> None:
    groups = np.repeat([f"g{i}" for i in range(10)], 4)
    rows = sample_groups(groups, 10, np.random.default_rng(0))
    assert len(rows) == 10
    assert sorted(np.unique(groups[rows], return_counts=True)[1]) == [2, 4, 4]


def test_halves_of_images_share_no_group_and_hold_every_row_once() -> None:
    labels, groups = np.arange(40) % 2, np.array([f"{i // 4}" for i in range(40)])
    first, second = (half_rows(labels, groups, part) for part in (0, 1))
    assert sorted([*first, *second]) == list(range(40))
    assert (np.diff(labels[first]) >= 0).all()
    for label in (0, 1):
        of_class = [set(groups[rows[labels[rows] == label]]) for rows in (first, second)]
        assert not of_class[0] & of_class[1]

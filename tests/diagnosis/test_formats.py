from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.data.image_facts import ImageFacts
from prettyuseful.diagnosis.formats import (
    MAX_FORMATS,
    PROPERTIES,
    FileFacts,
    FormatDifference,
    FormatFinding,
    compare_formats,
)

PNG = FileFacts("PNG", 64, 64)
JPEG = FileFacts("JPEG", 64, 64, 60, "4:2:0", "standard")


def files(file: FileFacts, count: int = 40, classes: int = 2) -> list[FileFacts]:
    return [replace(file, label=i % classes) for i in range(count)]


def mixed(seed: int, count: int = 60, per_group: int = 1) -> list[FileFacts]:
    """Return files of one folder: PNG and JPEG of any quality and size, in groups of equal files."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count // per_group):
        width, height, quality = (int(rng.integers(low, high)) for low, high in ((90, 400), (90, 400), (30, 96)))
        file = (
            FileFacts("JPEG", width, height, quality, "4:2:0", "standard")
            if number % 2
            else FileFacts("PNG", width, height)
        )
        found += [replace(file, label=number % 3, group=f"group {number}")] * per_group
    return found


def different(real: list[FileFacts], synthetic: list[FileFacts]) -> set[str]:
    return set(compare_formats(real, synthetic).different)


@pytest.mark.parametrize(
    ("real", "synthetic", "names"),
    [
        (JPEG, JPEG, set()),
        (JPEG, PNG, {"container"}),
        (JPEG, replace(JPEG, jpeg_quality=90), {"jpeg-quality"}),
        (JPEG, replace(JPEG, jpeg_quality=62), set()),
        (JPEG, replace(JPEG, jpeg_subsampling="4:4:4"), {"chroma-subsampling"}),
        (JPEG, replace(JPEG, jpeg_tables="0badcafe"), {"quantisation-tables"}),
        (PNG, replace(PNG, width=80, height=80), {"short-side"}),
        (PNG, replace(PNG, width=67, height=66), set()),
        (PNG, replace(PNG, width=96), {"aspect-ratio"}),
        (PNG, replace(PNG, converted_profile=True), {"colour-profile"}),
    ],
)
def test_each_property_is_compared_by_itself(real: FileFacts, synthetic: FileFacts, names: set[str]) -> None:
    assert different(files(real), files(synthetic)) == names


def test_the_effect_is_the_share_of_images_that_would_have_to_change() -> None:
    found = compare_formats(files(PNG), [*files(PNG, 30), *files(JPEG, 10)])
    [container] = [row for row in found.properties if row.id == "container"]
    assert container.effect == pytest.approx(0.25)
    assert (container.real, container.synthetic) == ("PNG", "75% PNG, 25% JPEG of quality 60 (4:2:0)")


def test_p_values_are_corrected_for_all_properties() -> None:
    """The smallest p-value of 1,000 assignments to the sides is 0.001, and there are seven properties."""
    found = {row.id: row.p_value for row in compare_formats(files(PNG), files(JPEG)).properties}
    assert found["container"] == pytest.approx(0.001 * len(PROPERTIES))
    assert found["short-side"] == 1


def test_rare_files_of_another_format_are_no_difference() -> None:
    assert different(files(PNG, 400), [*files(PNG, 380), *files(JPEG, 20)]) == set()


def test_a_few_files_are_not_enough_to_judge() -> None:
    assert different(files(PNG, 2, 1), files(JPEG, 2, 1)) == set()
    assert different(files(PNG, 8, 1), files(JPEG, 8, 1)) == {"container"}


def test_halves_of_one_mixed_folder_do_not_differ() -> None:
    alarms = 0
    for seed in range(30):
        side = np.random.default_rng(seed).permutation(60) % 2
        folder = mixed(seed)
        alarms += bool(different(*([folder[i] for i in np.flatnonzero(side == part)] for part in (0, 1))))
    assert alarms <= 3  # 0.6 are expected at most; more than 3 have a probability of 0.4 %


def test_equal_files_of_one_group_count_once() -> None:
    """Groups of 15 files: two groups on either side say nothing, however many files they have."""
    folder = mixed(0, 60, 15)
    assert different([f for f in folder if f.container == "PNG"], [f for f in folder if f.container == "JPEG"]) == set()


def test_other_class_sizes_are_no_difference() -> None:
    """Class 0 is PNG and class 1 is JPEG on both sides, in other numbers."""
    cats, dogs = replace(PNG, label=0), replace(JPEG, label=1)
    assert different([cats] * 50 + [dogs] * 10, [cats] * 10 + [dogs] * 50) == set()


def test_the_difference_is_a_sentence_on_both_sides() -> None:
    photo = replace(JPEG, width=128, height=96, jpeg_quality=90)
    assert compare_formats(files(JPEG), files(PNG)).sentence == (
        "the real images are JPEG of quality 60 (4:2:0); the synthetic images are PNG"
    )
    assert compare_formats(files(photo), files(replace(PNG, width=256, height=256))).sentence == (
        "the real images are JPEG of quality 90 (4:2:0) and have a short side of 96 px and an aspect ratio of 1.33; "
        "the synthetic images are PNG and have a short side of 256 px and an aspect ratio of 1.00"
    )
    tables = compare_formats(files(JPEG), files(replace(JPEG, jpeg_tables="0badcafe"))).sentence
    assert tables == (
        "the real images are JPEG with the tables of libjpeg; the synthetic images are JPEG with 1 other kind of tables"
    )
    assert compare_formats(files(PNG), files(PNG)).sentence == ""


def test_the_comparison_survives_json_and_keeps_few_formats() -> None:
    many = [replace(JPEG, width=size, height=size) for size in range(50, 50 + 3 * MAX_FORMATS)]
    found = compare_formats(many, files(PNG))
    assert len(found.real) <= MAX_FORMATS
    assert [row.count for row in found.synthetic] == [40]
    assert FormatDifference.model_validate_json(found.model_dump_json()) == found
    assert [row.id for row in found.properties] == [row.id for row in PROPERTIES]


@pytest.mark.parametrize(("vanished", "words"), [((), "are given"), (("a",), "1 cause disappears"), (("a", "b"), "2")])
def test_the_summary_counts_the_causes_that_vanish(vanished: tuple[str, ...], words: str) -> None:
    found = FormatFinding(sentence="the real images are GIF", properties=(), changes=(), vanished=vanished)
    assert found.summary.startswith("The files differ in format: the real images are GIF; ")
    assert words in found.summary


def test_a_set_without_files_does_not_differ() -> None:
    assert not compare_formats([], files(PNG)).differs
    assert not compare_formats([], []).differs


def test_facts_come_from_those_of_an_image() -> None:
    facts = ImageFacts("JPEG", 30, 20, "RGB", icc=True, jpeg_quality=70, jpeg_subsampling="4:4:4", jpeg_tables="1")
    assert FileFacts.from_image(facts, 3, "g") == FileFacts("JPEG", 30, 20, 70, "4:4:4", "1", True, 3, "g")
